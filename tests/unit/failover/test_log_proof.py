"""The proof of a log: manifests, chained markers, holes and how they close (B8-B11, B25, B27)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from lifeline.lambdas.failover.log_proof import MAX_HOLES, YOUNG_SECONDS, LogProof, Why
from lifeline.lambdas.failover.manifests import KEPT_EXACT, MAX_EXACT, Manifest, Tally
from lifeline.lambdas.failover.markers import Entry, Marker, Pair, Place

PAIR = Pair("ca-central-1", "1700000000", "shardId-000000000000")
P, Q, R = ("clinical.observation.recorded", 0), ("clinical.observation.recorded", 1), ("x", 0)


@dataclass(frozen=True)
class Record:
    """An event's record; the digest stands for its content."""

    sequence: int

    @property
    def digest(self) -> int:
        return self.sequence * 0x9E3779B97F4A7C15 % 2**64


@dataclass(frozen=True)
class Again:
    """A marker that a new process of the bridge wrote a second time."""

    marker: Marker


Read = Record | Marker | Again


def link(
    previous: int | None, sequence: int, *records: int, places: tuple[Place, ...] = (P,)
) -> Marker:
    """A marker whose manifest counts `records`."""
    manifest = Manifest()
    for one in records:
        manifest = manifest.and_one(Record(one).digest)
    return Marker(
        *(PAIR, sequence, sequence, (PAIR.shard,), places),
        previous=previous,
        manifest=None if previous is None else manifest,
    )


def feed(
    proof: LogProof, read: Iterable[Read], place: Place = P, now: float = 0.0, run: str = ""
) -> None:
    for one in read:
        if isinstance(one, Marker):
            proof.marker(one, place, now=now, run=run)
        elif isinstance(one, Again):
            proof.marker(one.marker, place, now=now, run=run, again=True)
        else:
            proof.record(PAIR, place, one.sequence, one.digest, run=run)


def proven(*read: Read) -> LogProof:
    proof = LogProof()
    feed(proof, read)
    return proof


def reached(proof: LogProof) -> tuple[int, int] | None:
    """(after, sequence) of the one pair's entry."""
    entry = proof.entries().get(PAIR)
    return None if entry is None else (entry.after, entry.sequence)


def whys(proof: LogProof) -> list[tuple[int, int, Why]]:
    return [(one.after, one.until, one.why) for one in proof.unproven()]


R1, R2, R3, R4, R5 = (Record(number) for number in (1, 2, 4, 5, 7))
M3, M6, M8 = link(0, 3, 1, 2), link(3, 6, 4, 5), link(6, 8, 7)
WHOLE: list[Read] = [R1, R2, M3, R3, R4, M6, R5, M8]


def test_a_whole_log_is_proven_to_its_last_marker() -> None:
    proof = proven(*WHOLE)
    assert proof.entries() == {PAIR: Entry(8, 8, 0)}
    assert whys(proof) == []


@pytest.mark.parametrize(
    ("lost", "stands_at", "why"),
    [
        (R3, 3, (3, 6, Why.MISSING)),
        (R5, 6, (6, 8, Why.MISSING)),
        (M6, 3, (3, 6, Why.CHAIN)),
    ],
)
def test_a_lost_record_or_marker_is_named_and_never_passed(
    lost: Read, stands_at: int, why: tuple[int, int, Why]
) -> None:
    proof = proven(*(one for one in WHOLE if one is not lost), Record(9), link(8, 10, 9))
    assert reached(proof) == (0, stands_at)
    assert whys(proof) == [why]


def test_what_arrives_late_closes_its_hole_and_everything_behind_it_counts() -> None:
    proof = proven(R1, R2, M3, R4, M6, R5, M8)
    assert reached(proof) == (0, 3)
    feed(proof, [R3])
    assert reached(proof) == (0, 8)
    assert whys(proof) == []


def test_a_late_marker_closes_the_gap_that_it_left() -> None:
    proof = proven(R1, R2, M3, R3, R4, R5, M8)
    assert reached(proof) == (0, 3)
    feed(proof, [M6])
    assert reached(proof) == (0, 8)


def test_of_two_lost_markers_the_first_late_one_proves_its_part() -> None:
    proof = proven(R1, R2, M3, R3, R4, R5, Record(9), link(8, 10, 9))
    assert whys(proof) == [(3, 8, Why.CHAIN)]
    feed(proof, [M6])
    assert reached(proof) == (0, 6)
    feed(proof, [M8])
    assert reached(proof) == (0, 10)


