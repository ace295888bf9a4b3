"""The report and the live page, looked at in a real browser: wide, narrow, printed, and as it grows."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill import evidence, live_view, replay, report, time_axis
from drill.live import LivePage
from drill.platform_records import instant_text, seconds_of
from scripts.browser import Browser
from scripts.pictures.drill_pages import moments
from tests.unit.drill.recorded_runs import KINDS, recorded
from tests.unit.drill.sample_evidence import body

WIDTHS = (1200, 400)
SMALLEST_LETTER = 9.0
A4_WIDTH, A4_HEIGHT = 710, 1039
"""Inside the margins of 11 mm, at 96 pixels an inch."""

OVERFLOW = """[...document.querySelectorAll("main *")].filter(one => {
  if (one.closest(".scroll, .sr, svg") || one.closest("details:not([open])")) return false;
  const box = one.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5
    || (one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== "inline"
        && !one.querySelector(".line") && !one.closest(".track, .lines, figure")));
}).map(one => one.tagName + "." + one.className + ": " + one.textContent.trim().slice(0, 60))"""
LETTERS_OUTSIDE = """[...document.querySelectorAll("svg")].filter(one => one.clientWidth > 0)
.flatMap(svg => [...svg.querySelectorAll("text")].filter(one => {
  const box = one.getBBox();
  return box.x < -0.5 || box.x + box.width > svg.viewBox.baseVal.width + 0.5
    || box.y < -2 || box.y + box.height > svg.viewBox.baseVal.height + 2;
}).map(one => one.textContent))"""
UNLABELLED = """[...document.querySelectorAll("svg, img, canvas, [role=img], .meter, .went")].filter(one =>
  !(one.getAttribute("aria-label") || "").trim() || one.getAttribute("role") !== "img"
).map(one => one.outerHTML.slice(0, 80))"""
SIGNLESS = """[...document.querySelectorAll(".figure, .objectives tr[class]")].filter(one =>
  !/[✓✗·]/.test(one.textContent)).map(one => one.textContent.trim())"""
SMALL = """[...document.querySelectorAll("svg")].filter(one => one.clientWidth > 0)
.map(svg => 11 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


def written(folder: Path, text: str) -> str:
    """A file's address."""
    path = folder / "page.html"
    path.write_text(text)
    return path.as_uri()


def long_words() -> dict[str, Any]:
    """A run in which everything that a person or a machine can name is long."""
    made = body(verdict="FAIL", failures=["edge-1: " + "JournalFull" * 30])
    made["objectives_met"] = dict.fromkeys(made["objectives_met"], False)
    made["effect"]["how"] = "GET /health of ca-central-1 said " + "x" * 90
    for step in made["timeline"]:
        step |= {"outcome": "degraded", "detail": "arn:aws:elasticfilesystem:" + "f" * 120}
    made["findings"]["lost"] = ["0123456789abcdef" * 4] * 3
    made["events"]["lost"] = 123_456_789
    made |= {"rto_seconds": 9_876.5, "rpo_seconds": 4_321.0}
    return evidence.seal(made, None)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", [*KINDS, "long", "live"])
def test_nothing_overflows_and_every_graphic_has_its_words(
    browser: Browser, tmp_path: Path, kind: str, width: int
) -> None:
    if kind == "live":
        run = recorded("pass")
        growing = replay.at(run, seconds_of(run["fault_at"]) + 22)
        page = report.render(growing, live_view.view(growing, replay.lines(growing)))
    else:
        page = report.render(long_words() if kind == "long" else recorded(kind))
    browser.open(written(tmp_path, page), width=width)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(OVERFLOW) == []
    assert browser.value(LETTERS_OUTSIDE) == []
    assert browser.value(UNLABELLED) == []
    assert browser.value(SIGNLESS) == []
    sizes = browser.value(SMALL)
    assert len(sizes) == 1
    assert sizes[0] >= SMALLEST_LETTER
    assert browser.value("document.querySelectorAll('th:not([scope])').length") == 0


CAPTIONS = """[...document.querySelectorAll(".parts li")].map((caption, number) => {
  const part = document.querySelectorAll(".went .part")[number];
  return [part.textContent.trim(), caption.getBoundingClientRect().height,
    getComputedStyle(part).backgroundColor === getComputedStyle(caption).borderLeftColor];
})"""


@pytest.mark.parametrize("kind", ["pass", "fail"])
def test_run_and_commit_stand_on_the_screen_and_each_part_of_the_time_has_its_line(
    browser: Browser, tmp_path: Path, kind: str
) -> None:
    run = recorded(kind)
    browser.open(written(tmp_path, report.render(run)), width=1200)
    shown = browser.value("document.querySelector('.crumb').innerText")
    assert run["id"] in shown
    assert run["versions"]["git"][:12] in shown
    assert ("+changes" in shown) is ("+changes" in run["versions"]["git"])
    captions = browser.value(CAPTIONS)
    assert len(captions) >= 3
    for number, (label, height, same_colour) in enumerate(captions, start=1):
        assert label == str(number)
        assert height < 30, "a short part's words were ten lines of one word each"
        assert same_colour


def test_holds_has_one_meaning_on_the_live_page() -> None:
    """A guard holds; a region has the lease."""
    run = recorded("pass")
    growing = replay.at(run, seconds_of(run["fault_at"]) + 22)
    cards = live_view.view(growing, replay.lines(growing)).regions
    assert [one.state for one in cards if one.part != "witness"] == [
        "dead; has the lease, epoch 1",
        "does not have the lease",
    ]


def test_alarms_are_a_lane_of_the_time_axis(browser: Browser, tmp_path: Path) -> None:
    """For as long as each fired; a run whose alarms nobody judged shows none."""
    run = recorded("pass")
    assert "Alarms:" not in time_axis.drawn({**run, "alarms": []})
    fault = seconds_of(run["fault_at"])

    def alarm(name: str, *states: tuple[float, str]) -> dict[str, Any]:
        changes = [{"at": instant_text(fault + at), "state": state} for at, state in states]
        return {"name": name, "region": "ca-west-1", "changes": changes, "not_provable": ""}

    quiet = alarm("events-at-risk", (-60.0, "OK"))
    assert "Alarms: 1 of 1 had figures and time to fire; none fired" in time_axis.drawn(
        {**run, "alarms": [quiet]}
    )
    fired = alarm("replication-lag-log", (-60.0, "OK"), (20.0, "ALARM"), (40.0, "OK"))
    page = report.render({**run, "alarms": [quiet, fired]})
    browser.open(written(tmp_path, page), width=400)
    assert "fire; each that did" in page
    assert "replication-lag-log (ca-west-1)" in browser.value(
        "document.querySelector('svg.narrow').textContent"
    )
    assert "events-at-risk (" not in browser.value(
        "document.querySelector('svg.narrow').textContent"
    )
    assert browser.value(LETTERS_OUTSIDE) == []
    late = alarm("replication-lag-log", (-60.0, "OK"), (900.0, "ALARM"))
    after_the_axis = time_axis.drawn({**run, "alarms": [quiet, late]})
    assert "fire; each that did" in after_the_axis
    assert "replication-lag-log (ca-west-1), later: T+900 s" in after_the_axis
    growing = replay.at({**run, "alarms": [fired]}, fault + 30)
    assert "Alarms:" not in time_axis.drawn(growing), "nobody has judged them yet"


def test_a_keeper_s_empty_lane_says_that_nothing_new_was_decided() -> None:
    """An empty lane alone looks like a keeper that does not run."""
    drawn = time_axis.drawn(recorded("noop") | {"decisions": []})
    for region in ("ca-central-1 (home)", "ca-west-1 (standby)"):
        assert f"{region}: no new decision of its keeper" in drawn
    assert "ca-west-1 (standby): new decisions of its keeper" in (time_axis.drawn(recorded("pass")))


def test_the_page_that_overflows_is_found(browser: Browser, tmp_path: Path) -> None:
    """The checks above can fail."""
    page = report.render(recorded("pass"))
    wide = page.replace("</h1>", f'</h1><p style="white-space: nowrap">{"W" * 200}</p>', 1)
    browser.open(written(tmp_path, wide), width=400)
    assert browser.value(OVERFLOW) != []
    bare = re.sub(r' aria-label="[^"]*"', "", page)
    browser.open(written(tmp_path, bare), width=1200)
    assert len(browser.value(UNLABELLED)) > 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_summary_is_printed_on_one_page(browser: Browser, tmp_path: Path, kind: str) -> None:
    run = recorded(kind)
    browser.open(written(tmp_path, report.render(run)), width=A4_WIDTH)
    browser.printed(True)
    try:
        height = browser.value("document.querySelector('.summary').getBoundingClientRect().bottom")
        assert height <= A4_HEIGHT
        assert browser.value(OVERFLOW) == []
        said = browser.value("document.querySelector('.summary').innerText")
        shown = browser.value("getComputedStyle(document.querySelector('svg.wide')).display")
        assert shown == "block"
    finally:
        browser.printed(False)
    for word in (run["id"], run["sha256"], run["versions"]["git"], "Reviewed by"):
        assert word in said
    assert f"lifeline evidence check build/drill/{run['id']}" in said
    printed = browser.pdf()
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) <= 4


