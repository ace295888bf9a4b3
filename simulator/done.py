"""Runs that are done, one a line of a file, so that a long search goes on where it was ended."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Ran:
    """What is kept of a run. `seconds`: of processor time."""

    world: str
    seed: int
    hash: str
    violations: tuple[str, ...]
    stuck: tuple[str, ...]
    reached: tuple[str, ...]
    seconds: float

    @property
    def well(self) -> bool:
        """Nothing was violated and nobody stood still."""
        return not self.violations and not self.stuck


class Done:
    """The runs of a file, which belong to one state of the code. Without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        """Raises ValueError for a file of other code."""
        self._path = path
        self._runs: dict[tuple[str, int], Ran] = {}
        if path is None:
            return
        code = code_hash()
        if path.exists():
            whole = path.read_text()
            # A process that was ended leaves a line without its end.
            complete = whole[: whole.rfind("\n") + 1]
            first, *lines = complete.splitlines()
            if json.loads(first) != {"code": code}:
                raise ValueError(
                    f"{path} holds runs of other code: remove it, or name another file"
                )
            for body in map(json.loads, lines):
                lists = {name: tuple(body[name]) for name in ("violations", "stuck", "reached")}
                self._add(Ran(**{**body, **lists}))
            path.write_text(complete)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"code": code}) + "\n")

    def get(self, world: str, seed: int) -> Ran | None:
        """None: it is still to be run."""
        return self._runs.get((world, seed))

    def keep(self, ran: Ran) -> None:
        """From now on the run is done."""
        self._add(ran)
        if self._path is not None:
            with self._path.open("a") as lines:
                lines.write(json.dumps(asdict(ran)) + "\n")

    def _add(self, ran: Ran) -> None:
        self._runs[ran.world, ran.seed] = ran


def code_hash() -> str:
    """Of every file of this repository that is loaded as a module."""
    found = hashlib.sha256()
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    for path in sorted(Path(one).resolve() for one in files if one):
        if path.is_relative_to(ROOT) and path.suffix == ".py" and ".venv" not in path.parts:
            found.update(path.read_bytes())
    return found.hexdigest()