def test_repetitions_are_counted_once() -> None:
    """The replicator is at least once, and a retry of the bridge draws its batches anew."""
    proof = proven(R1, R1, R2, R1, R2, M3, R1, R2, M3, R3, M3, R4, R3, R4, M6, R5, M8)
    assert reached(proof) == (0, 8)
    assert proof.repeated() == 9


def test_records_of_the_next_interval_may_lie_before_the_marker() -> None:
    """The bridge writes a batch's events first, whichever of them lie behind its marker (B6)."""
    assert reached(proven(R1, R2, R3, M3, R4, R5, M6, M8)) == (0, 8)


def test_a_stretch_out_of_order_is_no_hole() -> None:
    assert reached(proven(R3, R1, M3, R2, R5, M6, R4, M8)) == (0, 8)


def test_a_record_that_nobody_counted_stops_the_proof() -> None:
    """It may stand in for one that is missing: only the counts of both can say."""
    proof = proven(R1, R2, M3, R3, R4, Record(6), M6)
    assert whys(proof) == [(3, 6, Why.EXTRA)]
    proof = proven(R1, R2, M3, R3, Record(6), M6)
    assert whys(proof) == [(3, 6, Why.CHANGED)]


def test_another_content_is_not_the_record_that_was_counted() -> None:
    proof = LogProof()
    feed(proof, [R1])
    proof.record(PAIR, P, R2.sequence, 12345)
    feed(proof, [M3])
    assert reached(proof) is None


def test_a_log_that_begins_in_the_middle_claims_nothing_of_what_lay_before() -> None:
    """Retention took the beginning, or the log was made anew (B25)."""
    assert reached(proven(R4, M6, R5, M8)) == (6, 8)
    assert reached(proven(M6, R5, M8)) == (6, 8)
    assert reached(proven(M3, R3, R4, M6)) == (3, 6)
    assert reached(proven(R3, R4, M6, R5, M8)) == (3, 8)


def test_a_log_that_begins_with_a_marker_that_was_written_again_claims_from_the_next_one() -> None:
    """A new process of the bridge writes the last marker again, behind records of the next stretch.

    Where retention cuts between them, those are gone and the marker is the log's first: nobody can repair
    that, and the region that was rebuilt from it would be frozen for ever (B25).
    """
    begins = proven(Again(M6), R5, M8)
    assert (reached(begins), whys(begins)) == ((6, 8), [])
    found = proven(Again(M6), M8, Record(9), Record(11), link(8, 12, 9, 11))  # R5 lay before
    assert whys(found) == []
    assert reached(found) == (8, 12)
    nothing = link(3, 6)  # its own stretch had no record here, so it agrees
    found = proven(Again(nothing), M8, Record(9), Record(11), link(8, 12, 9, 11))
    assert whys(found) == []
    assert reached(found) == (8, 12)


def test_what_is_missing_after_that_is_a_hole_though_nothing_was_proven_yet() -> None:
    """A replicator that drops events from the first one on is named all the same (B18)."""
    found = proven(Again(M6), M8, link(8, 12, 9), link(12, 15, 13))
    assert whys(found) == [(8, 12, Why.MISSING), (12, 15, Why.MISSING)]
    assert reached(found) == (8, 8), "it claims nothing, and counts with its age (B24)"


def test_behind_a_first_marker_that_was_written_once_it_is_a_hole_at_once() -> None:
    """Nothing of its stretch can lie before it: what is missing was taken away."""
    found = proven(M6, M8, Record(9), Record(11), link(8, 12, 9, 11))
    assert whys(found) == [(6, 8, Why.MISSING)]


def test_the_beginning_may_come_late() -> None:
    proof = proven(R4, M6, R5, M8)
    feed(proof, [R3])
    assert reached(proof) == (3, 8)


def test_every_declared_partition_must_have_come_as_far() -> None:
    both = (P, Q)
    proof = LogProof()
    feed(proof, [R1, link(0, 3, 1, places=both), R3, link(3, 6, 4, places=both)], P)
    assert proof.entries() == {}
    feed(proof, [R2, link(0, 3, 2, places=both)], Q)
    assert reached(proof) == (0, 3)
    feed(proof, [link(3, 6, 5, places=both)], Q)
    assert reached(proof) == (0, 3)
    feed(proof, [R4], Q)
    assert reached(proof) == (0, 6)


