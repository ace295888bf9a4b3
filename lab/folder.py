"""The working folder of a lab: one lab at a time runs in it, and says there where it listens."""

from __future__ import annotations

from pathlib import Path

from lab.locks import Held, hold
from lab.waiting import LabError


def own(workdir: Path) -> Held:
    """The folder, from now on this lab's alone. Raises LabError when another lab runs in it.

    Without it a second run would take the first one's processes for leftovers, and end them.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    held = hold(_lock_file(workdir))
    if held is None:
        raise LabError(
            f"A lab runs in {workdir}: `python -m lab down` ends it, another folder (--workdir, "
            f"of the drill --lab-dir) runs beside it."
        )
    return held


def write_port_base(workdir: Path, port_base: int) -> None:
    """Say where the lab of this folder listens."""
    _port_file(workdir).write_text(str(port_base))


def port_base_of_running(workdir: Path) -> int:
    """The first port of the lab that runs in the folder. Raises LabError when none runs there."""
    held = hold(_lock_file(workdir)) if _lock_file(workdir).is_file() else None
    if held is not None:
        held.release()
    if held is not None or not _port_file(workdir).is_file():
        raise LabError(f"No lab runs in {workdir}: `python -m lab up` starts one.")
    return int(_port_file(workdir).read_text())


def _lock_file(workdir: Path) -> Path:
    return workdir / "lab.lock"


def _port_file(workdir: Path) -> Path:
    return workdir / "port-base"
