"""By which list of partitions a shard's records are placed, over processes that fail (B27, decision 32)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.lambdas.stream_bridge.count_table import Conflict, CountTable, Stored
from lifeline.lambdas.stream_bridge.shard_count import (
    Counted,
    CountedMarker,
    Earlier,
    Partitions,
    Placing,
    ShardCount,
)
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from tests.support.counts import CountsInMemory

PAIR = Pair("ca-central-1", "17", "shardId-0")
TWO: Partitions = (("error.dlq", 1), ("events", 2))
THREE: Partitions = (("error.dlq", 1), ("events", 3))
PLACE = ("events", 0)


def bridged(
    counts: ShardCounts, first: int, last: int, listed: Partitions, marked: bool = False
) -> tuple[Placing, list[CountedMarker]]:
    """A batch that is placed, written and settled."""
    written: list[CountedMarker] = []
    placing = counts.placing(PAIR, first, listed)
    counts.settle(
        PAIR,
        [Counted(number, PLACE, number) for number in range(first, last + 1)],
        first=first,
        acknowledged=last,
        marker=Marker(PAIR, last, last, (PAIR.shard,), (PLACE,)) if marked else None,
        write=written.append,
        listed=listed,
    )
    return placing, written


def test_another_list_counts_behind_the_batch_that_is_acknowledged_next() -> None:
    counts = ShardCounts(CountsInMemory())
    assert bridged(counts, 1, 9, TWO)[0] == Placing(TWO)
    assert bridged(counts, 10, 19, THREE)[0] == Placing(TWO)
    assert bridged(counts, 20, 29, THREE)[0] == Placing(THREE, Earlier(19, TWO))


def test_a_part_of_a_batch_that_comes_again_turns_no_list() -> None:
    """What lies behind the part was acknowledged already, by the list before."""
    counts = ShardCounts(CountsInMemory())
    bridged(counts, 1, 9, TWO)
    assert bridged(counts, 1, 5, THREE)[0] == Placing(TWO)
    assert bridged(counts, 6, 14, THREE)[0] == Placing(TWO)
    assert bridged(counts, 15, 19, THREE)[0] == Placing(THREE, Earlier(14, TWO))


def test_a_process_whose_batch_failed_asks_again_how_the_next_one_is_placed() -> None:
    """Another one may have settled that batch, and placed others by the list that grew."""
    table = CountsInMemory()
    failing, other = ShardCounts(table), ShardCounts(table)
    bridged(other, 1, 9, TWO)
    assert failing.placing(PAIR, 10, THREE) == Placing(TWO)  # and then its log refuses the records
    bridged(other, 10, 19, THREE)
    bridged(other, 20, 29, THREE, marked=True)
    assert bridged(failing, 30, 39, THREE)[0].partitions == THREE


def test_never_more_is_used_than_is_listed() -> None:
    counts = ShardCounts(CountsInMemory())
    bridged(counts, 1, 9, THREE)
    assert bridged(counts, 10, 19, TWO)[0] == Placing(TWO)
    assert bridged(counts, 20, 29, TWO)[0] == Placing(TWO, Earlier(19, TWO))


def test_a_topic_that_is_new_is_used_at_once() -> None:
    counts = ShardCounts(CountsInMemory())
    bridged(counts, 1, 9, TWO)
    more = (*TWO, ("news", 4))
    assert bridged(counts, 10, 19, more)[0] == Placing(more)


@pytest.mark.parametrize("conflicts", [1, 2])
def test_two_processes_that_meet_a_new_shard_agree(conflicts: int) -> None:
    class Contended(CountsInMemory):
        left = conflicts

        def save(self, pair: Pair, count: ShardCount, over: int) -> Stored:
            if self.left:
                self.left -= 1
                if self.left == 0:
                    super().save(pair, replace(ShardCount.begun(0), placing=Placing(TWO)), 0)
                raise Conflict
            return super().save(pair, count, over)

    counts = ShardCounts(Contended())
    assert counts.placing(PAIR, 1, THREE) == Placing(TWO)


def test_what_the_stream_lost_before_the_first_batch_was_taken_is_never_claimed() -> None:
    """The item is made before anything is written, which then failed for longer than the stream keeps."""
    table: CountTable = CountsInMemory()
    assert ShardCounts(table).placing(PAIR, 1, TWO) == Placing(TWO)
    _, written = bridged(ShardCounts(table), 50, 60, TWO, marked=True)
    [first] = written
    assert (first.marker.previous, first.marker.genesis) == (49, True)
    assert first.manifests[0].count == 11