def test_a_chain_that_begins_anew_leaves_a_hole() -> None:
    """The bridge lost its count: nobody can say what it wrote in between."""
    proof = proven(R1, R2, M3, R3, link(5, 8, 7), R5)
    assert whys(proof)[0] == (3, 5, Why.CHAIN)
    assert reached(proof) == (0, 3)


def test_a_marker_that_counts_from_behind_the_last_one_is_not_believed() -> None:
    proof = proven(R1, R2, M3, R3, link(2, 6, 4))
    assert reached(proof) == (0, 3)
    assert whys(proof) == [(3, 6, Why.CHAIN)]


class TestGrowth:
    """A partition that is declared later (B9): its chain begins at the last marker without it."""

    both = (P, Q)

    def test_it_counts_from_where_it_was_declared(self) -> None:
        proof = proven(R1, R2, M3, R3, link(3, 6, 4, places=self.both))
        assert reached(proof) == (0, 3), "the new partition has no marker yet"
        feed(proof, [R4, link(3, 6, 5, places=self.both)], Q)
        assert reached(proof) == (0, 6)

    def test_read_before_the_others_it_is_judged_once_they_come(self) -> None:
        proof = LogProof()
        feed(proof, [R4, link(3, 6, 5, places=self.both)], Q)
        feed(proof, [R1, R2, M3], P)
        assert reached(proof) == (0, 3)
        feed(proof, [R3, link(3, 6, 4, places=self.both)], P)
        assert reached(proof) == (0, 6)

    def test_what_it_lacks_at_its_beginning_is_never_passed(self) -> None:
        """Partition growth in the wrong order: the replicator began in the middle."""
        proof = proven(R1, R2, M3, R3, link(3, 6, 4, places=self.both))
        feed(proof, [], P)
        feed(proof, [R5, link(6, 8, 7, places=self.both)], Q)
        feed(proof, [link(6, 8, places=self.both)], P)
        assert reached(proof) == (0, 3)
        assert whys(proof) == [(3, 6, Why.LATE_START)]
        feed(proof, [R4, link(3, 6, 5, places=self.both)], Q)
        assert reached(proof) == (0, 8)

    def test_it_is_young_when_it_is_declared(self) -> None:
        """Its first marker is under way: a hole is told when it has not come in time."""
        proof = proven(R1, R2, M3)
        feed(proof, [R3, link(3, 6, 4, places=self.both)], now=70.0)
        (late,) = proof.unproven()
        assert (late.why, late.since) == (Why.LATE_START, 70.0)
        feed(proof, [link(6, 8, places=self.both)], now=80.0)
        assert [one.since for one in proof.unproven()] == [70.0]

    def test_fewer_partitions_than_before_stop_the_proof(self) -> None:
        proof = LogProof()
        feed(proof, [R1, link(0, 3, 1, places=self.both)], P)
        feed(proof, [R2, link(0, 3, 2, places=self.both)], Q)
        feed(proof, [R3, R4, link(3, 6, 4, 5)], P)
        assert reached(proof) == (0, 3)
        assert Why.FEWER_PARTITIONS in {why for _, _, why in whys(proof)}

    def test_a_list_that_was_rolled_back_and_raised_again_proves_nothing_new(self) -> None:
        """The standby never had the new partition: what was written to it meanwhile is not here."""
        grown, proof = {"places": self.both}, LogProof()
        feed(proof, [R1, R2, M3, link(3, 6, **grown), link(6, 8), link(8, 10, **grown)], P)
        assert reached(proof) == (0, 3)
        feed(proof, [link(8, 10, **grown)], Q)
        assert reached(proof) == (0, 3)
        assert Why.FEWER_PARTITIONS in {why for _, _, why in whys(proof)}


class TestReleaseBefore:
    """Markers without a manifest: their order alone proves them, as before (mixed releases)."""

    def test_they_prove_as_before(self) -> None:
        assert reached(proven(R1, link(None, 3), R3, link(None, 6))) == (-1, 6)

    def test_the_first_link_goes_on_from_them(self) -> None:
        proof = proven(R1, link(None, 2), R3, link(3, 6, 4, 5), R4)
        assert reached(proof) == (-1, 6)

    def test_the_first_link_is_counted_already(self) -> None:
        proof = proven(R1, link(None, 2), R3, link(3, 6, 4, 5))
        assert whys(proof) == [(3, 6, Why.MISSING)]

    def test_behind_a_link_they_prove_nothing(self) -> None:
        proof = proven(R1, R2, M3, R3, link(None, 6))
        assert reached(proof) == (0, 3)


