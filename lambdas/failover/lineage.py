"""The shards of one stream as its markers declare them, and which of them count no more (B10, B24).

A reshard closes a shard and opens its children. The children get markers only after the bridge has read the
parent to its end. So a parent retires from lag, loss and resume once all its descendants, on every path, have
markers; until then it stands for those that have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from lifeline.lambdas.failover.markers import Parents


class Lineage:
    """Which shards were declared, and whose children they are."""

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, ...]] = {}
        self._listed: set[str] = set()
        """As the last marker that said it; after a start empty until one does."""

    def declare(self, shards: Iterable[str], parents: Parents | None) -> None:
        """A marker names the open `shards`, and `parents` of each that the stream lists, if it says so."""
        for shard in shards:
            self._parents.setdefault(shard, ())
        if parents is not None:
            for shard, its in parents.items():
                # A parent that left the list is a parent still.
                self._parents[shard] = tuple(its) or self._parents.get(shard, ())
            self._listed = {*shards, *parents}

    def parents(self, shard: str) -> tuple[str, ...]:
        """Which shards it was made of, as far as it is known."""
        return self._parents.get(shard, ())

    def ancestors(self, shard: str) -> set[str]:
        """Its parents, theirs, and so on."""
        found: set[str] = set()
        ahead = [shard]
        while ahead:
            new = set(self.parents(ahead.pop())) - found - {shard}
            found |= new
            ahead += new
        return found

    def forget(self, marked: Set[str]) -> None:
        """What the stream lists no more and counts no more; `marked` as for `retired`."""
        for shard in self.retired(marked) - self._listed:
            self._parents.pop(shard, None)

    def retired(self, marked: Set[str]) -> set[str]:
        """The shards whose descendants on every path are `marked`: have markers in every partition."""
        children: dict[str, set[str]] = {}
        for shard, parents in self._parents.items():
            for parent in parents:
                children.setdefault(parent, set()).add(shard)
        known: dict[str, bool] = {}

        def counts_no_more(shard: str) -> bool:
            if shard not in known:
                known[shard] = False  # a circle proves nothing
                below = children.get(shard, ())
                known[shard] = bool(below) and all(
                    child in marked or counts_no_more(child) for child in below
                )
            return known[shard]

        return {shard for shard in {*self._parents, *children} if counts_no_more(shard)}

    def unplaced(self, marked: Set[str]) -> set[str]:
        """Declared shards of which nothing says where they stand: neither they nor their parents."""
        retired = self.retired(marked)

        def placed(shard: str, path: frozenset[str]) -> bool:
            if shard in marked:
                return True
            parents = self._parents.get(shard, ())
            return bool(parents) and all(
                parent not in path and placed(parent, path | {parent}) for parent in parents
            )

        return {
            shard
            for shard in self._parents
            if shard not in retired and not placed(shard, frozenset({shard}))
        }

    def all_open(self, marked: Set[str]) -> bool:
        """Whether every declared shard without children is `marked`, and there is one."""
        parents = {parent for of in self._parents.values() for parent in of}
        return bool(self._parents) and set(self._parents) - parents <= marked

    def saved(self) -> dict[str, Any]:
        """As JSON: for `restored`."""
        return {shard: list(parents) for shard, parents in sorted(self._parents.items())}

    @classmethod
    def restored(cls, body: Mapping[str, Iterable[str]]) -> Lineage:
        """Raises AttributeError, TypeError for what `saved` did not make."""
        made = cls()
        made._parents = {str(shard): tuple(map(str, of)) for shard, of in body.items()}
        return made
