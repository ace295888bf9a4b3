"""Letting the emulator write down what it knows: what a lab that is reset begins with."""

from __future__ import annotations

from pathlib import Path

from lab.emulated_memory import SAVE_SIGNAL, SAVED
from lab.processes import Processes
from lab.waiting import LabError, until

SAVE_SECONDS = 60.0


def remember(processes: Processes, memory: Path) -> None:
    """From now on an emulator that is started with this folder begins as this one is. Raises LabError."""
    processes.require_alive("emulator")
    emulator = processes.get("emulator")
    assert emulator is not None
    said = memory / SAVED
    said.unlink(missing_ok=True)
    emulator.popen.send_signal(SAVE_SIGNAL)
    until("the emulator writing down what it knows", said.is_file, seconds=SAVE_SECONDS)
    if wrong := said.read_text():
        raise LabError(f"The emulator did not write down all that it knows: {wrong}")
