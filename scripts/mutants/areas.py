"""What is changed, which tests must notice, and how many of the changes they must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Area:
    """`wanted` is a percentage. `tests` are folders and files: for a mutant, those run that reach it."""

    name: str
    wanted: int
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    without: tuple[str, ...] = ()

    def files(self) -> list[str]:
        """The paths of its sources."""
        found = {path for glob in self.sources for path in ROOT.glob(glob)}
        named = sorted(str(path.relative_to(ROOT)) for path in found)
        return [one for one in named if not one.endswith("__init__.py") and one not in self.without]


AREAS = (
    Area(
        "failover",
        90,
        ("lambdas/failover/*.py",),
        (
            "tests/unit/failover",
            "tests/unit/keeper",
            "tests/unit/adapters",
            # Of a module that one function alone asks, the test lies beside that function's.
            "tests/unit/archiver",
            "tests/unit/failover_step",
            "tests/unit/lag_meter",
            "tests/unit/test_protocol_constants.py",
        ),
        # Words for people.
        ("lambdas/failover/reason_words.py",),
    ),
    Area("keeper", 80, ("lambdas/keeper/*.py",), ("tests/unit/keeper", "tests/unit/failover")),
    Area(
        "steps",
        80,
        ("lambdas/failover_step/*.py",),
        ("tests/unit/failover_step", "tests/unit/failover"),
    ),
    Area(
        "bridge",
        80,
        ("lambdas/stream_bridge/*.py",),
        ("tests/unit/stream_bridge",),
    ),
    Area(
        "positions",
        80,
        tuple(
            f"services/event_applier/{name}.py"
            for name in ("positions", "pace", "sequence_runs", "copy_choice")
        ),
        ("tests/unit/event_applier",),
    ),
    Area(
        "checker",
        80,
        tuple(
            f"drill/{name}.py"
            for name in (
                "checker",
                "verdict",
                "objective_rows",
                "order",
                "safety",
                "ledger",
                "decided",
            )
        ),
        ("tests/unit/drill",),
    ),
)
"""The names are those of the command's `--area`."""


def chosen(words: list[str]) -> dict[Area, list[str]]:
    """The files of each area that is named, all without a word; a file's name alone chooses that file.

    Raises ValueError for a word that is neither.
    """
    found: dict[Area, list[str]] = {}
    for word in words or [area.name for area in AREAS]:
        of_word = {
            area: [path for path in area.files() if word in (area.name, Path(path).stem)]
            for area in AREAS
        }
        if not any(of_word.values()):
            names = ", ".join(area.name for area in AREAS)
            raise ValueError(f"no area and no file of one is called {word!r}; areas: {names}")
        for area, paths in of_word.items():
            if paths:
                found[area] = sorted({*found.get(area, []), *paths})
    return found