class TestRepair:
    """Whole stretches of the origin's log, with a marker that counts them, copied under one run's name."""

    def test_it_closes_a_hole(self) -> None:
        proof = proven(R1, R2, M3, R4, M6, R5, M8)
        feed(proof, [R3, R4, M6], run="a")
        assert reached(proof) == (0, 8)

    def test_it_closes_a_gap_that_no_marker_covers(self) -> None:
        proof = proven(R1, R2, M3, R3, link(5, 8, 7), R5)
        feed(proof, [R3, R4, link(3, 5, 4, 5)], run="a")
        assert reached(proof) == (0, 8)

    def test_its_count_goes_before_the_bridges(self) -> None:
        """The origin's log holds a record that the bridge did not count: both logs hold it now."""
        proof = proven(R1, R2, M3, R3, R4, Record(6), M6)
        feed(proof, [R3, R4, Record(6), link(3, 6, 4, 5, 6)], run="a")
        assert reached(proof) == (0, 6)

    def test_an_interrupted_one_proves_nothing_and_the_next_one_begins_anew(self) -> None:
        proof = proven(R1, R2, M3, M6)
        feed(proof, [R3], run="a")
        assert reached(proof) == (0, 3)
        feed(proof, [R4, link(3, 6, 4, 5)], run="b")
        assert reached(proof) == (0, 3)
        feed(proof, [R3, R4, link(3, 6, 4, 5)], run="c")
        assert reached(proof) == (0, 6)

    def test_it_may_come_in_pieces(self) -> None:
        proof = proven(R1, R2, M3, R5, M8)
        feed(proof, [R3, R4, M6], run="a")
        assert reached(proof) == (0, 8)


class TestStart:
    """What a start may forget, and what it may not (B25)."""

    def test_a_hole_whose_records_were_not_saved_is_closed_by_a_repair_alone(self) -> None:
        """One too many was found: the counted ones alone, read again, would agree."""
        proof = proven(R1, R2, M3, R3, R4, Record(6), M6)
        again = restored(proof, now=2 * YOUNG_SECONDS, exact=0)
        feed(again, [R3, R4])
        assert reached(again) == (0, 3)
        feed(again, [R3, R4, Record(6), link(3, 6, 4, 5, 6)], run="a")
        assert reached(again) == (0, 6)

    def test_a_repair_that_was_under_way_is_not_finished_by_anything_else(self) -> None:
        """What it counts is the whole stretch: a plain copy of the counted records is not that."""
        proof = proven(R1, R2, M3, R3, R4, Record(6), M6)
        feed(proof, [R3], run="a")
        feed(proof, [R4])
        assert reached(proof) == (0, 3)
        again = restored(proof, now=2 * YOUNG_SECONDS, exact=0)
        feed(again, [R3, R4])
        assert reached(again) == (0, 3)
        feed(again, [R3, R4, Record(6), link(3, 6, 4, 5, 6)], run="a")
        assert reached(again) == (0, 6)

    def test_the_declarations_of_another_task_are_not_used_when_they_lack_a_set(self) -> None:
        proof = proven(R1, R2, M3, link(3, 6, places=(P, Q)))
        other = proven(R1, R2, M3, link(3, 6, places=(P, R)))
        with pytest.raises(ValueError, match="older than"):
            LogProof.restored(other.saved_declarations(), [], {P: proof.saved(P, 0.0)}, 0.0)


def restored(proof: LogProof, *, now: float, exact: int) -> LogProof:
    rows = {P: proof.saved(P, now, exact)}
    return LogProof.restored(proof.saved_declarations(), proof.saved_lineages(), rows, now)