@pytest.mark.parametrize("kind", ["pass", "noop"])
def test_the_live_page_grows_until_it_is_the_report(browser: Browser, kind: str) -> None:
    run = recorded(kind)
    zero = seconds_of(run["fault_at"] or run["started_at"])
    clock = [zero + 22.0]
    said: list[str] = []
    with LivePage() as page:
        page.also(said.append)("lab: deploy stacks …")
        browser.open(page.address, width=1200)
        assert "Setting up" in browser.value("document.querySelector('h1').textContent")
        assert "deploy stacks" in browser.value("document.body.textContent")
        page.follow(lambda: replay.at(run, clock[0]))
        browser.until("document.querySelector('.clock')")
        assert browser.value("document.querySelectorAll('button, input, form, a').length") == 0
        text = browser.value("document.querySelector('#page').textContent")
        assert "not checked yet" in text
        assert run["verdict"] not in text
        if kind == "pass":
            assert browser.value("document.querySelector('.clock .t').textContent") == "T+22 s"
            assert "lease not expired" in text
            since = moments(run)["plan"]
            clock[0] = zero + since
            browser.until(f"document.querySelector('.clock .t').textContent === 'T+{since:.0f} s'")
            text = browser.value("document.querySelector('#page').textContent")
            assert "What ca-west-1 does: the plan" in text
        page.end(run)
        browser.until(f"document.querySelector('#page.{run['verdict']}')")
        assert browser.value("document.querySelectorAll('.live').length") == 0
        shown = browser.value("document.querySelector('h1').textContent")
        assert "no accepted event was lost" in shown
        # The server ends with the drill; the report stays.
        assert browser.value("document.querySelectorAll('.record').length") == 1
    assert said == ["lab: deploy stacks …"]


