"""What is recorded for the documentation's pictures is kept only when it shows what the picture claims."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drill import evidence
from lab import LabError
from lifeline.cli.status.facts import AlarmFacts, Facts, PlanFacts
from lifeline.cli.status.recorded import from_json
from scripts import record_pictures
from scripts.pictures.moments import MOMENTS, Look, Recorder, bodies
from scripts.record_pictures import RECORDINGS, main, refusal
from tests.unit.cli.status.looks import (
    ACTIVE_REPORT,
    HOME,
    LEASE,
    RECOVERY,
    STANDBY_REPORT,
    look,
    lost,
    region,
)
from tests.unit.drill.sample_evidence import body

NO_ALARMS = AlarmFacts(deployed=False)
BY_NAME = {one.name: one for one in MOMENTS}


def in_the_lab(facts: Facts) -> Facts:
    """No CloudWatch looks at an alarm there."""
    home, recovery = (
        replace(one, alarms=NO_ALARMS) if isinstance(one.alarms, AlarmFacts) else one
        for one in facts.regions
    )
    return replace(facts, regions=(home, recovery), witness_alarms=NO_ALARMS)


CALM = in_the_lab(look())
DONE = PlanFacts(name="recover-e4-r1", completed=True)
DEAD = in_the_lab(
    look(
        lost(HOME),
        region(RECOVERY, replace(STANDBY_REPORT, seen=(3, 70), unmoved_seconds=21.0)),
    )
)
TAKEN = in_the_lab(
    look(
        lost(HOME),
        region(RECOVERY, replace(ACTIVE_REPORT, region=RECOVERY, seen=(4, 90))),
        lease=replace(LEASE, holder=RECOVERY, writer=RECOVERY, epoch=4),
        plan=DONE,
    )
)
SHOWN = {"status-serving": CALM, "status-lost": DEAD, "status-taken": TAKEN}


@pytest.mark.parametrize("name", SHOWN)
def test_each_moment_is_shown_by_its_own_look_and_by_no_other(name: str) -> None:
    assert set(SHOWN) == set(BY_NAME)
    assert BY_NAME[name].missing(SHOWN[name]) == ""
    others = [one for other, one in SHOWN.items() if other != name]
    assert all(BY_NAME[name].missing(one) for one in others)


@pytest.mark.parametrize(
    ("name", "facts", "words"),
    [
        ("status-serving", replace(CALM, witness_alarms=AlarmFacts(deployed=True)), "no lab"),
        ("status-serving", in_the_lab(look(recovery=lost(RECOVERY))), "is unknown"),
        ("status-serving", replace(CALM, lease=None), "does not say that ca-central-1 serves"),
        ("status-lost", replace(DEAD, lease=replace(LEASE, holder=RECOVERY)), "not have the lease"),
        ("status-lost", in_the_lab(look(recovery=DEAD.regions[1])), "does not say NO"),
        ("status-taken", replace(TAKEN, plan=replace(DONE, completed=False)),
         "the plan has not completed"),
    ],
)  # fmt: skip
def test_a_look_that_shows_less_is_not_taken(name: str, facts: Facts, words: str) -> None:
    assert words in BY_NAME[name].missing(facts)


def recorder(*looks: Callable[[], Facts]) -> Recorder:
    taken = iter(looks)
    return Recorder(lambda: Look(next(taken)(), 0.4), lambda _line: None, threading.Event())


def test_it_looks_until_the_moment_shows() -> None:
    def broken() -> Facts:
        raise LabError("no answer")

    made = recorder(broken, lambda: CALM, lambda: DEAD)
    assert made.take(BY_NAME["status-lost"], seconds=60, every=0)
    assert made.kept["status-lost"].facts is DEAD
    assert "status-taken (the other region has taken over): nobody looked" in made.refusal()
    assert "status-lost" not in made.refusal()


def test_a_moment_that_never_shows_is_refused_with_what_was_missing() -> None:
    made = recorder(lambda: CALM)
    assert not made.take(BY_NAME["status-lost"], seconds=0, every=0)
    assert "it does not say NO, but YES" in made.refusal()


def test_looks_are_kept_as_they_are_read_back() -> None:
    files = bodies({name: Look(facts, 1.0) for name, facts in SHOWN.items()})
    assert {name: from_json(json.loads(text)) for name, text in files.items()} == {
        f"{name}.json": facts for name, facts in SHOWN.items()
    }


def late() -> dict[str, Any]:
    met = body()["objectives_met"] | {"recovered_in_time": False}
    return body(verdict="FAIL", rto_seconds=140.0, objectives_met=met)


@pytest.mark.parametrize(
    ("kind", "made", "words"),
    [
        ("pass", body(), ""),
        ("fail", late(), ""),
        ("pass", late(), r"ended FAIL \(recovered_in_time not met\), the picture claims PASS"),
        ("fail", body(), "ended PASS, the picture claims FAIL"),
        ("noop", body(), "a run of region-loss, the picture shows noop"),
        ("fail", late() | {"rto_seconds": None}, "claims a late recovery"),
        ("fail", late() | {"objectives_met": late()["objectives_met"]
                           | {"no_accepted_event_lost": False}}, "claims that nothing was lost"),
    ],
)  # fmt: skip
def test_a_run_is_kept_only_with_the_verdict_that_its_picture_claims(
    kind: str, made: dict[str, Any], words: str
) -> None:
    import re

    found = refusal(RECORDINGS[kind], evidence.seal(made, None))
    assert bool(found) is bool(words)
    assert re.search(words, found)


def test_evidence_of_an_older_format_or_another_hand_is_not_kept() -> None:
    old = evidence.seal(body(), None)
    old["format"] = 2
    old["sha256"] = evidence.sha256_of(old)
    assert "format 2" in refusal(RECORDINGS["pass"], old)
    edited = evidence.seal(body(), None) | {"rto_seconds": 1.0}
    with pytest.raises(evidence.EvidenceError):
        refusal(RECORDINGS["pass"], edited)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RUNS", "LOOKS"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(record_pictures, name, tmp_path / name)
    return tmp_path


def test_a_finished_run_is_kept_or_refused(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed = evidence.seal(body(), None)
    (folders / "evidence.json").write_text(json.dumps(sealed))
    assert main(["pass", "--from", str(folders)]) == 0
    kept = folders / "RUNS" / "pass.json.gz"
    assert json.loads(gzip.decompress(kept.read_bytes())) == sealed
    assert main(["fail", "--from", str(folders)]) == 1
    assert "fail is not kept: it ended PASS" in capsys.readouterr().err
    assert not (folders / "RUNS" / "fail.json.gz").exists()


def test_the_looks_of_before_go_with_new_ones(folders: Path) -> None:
    (folders / "LOOKS" / "status-old.json").write_text("{}")
    record_pictures.keep("pass", evidence.seal(body(), None), {"status-lost": Look(DEAD, 1.0)})
    assert [one.name for one in (folders / "LOOKS").iterdir()] == ["status-lost.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["late"], "'late' is no recording; allowed are pass, noop, fail"),
        (["--from", "x"], "one KIND"),
    ],
)
def test_bad_input_is_told_in_words(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert words in capsys.readouterr().err


def test_nobody_looks_at_a_lab_that_has_ended() -> None:
    """The run's end stops the looking; without it the thread would go on against ports of the next lab."""
    done = threading.Event()
    done.set()
    made = Recorder(lambda: Look(CALM, 0.4), lambda _line: None, done)
    assert not made.take(BY_NAME["status-lost"], seconds=600, every=0)
