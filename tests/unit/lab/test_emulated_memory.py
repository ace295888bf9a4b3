"""The emulator writes down what it knows when it is told to, and says what it could not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.emulated_memory import remembered_caches
from lab.memory import remember
from lab.processes import Processes
from lab.waiting import LabError

ROOT = Path(__file__).resolve().parents[3]
EMULATOR = """
import json, sys, time
from pathlib import Path
from lab.emulated_memory import save_when_told

folder, tries = Path(sys.argv[1]), []

def busy():
    tries.append(1)
    if len(tries) < 3:
        raise RuntimeError("dictionary changed size during iteration")
    return {"tries": len(tries)}

def save_state(name, state):
    if name != "lost":
        (folder / f"{name}.json").write_text(json.dumps(state))

services = {"busy": busy, "empty": lambda: None, **({"lost": dict} if sys.argv[2:] else {})}
save_when_told(lambda: services, save_state, {"ldgnf-a": 1}, folder)
(folder / "ready").touch()
time.sleep(60)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "lab")


def started(processes: Processes, folder: Path, *how: str) -> None:
    folder.mkdir()
    processes.start("emulator", [sys.executable, "-c", EMULATOR, str(folder), *how], cwd=ROOT)
    process = processes.get("emulator")
    assert process is not None
    while not (folder / "ready").exists():
        assert process.alive, processes.tail("emulator")
        with pytest.raises(subprocess.TimeoutExpired):
            process.popen.wait(0.05)


def test_what_it_knows_is_there_for_the_next_one(processes: Processes, tmp_path: Path) -> None:
    """A service that is being called meanwhile is copied again."""
    started(processes, tmp_path / "memory")
    try:
        remember(processes, tmp_path / "memory")
    finally:
        processes.stop_all()
    assert json.loads((tmp_path / "memory" / "busy.json").read_text()) == {"tries": 3}
    assert remembered_caches(tmp_path / "memory") == {"ldgnf-a": 1}
    assert remembered_caches(tmp_path) == {}


def test_a_service_that_was_not_written_down_is_named(processes: Processes, tmp_path: Path) -> None:
    started(processes, tmp_path / "memory", "lost")
    try:
        with pytest.raises(LabError, match="lost: it was not written"):
            remember(processes, tmp_path / "memory")
    finally:
        processes.stop_all()