def test_the_moments_of_the_live_page_are_the_run_s_own() -> None:
    """Fixed seconds would show something else of the next recording."""
    run = recorded("pass")
    fault, found = seconds_of(run["fault_at"]), moments(run)
    waiting = replay.at(run, fault + found["waiting"])
    view = live_view.view(waiting, replay.lines(waiting))
    assert not view.plan
    assert any(one.state == "holds" for one in view.waiting_for)
    planned = replay.at(run, fault + found["plan"])
    states = {one.state for one in live_view.view(planned, replay.lines(planned)).plan}
    assert {"done", "to come"} <= states
    with pytest.raises(ValueError, match="no takeover with a plan"):
        moments(run | {"timeline": []})


def test_the_live_page_listens_on_loopback_only_and_shows_one_page() -> None:
    import http.client

    with LivePage() as page:
        assert page.address.startswith("http://127.0.0.1:")
        connection = http.client.HTTPConnection(page.address.split("/")[2], timeout=5)
        connection.request("GET", "/other")
        assert connection.getresponse().status == 404
        connection.close()
        connection.request("POST", "/")
        assert connection.getresponse().status == 501
        connection.close()


def test_a_page_that_is_closed_while_it_loads_says_nothing_on_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The terminal showed a traceback (BrokenPipeError) in the middle of the drill's story."""
    asked, closed = threading.Event(), threading.Event()

    def read() -> dict[str, Any]:
        asked.set()
        assert closed.wait(10)
        return replay.at(run, seconds_of(run["fault_at"]) + 22)

    run = recorded("pass")
    with LivePage() as page:
        page.follow(read)
        host, port = page.address.split("/")[2].split(":")
        client = socket.create_connection((host, int(port)))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.wait(10)
        # Linger 0: the close is a reset, so that the server's write fails.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        closed.set()
    assert capfd.readouterr().err == ""
