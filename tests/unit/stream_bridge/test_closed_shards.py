"""The last records of a shard that was resharded become safe, too (B10): nobody marks a closed shard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lifeline.lambdas.failover.log_proof import LogProof
from lifeline.lambdas.failover.manifests import Manifest, digest_of
from lifeline.lambdas.failover.markers import Marker, Pair, Place, is_safe, oldest_born_ms
from lifeline.lambdas.stream_bridge.count_table import Conflict
from lifeline.lambdas.stream_bridge.shard_count import Counted, CountedMarker
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from tests.support.counts import CountsInMemory

PLACES: tuple[Place, ...] = (("a", 0), ("a", 1))
PARENT, MIDDLE, CHILD = (Pair("ca-central-1", "17", shard) for shard in ("p", "i", "c"))
LINEAGE = {"p": (), "i": ("p",), "c": ("i",)}


class Log:
    """What the bridge writes, read at once by the other region's reader."""

    def __init__(self) -> None:
        self.proof = LogProof()
        self.markers: list[CountedMarker] = []

    def batch(
        self, counts: ShardCounts, pair: Pair, *sequences: int, marker: int | None = None
    ) -> None:
        counted = []
        for one in sequences:
            digest = digest_of(str(one).encode(), b"")
            counted.append(Counted(one, PLACES[one % 2], digest))
            self.proof.record(pair, PLACES[one % 2], one, digest)
        made = None if marker is None else Marker(pair, marker, marker, (pair.shard,), PLACES)
        counts.settle(
            *(pair, counted),
            first=min(sequences),
            acknowledged=max(sequences),
            marker=made,
            write=self.write,
        )

    def write(self, marker: CountedMarker) -> None:
        self.markers.append(marker)
        for place, one in marker.records():
            self.proof.marker(one, place)

    def safe(self, pair: Pair, sequence: int) -> bool:
        return is_safe(pair, sequence, self.proof.vector())


CHILDS = Marker(CHILD, 90, 90, ("c",), PLACES, parents=LINEAGE)


def close(counts: ShardCounts, write: Callable[[CountedMarker], None]) -> int:
    return counts.close(CHILDS, write)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def table() -> CountsInMemory:
    return CountsInMemory()


@pytest.fixture
def read_to_the_end(log: Log, table: CountsInMemory) -> ShardCounts:
    """A parent with a marker and three records behind it; a shard between that lived too short for one."""
    counts = ShardCounts(table)
    log.batch(counts, PARENT, 10, 11, marker=11)
    log.batch(counts, PARENT, 12, 13, 14)
    log.batch(counts, MIDDLE, 20, 21)
    return counts


def test_the_oldest_ancestor_comes_first() -> None:
    assert CHILDS.ancestors() == [PARENT, MIDDLE]


def test_what_lies_behind_the_last_marker_of_a_closed_shard_becomes_safe(
    log: Log, read_to_the_end: ShardCounts
) -> None:
    assert not log.safe(PARENT, 14)
    assert close(read_to_the_end, log.write) == 2
    assert log.safe(PARENT, 14)
    assert log.safe(MIDDLE, 21)
    assert not list(log.proof.unproven())


def test_a_lost_record_of_them_is_a_hole(log: Log, table: CountsInMemory) -> None:
    counts = ShardCounts(table)
    log.batch(counts, PARENT, 10, marker=10)
    log.batch(counts, PARENT, 12)
    other = Log()
    for marker in log.markers:
        other.write(marker)
    close(counts, other.write)
    assert not other.safe(PARENT, 12)
    assert [one.pair for one in other.proof.unproven()][-1:] == [PARENT]


def test_it_is_written_once_whoever_reads_the_child(
    log: Log,
    table: CountsInMemory,
    read_to_the_end: ShardCounts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    close(read_to_the_end, log.write)
    assert close(ShardCounts(table), log.write) == 0
    monkeypatch.delattr(CountsInMemory, "load")  # a process asks once for each
    assert close(read_to_the_end, log.write) == 0


def test_one_that_died_before_writing_it_is_followed_by_one_that_writes_the_same(
    log: Log, table: CountsInMemory, read_to_the_end: ShardCounts
) -> None:
    refused: list[CountedMarker] = []

    def refuse(marker: CountedMarker) -> None:
        refused.append(marker)
        raise BufferError

    with pytest.raises(BufferError):
        close(read_to_the_end, refuse)
    assert close(ShardCounts(table), log.write) == 2
    assert refused[0] in log.markers
    assert log.safe(PARENT, 14)


def test_two_that_close_it_at_once_agree(
    log: Log, table: CountsInMemory, read_to_the_end: ShardCounts
) -> None:
    other = ShardCounts(table)

    def overtaken(marker: CountedMarker) -> None:
        close(other, log.write)
        log.write(marker)

    with pytest.raises(Conflict):  # its batch comes again
        close(read_to_the_end, overtaken)
    assert close(read_to_the_end, log.write) == 0
    assert log.safe(PARENT, 14)
    assert not list(log.proof.unproven())


def test_a_shard_that_was_never_counted_is_passed(log: Log, table: CountsInMemory) -> None:
    assert close(ShardCounts(table), log.write) == 0


def test_it_is_as_old_as_what_its_children_took_may_be(
    log: Log, read_to_the_end: ShardCounts
) -> None:
    """Its child `d` has no marker: of `d` nothing is here, whatever its sister's marker says (B24)."""
    sisters = replace(CHILDS, shards=("c", "d"), parents={**LINEAGE, "d": ("p",)})
    read_to_the_end.close(sisters, log.write)
    log.write(CountedMarker(replace(sisters, previous=89), (Manifest(), Manifest())))
    vector = log.proof.vector()
    assert not vector[PARENT].retired
    assert oldest_born_ms(vector) == log.markers[0].marker.born_ms < CHILDS.born_ms


def test_of_one_without_a_marker_it_is_as_old_as_its_parents(
    log: Log, table: CountsInMemory, read_to_the_end: ShardCounts
) -> None:
    close(read_to_the_end, log.write)
    parent, middle = (one.marker for one in log.markers[-2:])
    assert (parent.pair, middle.pair) == (PARENT, MIDDLE)
    assert parent.born_ms == middle.born_ms == 11


def test_of_one_of_which_nothing_is_known_it_is_as_old_as_the_stream(
    log: Log, table: CountsInMemory
) -> None:
    counts = ShardCounts(table)
    log.batch(counts, PARENT, 10, 11)
    close(counts, log.write)
    assert log.markers[-1].marker.born_ms == int(PARENT.incarnation) * 1_000