class TestBounds:
    """What a reader keeps does not grow with the time that something is wrong."""

    def test_more_records_than_are_kept_one_by_one_are_still_proven(self) -> None:
        count = MAX_EXACT + 2_000
        records = [Record(number) for number in range(1, count + 1)]
        manifest = Manifest()
        for one in records:
            manifest = manifest.and_one(one.digest)
        last = replace(link(0, count + 1), manifest=manifest)
        assert reached(proven(*records, last)) == (0, count + 1)
        assert reached(proven(*records[:9], *records[10:], last)) is None

    def test_a_tally_keeps_few_of_them(self) -> None:
        tally = Tally()
        for number in range(3 * MAX_EXACT):
            tally.add(number, number)
        assert len(tally) == 3 * MAX_EXACT
        assert len(tally._exact) <= MAX_EXACT
        assert len(tally._exact) >= KEPT_EXACT

    def test_a_record_that_was_folded_is_not_counted_again(self) -> None:
        tally = Tally()
        for number in range(1, MAX_EXACT + 2):
            assert tally.add(number, number)
        assert not tally.add(7, 7)
        assert len(tally) == MAX_EXACT + 1

    def test_a_folded_part_that_reaches_too_far_agrees_with_nothing(self) -> None:
        tally = Tally()
        for number in range(1, MAX_EXACT + 2):
            tally.add(number, number)
        assert tally.split(5).manifest() != Manifest(5, 1 ^ 2 ^ 3 ^ 4 ^ 5)

    def test_holes_that_late_markers_part_stay_bounded(self) -> None:
        proof = proven(R1, R2, M3, link(9_000, 9_001))
        for number in range(10, 10 + 4 * MAX_HOLES, 2):
            feed(proof, [link(number, number + 2, 9_999_999)])
        assert len(whys(proof)) <= MAX_HOLES
        assert reached(proof) == (0, 3)

    def test_what_all_holes_found_is_bounded_together(self) -> None:
        proof = proven(R1, R2, M3)
        for number in range(4):
            records = range(100_000 * (number + 1), 100_000 * (number + 1) + 20_000)
            feed(proof, (Record(one) for one in records))
            feed(
                proof,
                [link(99_999 + 100_000 * number if number else 3, 199_999 + 100_000 * number, 1)],
            )
        [place] = proof._pairs[PAIR].places.values()
        assert sum(len(hole.found) for hole in place.holes) <= MAX_EXACT
        assert reached(proof) == (0, 3)

    def test_holes_are_joined_when_there_are_too_many(self) -> None:
        proof = proven(R1, R2, M3)
        for number in range(10, 10 + 4 * MAX_HOLES, 2):
            feed(proof, [link(number - 2 if number > 10 else 3, number, 9_999_999)])
        assert len(whys(proof)) == MAX_HOLES
        assert reached(proof) == (0, 3)
        assert whys(proof)[-1][1] == 10 + 4 * MAX_HOLES - 2


CHILD = PAIR._replace(shard="shardId-000000000001")


def resharded(lost_in: Place | None) -> LogProof:
    """A parent's last marker and then its child's, in two partitions; one lacks the parent's."""
    proof = LogProof()
    places = (P, Q)
    lineage = {PAIR.shard: (), CHILD.shard: (PAIR.shard,)}
    for place in places:
        read: list[Read] = [R1, R2, link(0, 3, 1, 2, places=places), R3]
        feed(proof, read, place)
        if place != lost_in:
            feed(proof, [link(3, 4, 4, places=places)], place)
        proof.marker(
            Marker(CHILD, 9, 9, (CHILD.shard,), places, 8, Manifest(), lineage), place, now=1.0
        )
    proof.find_lost_ends(1.0)
    return proof


def test_the_last_marker_of_a_closed_shard_is_missed_without_a_next_one() -> None:
    """Found by seed 5135 of the path world: its last events were never called safe, and nobody was told."""
    proof = resharded(lost_in=P)
    assert whys(proof) == [(3, 4, Why.CHAIN)]
    assert not proof.vector()[PAIR].retired
    feed(proof, [link(3, 4, 4, places=(P, Q))], run="run-1")
    feed(proof, [R3], run="run-1")
    assert whys(proof) == []
    assert proof.vector()[PAIR] == Entry(4, 4, 0, retired=True)


def test_a_closed_shard_that_ends_everywhere_has_no_hole() -> None:
    proof = resharded(lost_in=None)
    assert whys(proof) == []
    assert proof.vector()[PAIR].retired


def test_an_open_shard_waits_for_its_marker_without_a_word() -> None:
    """Partitions are read side by side, and a region may be lost between two of them."""
    proof = LogProof()
    for place in (P, Q):
        feed(proof, [R1, R2, link(0, 3, 1, 2, places=(P, Q)), R3], place)
    feed(proof, [link(3, 4, 4, places=(P, Q))])
    proof.find_lost_ends(1.0)
    assert whys(proof) == []
    assert reached(proof) == (0, 3)
