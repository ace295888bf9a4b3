"""The names of the objects in which a recovery's evidence lies: one for each run (A17)."""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIX = "recover-e"
_KEY = re.compile(r"recover-e(\d+)(?:-r(\d+))?\.json")


@dataclass(frozen=True, order=True)
class EvidenceKey:
    """`recover-e{epoch}-r{run}.json`; run 0 is one that no keeper started.

    `run` is -1 for `recover-e{epoch}.json`, as the first release named it: written as the last step, by
    whichever run came so far.
    """

    epoch: int
    run: int

    @property
    def name(self) -> str:
        """The object's key."""
        run = "" if self.run < 0 else f"-r{self.run}"
        return f"{PREFIX}{self.epoch}{run}.json"


def evidence_key(name: str) -> EvidenceKey | None:
    """What the object's name says; None for any other object."""
    found = _KEY.fullmatch(name)
    if found is None:
        return None
    return EvidenceKey(int(found[1]), -1 if found[2] is None else int(found[2]))
