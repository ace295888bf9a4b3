"""The applier's health check: its loop turns, or the container is replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lifeline.services.event_applier import healthy
from lifeline.services.shared.liveness import STILL_SECONDS, AliveFile, loop_turns


def test_a_loop_that_turns_is_alive_and_one_that_stands_is_not(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    assert not loop_turns(str(path))
    AliveFile(str(path)).touch()
    touched = os.stat(path).st_mtime
    assert loop_turns(str(path), touched + STILL_SECONDS - 1)
    assert not loop_turns(str(path), touched + STILL_SECONDS)


def test_what_cannot_be_written_grows_old_and_stops_nothing(tmp_path: Path) -> None:
    AliveFile(str(tmp_path / "missing" / "alive")).touch()
    AliveFile("").touch()


def test_apply_is_asked_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIVE_FILE", str(tmp_path / "alive"))
    assert healthy.main() == 1
    AliveFile(str(tmp_path / "alive")).touch()
    assert healthy.main() == 0
