"""Named runs that are kept: a seed and the numbers of its faults, in `scenarios/<name>.json`.

A seed that once failed stays here with its story; a test runs every one. When the faults are drawn
otherwise one day, the words in the file say what the run was about, and the test says that it is
another run now.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from simulator.run import Finding
from simulator.worlds import WORLDS, Name

FOLDER = Path(__file__).parent / "scenarios"
_NAME = re.compile(r"[a-z][a-z0-9-]{2,60}")


@dataclass(frozen=True)
class Scenario:
    """`faults` are the words of the seed's faults that the run has; `story` says what it showed."""

    name: str
    seed: int
    numbers: tuple[int, ...]
    faults: tuple[str, ...]
    story: str
    world: Name = Name.AUTHORITY

    def drawn(self) -> tuple[str, ...]:
        """What the seed draws today for these numbers."""
        found = WORLDS[self.world].draw(self.seed)
        return tuple(found[number].what for number in self.numbers if number < len(found))

    def run(self) -> Finding:
        """The run itself."""
        return WORLDS[self.world].run(self.seed, self.numbers)


def kept() -> tuple[Scenario, ...]:
    """Every scenario, by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.json")))


def keep(finding: Finding, *, name: str, story: str, world: Name = Name.AUTHORITY) -> Path:
    """Write a run as a named scenario. Raises ValueError for a name that is none, or taken."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"a scenario's name is lower-case words joined by '-', got {name!r}")
    path = FOLDER / f"{name}.json"
    if path.exists():
        raise ValueError(f"there is a scenario {name} already: {path}")
    drawn = WORLDS[world].draw(finding.seed)
    body = {
        "world": world.value,
        "seed": finding.seed,
        "numbers": list(finding.faults),
        "faults": [drawn[number].what for number in finding.faults],
        "story": story,
    }
    FOLDER.mkdir(exist_ok=True)
    path.write_text(json.dumps(body, indent=2) + "\n")
    return path


def _read(path: Path) -> Scenario:
    body = json.loads(path.read_text())
    return Scenario(
        name=path.stem,
        seed=int(body["seed"]),
        numbers=tuple(body["numbers"]),
        faults=tuple(body["faults"]),
        story=str(body["story"]),
        world=Name(body.get("world", Name.AUTHORITY)),
    )
