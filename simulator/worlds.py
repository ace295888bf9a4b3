"""The worlds there are: what they are called, how a seed of each is run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from simulator import faults, properties, run, sometimes
from simulator.path import faults as path_faults
from simulator.path import run as path_run
from simulator.path.sometimes import PATH_SOMETIMES


class Told(Protocol):
    """A fault of any world."""

    @property
    def what(self) -> str: ...


class Name(StrEnum):
    """Of a world."""

    AUTHORITY = "authority"
    PATH = "path"


@dataclass(frozen=True)
class World:
    """`seconds`: how long a run is; `sometimes`: the rare states that its seeds must reach."""

    run: Callable[[int, Collection[int] | None], run.Finding]
    draw: Callable[[int], Sequence[Told]]
    seconds: float
    sometimes: frozenset[str]


WORLDS: dict[Name, World] = {
    Name.AUTHORITY: World(
        run.run_authority, faults.draw, properties.END_SECONDS, sometimes.SOMETIMES
    ),
    Name.PATH: World(path_run.run_path, path_faults.draw, path_run.END_SECONDS, PATH_SOMETIMES),
}
