"""Which ports a lab takes: a block that no other run on this machine has, so that two runs do not meet.

A block is 100 ports from a multiple of 100. It is taken by a lock (one file a block in the folder for
temporary files), held until the process ends: between the choice and the first listener another run
could choose the same ports. Blocks lie outside the range from which the kernel gives connections their
ports; inside it, a connection could sit on any of ours.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab.locks import Held, hold
from lab.places import LOOPBACK
from lab.waiting import LabError, port_free

BLOCK = 100
FIRST, LAST = 14500, 65535
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
EPHEMERAL_ELSEWHERE = (32768, 65535)
"""Where the file is absent: Linux's lower bound, and IANA's upper one."""

_held: dict[int, Held] = {}
_single: list[int] = []


def ephemeral_range(source: Path = EPHEMERAL) -> tuple[int, int]:
    """First and last port that the kernel gives to connections."""
    if not source.is_file():
        return EPHEMERAL_ELSEWHERE
    first, last = source.read_text().split()
    return int(first), int(last)


def blocks(ephemeral: tuple[int, int]) -> Iterator[int]:
    """The first port of every block that a lab may take, lowest first."""
    for base in range(FIRST, LAST + 1 - (BLOCK - 1), BLOCK):
        if base + BLOCK - 1 < ephemeral[0] or base > ephemeral[1]:
            yield base


def free_block() -> int:
    """The first port of a block that is this process's from now on. Raises LabError when none is free."""
    ephemeral = ephemeral_range()
    tried = 0
    for base in blocks(ephemeral):
        tried += 1
        if base not in _held and _take(base):
            return base
    raise LabError(
        f"None of {tried} blocks of {BLOCK} ports is free on {LOOPBACK}, from {FIRST} to {LAST} without "
        f"the kernel's own {ephemeral[0]} to {ephemeral[1]}: stop what runs, or give --port-base."
    )


def claim(base: int) -> None:
    """Take the blocks that a lab with this first port touches. Raises LabError when another run has one.

    What this process holds is its own: several things of one run may share a lab's ports.
    """
    for block in sorted({base // BLOCK * BLOCK, (base + BLOCK - 1) // BLOCK * BLOCK}):
        if block in _held:
            continue
        held = hold(_lock_file(block))
        if held is None:
            raise LabError(
                f"The ports from {block} to {block + BLOCK - 1} are another run's and --port-base "
                f"{base} needs them: leave it out, or give another."
            )
        _held[block] = held


def free_port() -> int:
    """One port of a block of this process that nothing else of it was given. For single servers."""
    while True:
        if not _single:
            base = free_block()
            _single.extend(range(base, base + BLOCK))
        port = _single.pop(0)
        if port_free(port):
            return port


def _take(base: int) -> bool:
    held = hold(_lock_file(base))
    if held is None:
        return False
    if not all(port_free(port) for port in range(base, base + BLOCK)):
        held.release()
        return False
    _held[base] = held
    return True


def _lock_file(base: int) -> Path:
    return Path(tempfile.gettempdir()) / f"lifeline-ports-{base}.lock"
