"""`lifeline check-events`: the bridge's verdicts, line by line, before an edge is connected."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lifeline.cli.__main__ import main
from lifeline.lambdas.stream_bridge.validation import Accepted, judge
from tests.support.awkward_events import directed, fuzzed
from tests.support.bedside_observations import BROKEN, SHAPES
from tests.unit.stream_bridge.test_validation import ARRIVED, SCHEMAS, event

WHEN = ARRIVED.isoformat()


def run(
    capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["check-events", *arguments, "--arrived-at", WHEN])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def written(folder: Path, *bodies: bytes) -> str:
    path = folder / "events.jsonl"
    path.write_bytes(b"\n".join(bodies) + b"\n")
    return str(path)


def raw_of(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()


def test_good_events_are_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bodies = [raw_of(version=2, payload=payload) for payload in SHAPES.values()]
    code, lines, err = run(capsys, written(tmp_path, *bodies))
    assert (code, err) == (0, "")
    assert [line["line"] for line in lines] == list(range(1, len(SHAPES) + 1))
    assert {(line["verdict"], line["topic"]) for line in lines} == {
        ("accepted", "clinical.observation.recorded")
    }


def test_each_bad_event_says_why_and_names_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [raw_of(version=2, payload=payload) for payload in BROKEN.values()]
    file = written(tmp_path, raw_of(), b"", *bad, b'{"aggregateId": "Jane-Doe"', raw_of(version=9))
    code, lines, err = run(capsys, file)
    assert code == 1
    assert err.startswith(f"check-events: {len(bad) + 2} events would be rejected")
    assert [line["line"] for line in lines] == [1, *range(3, 5 + len(bad))]
    assert [line["verdict"] for line in lines].count("accepted") == 1
    assert lines[-1]["detail"] == "Released versions of ObservationRecordedEvent: 1, 2."
    assert "Jane" not in json.dumps(lines)


def test_the_verdicts_are_the_bridges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the bytes are: nothing is judged in another way, nothing ends the command."""
    every = [*directed(ARRIVED), *fuzzed(1_000, 3, ARRIVED)]
    bodies = [one for one in every if one.strip() and not {10, 13} & set(one)]
    assert len(bodies) > 1_000
    _, lines, _ = run(capsys, written(tmp_path, *bodies))
    expected = [
        {"verdict": "accepted", "topic": found.topic}
        if isinstance(found, Accepted)
        else {"verdict": "rejected", "reason": found.reason, "detail": found.detail}
        for found in (judge(one, ARRIVED, SCHEMAS) for one in bodies)
    ]
    assert [{k: v for k, v in line.items() if k != "line"} for line in lines] == expected


def test_standard_input_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw_of())))
    assert run(capsys, "-")[:2] == (
        0,
        [{"line": 1, "verdict": "accepted", "topic": "clinical.observation.recorded"}],
    )


def test_age_is_counted_from_the_arrival(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, raw_of())
    code = main(["check-events", file, "--arrived-at", "2027-06-01T00:00:00Z"])
    assert (code, json.loads(capsys.readouterr().out)["reason"]) == (1, "too-old")


@pytest.mark.parametrize("text", ["yesterday", "2026-11-21T12:00:00"])
def test_a_time_without_a_zone_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert main(["check-events", written(tmp_path), "--arrived-at", text]) == 2
    assert "no instant with a zone" in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_not_there_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-events", "no-such-file"]) == 2
    assert "no-such-file cannot be read: " in capsys.readouterr().err
