"""Manifests: which records of one shard lie in one partition, as counted by bridge and reader (B8).

A manifest is a count and the exclusive or of the records' digests. Each record is counted once, however often
it lies in the log: a retry of the bridge, and the replicator, write some records twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

DIGEST_BYTES = 8
MAX_EXACT = 50_000
"""Records that a tally knows one by one: 50 s without a marker at 1,000 records/s, the most a shard takes."""
KEPT_EXACT = 5_000
"""The newest records stay exact when the older ones are folded: a marker may come a batch later than they."""


def digest_of(sequence: bytes, value: bytes) -> int:
    """64 bits over a record's place in its shard, as the header says it, and its bytes."""
    found = blake2b(sequence, digest_size=DIGEST_BYTES)
    found.update(b"\n")
    found.update(value)
    return int.from_bytes(found.digest(), "big")


@dataclass(frozen=True)
class Manifest:
    """`count` distinct records; `digest` is the exclusive or of their digests."""

    count: int = 0
    digest: int = 0

    def __add__(self, other: Manifest) -> Manifest:
        return Manifest(self.count + other.count, self.digest ^ other.digest)

    def saved(self) -> list[Any]:
        """As JSON: for `restored`."""
        return [self.count, str(self.digest)]

    @classmethod
    def restored(cls, row: Sequence[Any]) -> Manifest:
        """Raises TypeError, ValueError for what `saved` did not make."""
        count, digest = row
        return cls(int(count), int(digest))

    def and_one(self, digest: int) -> Manifest:
        """With one record more."""
        return Manifest(self.count + 1, self.digest ^ digest)


class Tally:
    """The distinct records of one shard that a reader met in one partition, by their sequence.

    Invariant: its size is bounded. Beyond `MAX_EXACT` the oldest are folded into one manifest; a record at or
    under the folded part is then taken for a repetition, so what is missing stays missing.
    """

    def __init__(self) -> None:
        self._exact: dict[int, int] = {}
        self._folded = Manifest()
        self._folded_from = self._folded_to = -1

    def __len__(self) -> int:
        return self._folded.count + len(self._exact)

    def add(self, sequence: int, digest: int) -> bool:
        """False for a repetition."""
        if sequence <= self._folded_to or sequence in self._exact:
            return False
        self._exact[sequence] = digest
        if len(self._exact) > MAX_EXACT:
            self._fold()
        return True

    def manifest(self) -> Manifest:
        """Over everything in it."""
        found = self._folded
        for digest in self._exact.values():
            found = found.and_one(digest)
        return found

    def saved(self, exact: int) -> list[Any]:
        """As JSON: for `restored`. More than `exact` records are folded."""
        if len(self._exact) > exact:
            known = [*self._exact, *([self._folded_from] if self._folded.count else [])]
            return [self.manifest().saved(), str(min(known)), str(max(known)), []]
        each = [[str(sequence), str(digest)] for sequence, digest in self._exact.items()]
        return [self._folded.saved(), str(self._folded_from), str(self._folded_to), each]

    @classmethod
    def restored(cls, row: Sequence[Any]) -> Tally:
        """Raises TypeError, ValueError for what `saved` did not make."""
        folded, low, high, each = row
        made = cls()
        made._folded = Manifest.restored(folded)
        made._folded_from, made._folded_to = int(low), int(high)
        made._exact = {int(sequence): int(digest) for sequence, digest in each}
        return made

    def few(self, exact: int) -> bool:
        """Whether at most `exact` records would be saved one by one."""
        return len(self._exact) <= exact

    def split(self, until: int) -> Tally:
        """Take out what lies at or under `until`.

        A folded part with records on both sides of `until` can't be parted: it is taken out whole, and agrees
        with no manifest but by an accident of 64 bits.
        """
        taken = Tally()
        if self._exact and max(self._exact) <= until:
            taken._exact, self._exact = self._exact, {}
        else:
            taken._exact = {one: value for one, value in self._exact.items() if one <= until}
            for sequence in taken._exact:
                del self._exact[sequence]
        if self._folded_from <= until:
            taken._folded, self._folded = self._folded, Manifest()
            taken._folded_from, taken._folded_to = self._folded_from, self._folded_to
            self._folded_from = self._folded_to = -1
        return taken

    def _fold(self) -> None:
        """Sequences may lie out of order: only then does the sorting cost."""
        oldest = sorted(self._exact)[:-KEPT_EXACT]
        for sequence in oldest:
            self._folded = self._folded.and_one(self._exact.pop(sequence))
        if self._folded_from < 0:
            self._folded_from = oldest[0]
        self._folded_to = oldest[-1]
