"""A search that was ended goes on: what is kept of its runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.done import Done, Ran

RAN = Ran("path", 7, "hash", ("an event is lost",), (), ("a state",), 1.5)


def test_runs_are_kept_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "kept.jsonl"
    Done(path).keep(RAN)
    found = Done(path)
    assert found.get("path", 7) == RAN
    assert found.get("path", 8) is None
    assert found.get("authority", 7) is None
    assert not RAN.well


def test_runs_of_other_code_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    Done(path)
    path.write_text(json.dumps({"code": "another"}) + "\n")
    with pytest.raises(ValueError, match="holds runs of other code: remove it, or name another"):
        Done(path)


def test_a_line_that_was_cut_off_by_the_end_of_the_process_is_run_again(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    Done(path).keep(RAN)
    with path.open("a") as lines:
        lines.write('{"world": "path", "se')
    assert Done(path).get("path", 7) == RAN
