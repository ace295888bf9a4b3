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
        self._exact: dict[int, tuple[int, int]] = {}
        """Sequence to digest and offset."""
        self._folded = _NOTHING_FOLDED

    def __len__(self) -> int:
        return self._folded.manifest.count + len(self._exact)

    def add(self, sequence: int, digest: int, offset: int = 0) -> bool:
        """False for a repetition."""
        if sequence <= self._folded.last or sequence in self._exact:
            return False
        self._exact[sequence] = (digest, offset)
        if len(self._exact) > MAX_EXACT:
            self._fold(KEPT_EXACT)
        return True

    def manifest(self) -> Manifest:
        """Over everything in it."""
        folded = self._folded.manifest
        digests = folded.digest
        for digest, _ in self._exact.values():
            digests ^= digest
        return Manifest(folded.count + len(self._exact), digests)

    def few(self, exact: int) -> bool:
        """Whether at most `exact` records are known one by one."""
        return len(self._exact) <= exact

    def read_from(self) -> int | None:
        """The lowest offset of a record in it; None when it is empty."""
        offsets = [offset for _, offset in self._exact.values()]
        if self._folded.manifest.count:
            offsets.append(self._folded.offset)
        return min(offsets, default=None)

    def saved(self, exact: int) -> list[Any]:
        """As JSON: for `restored`. With more than `exact` records all are folded."""
        if not self.few(exact):
            folded = Tally()
            folded._exact, folded._folded = dict(self._exact), self._folded
            folded._fold(0)
            return folded.saved(0)
        each = [[str(one), str(digest), offset] for one, (digest, offset) in self._exact.items()]
        first, last, offset = self._folded.first, self._folded.last, self._folded.offset
        return [self._folded.manifest.saved(), str(first), str(last), offset, each]

    @classmethod
    def restored(cls, row: Sequence[Any]) -> Tally:
        """Raises TypeError, ValueError for what `saved` did not make."""
        folded, first, last, offset, each = row
        made = cls()
        made._folded = _Folded(Manifest.restored(folded), int(first), int(last), int(offset))
        made._exact = {int(one): (int(digest), int(offset)) for one, digest, offset in each}
        return made

    def split(self, until: int) -> Tally:
        """Take out what lies at or under `until`.

        A folded part with records on both sides of `until` can't be parted: it is taken out whole, and agrees
        with no manifest but by an accident of 64 bits.
        """
        taken = Tally()
        if self._exact and max(self._exact) <= until:
            taken._exact, self._exact = self._exact, {}
        else:
            taken._exact = {one: known for one, known in self._exact.items() if one <= until}
            for sequence in taken._exact:
                del self._exact[sequence]
        if self._folded.first <= until:
            taken._folded, self._folded = self._folded, _NOTHING_FOLDED
        return taken

    def _fold(self, kept: int) -> None:
        """All but the newest `kept`. Sequences may lie out of order: only then does the sorting cost."""
        oldest = sorted(self._exact)[: len(self._exact) - kept]
        folded = self._folded.manifest
        offsets = [self._folded.offset] if folded.count else []
        for sequence in oldest:
            digest, offset = self._exact.pop(sequence)
            folded = folded.and_one(digest)
            offsets.append(offset)
        first = self._folded.first if self._folded.manifest.count else oldest[0]
        self._folded = _Folded(folded, first, oldest[-1], min(offsets))


@dataclass(frozen=True)
class _Folded:
    """Records that are known together only: the first and the last sequence, the lowest offset."""

    manifest: Manifest = Manifest()
    first: int = -1
    last: int = -1
    offset: int = 0


_NOTHING_FOLDED = _Folded()
