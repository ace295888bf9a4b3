"""What a shard's first marker counts must be in a log that goes further back than the shard (B9, B11).

A log whose beginning retention took may lack it, and nothing is claimed of that (B25). Found by seed 7013 of
the path world: a replicator dropped an event of a new shard before its first marker. The event was never
called safe, but nobody was told, and the loss that the standby told was too small.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from lifeline.lambdas.failover.log_proof import LogProof, Why
from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import (
    Entry,
    GivenUp,
    Marker,
    Pair,
    Place,
    is_safe,
    oldest_born_ms,
)

P, Q = ("clinical.observation.recorded", 0), ("clinical.observation.recorded", 1)
CREATED_MS = 1_700_000_000_000
PARENT = Pair("ca-central-1", "1700000000", "shardId-0")
CHILD, OTHER = PARENT._replace(shard="shardId-1"), PARENT._replace(shard="shardId-2")
GRANDCHILD = PARENT._replace(shard="shardId-3")
NEWER = PARENT._replace(incarnation="1700000500")
LINEAGE = {PARENT.shard: (), CHILD.shard: (PARENT.shard,), OTHER.shard: (PARENT.shard,)}
MERGED = {**LINEAGE, GRANDCHILD.shard: (CHILD.shard, OTHER.shard)}
Fed = Marker | tuple[Pair, int]


def digest(sequence: int) -> int:
    return sequence * 0x9E3779B97F4A7C15 % 2**64


def mark(
    pair: Pair, previous: int, sequence: int, *records: int, open_shards: Iterable[Pair] = (),
    lineage: dict[str, tuple[str, ...]] | None = None, genesis: bool = False,
    places: tuple[Place, ...] = (P,),
) -> Marker:  # fmt: skip
    """Its manifest counts `records`; its birth is its sequence, in seconds after the stream's creation."""
    manifest = Manifest()
    for one in records:
        manifest = manifest.and_one(digest(one))
    shards = tuple(one.shard for one in open_shards) or (pair.shard,)
    born_ms = CREATED_MS + 1_000 * sequence
    return Marker(
        *(pair, sequence, born_ms, shards, places, previous, manifest, lineage), genesis=genesis
    )


def feed(proof: LogProof, *fed: Fed, place: Place = P, run: str = "", again: bool = False) -> None:
    for one in fed:
        if isinstance(one, Marker):
            proof.marker(one, place, run=run, again=again)
        else:
            proof.record(one[0], place, one[1], digest(one[1]), run=run)


def proven(*fed: Fed) -> LogProof:
    proof = LogProof()
    feed(proof, *fed)
    return proof


def holes(proof: LogProof) -> list[tuple[str, int, int, Why]]:
    return [(one.pair.shard, one.after, one.until, one.why) for one in proof.unproven()]


OPEN_PARENT = mark(PARENT, 0, 3, 2)
LAST_OF_PARENT = mark(PARENT, 3, 5, 4, open_shards=(CHILD, OTHER))
FIRST_OF_CHILD = mark(CHILD, 9, 20, 11, 12, open_shards=(CHILD, OTHER), lineage=LINEAGE)
WITHOUT_12: tuple[Fed, ...] = ((CHILD, 11), FIRST_OF_CHILD)
HOLE = (CHILD.shard, 9, 20, Why.MISSING)


@pytest.fixture
def found() -> LogProof:
    """The parent's marker was met while it was open, and an event of its child is missing."""
    parent: tuple[Fed, ...] = ((PARENT, 2), OPEN_PARENT, (PARENT, 4), LAST_OF_PARENT)
    return proven(*parent, *WITHOUT_12)


def test_an_event_that_is_missing_before_a_childs_first_marker_is_a_hole(found: LogProof) -> None:
    assert holes(found) == [HOLE]
    assert not is_safe(CHILD, 11, found.vector())
    feed(found, (CHILD, 12))
    assert holes(found) == []
    assert found.vector()[CHILD] == Entry(20, FIRST_OF_CHILD.born_ms, 9)


def test_until_it_is_closed_the_loss_is_told_from_the_parents_last_marker(found: LogProof) -> None:
    other = mark(OTHER, 8, 30, open_shards=(CHILD, OTHER), lineage=LINEAGE)
    feed(found, other)
    assert oldest_born_ms(found.vector()) == LAST_OF_PARENT.born_ms
    feed(found, (CHILD, 12))
    assert oldest_born_ms(found.vector()) == FIRST_OF_CHILD.born_ms


def test_it_stays_counted_although_its_own_children_have_markers(found: LogProof) -> None:
    after = mark(GRANDCHILD, 40, 50, open_shards=(GRANDCHILD,), lineage=MERGED)
    feed(found, mark(OTHER, 8, 30, open_shards=(CHILD, OTHER)), after)
    assert not found.vector()[CHILD].retired
    assert oldest_born_ms(found.vector()) == LAST_OF_PARENT.born_ms
    feed(found, (CHILD, 12))
    assert found.vector()[CHILD].retired
    assert oldest_born_ms(found.vector()) == after.born_ms


@pytest.mark.parametrize(
    "before",
    [
        pytest.param((), id="nothing"),
        pytest.param(
            (replace(LAST_OF_PARENT, previous=3, manifest=Manifest()),), id="its-last-marker"
        ),
        pytest.param((mark(OTHER, 0, 3), mark(OTHER, 3, 6)), id="a-sister"),
    ],
)
def test_a_log_that_may_begin_within_the_child_claims_nothing_and_tells_nothing(
    before: tuple[Fed, ...],
) -> None:
    """The parent's last marker is written with the child's first one, behind the child's events (B25)."""
    proof = proven(*before, *WITHOUT_12)
    assert holes(proof) == []
    assert CHILD not in proof.entries()


def test_a_marker_of_the_parent_that_was_written_again_says_nothing_of_its_place() -> None:
    proof = LogProof()
    feed(proof, OPEN_PARENT, again=True)
    feed(proof, *WITHOUT_12)
    assert holes(proof) == []


def test_a_newer_stream_is_held_to_its_first_marker_where_an_older_one_had_markers() -> None:
    proof = proven((PARENT, 2), OPEN_PARENT, mark(NEWER, 9, 20, 11))
    assert holes(proof) == [(NEWER.shard, 9, 20, Why.MISSING)]
    assert proof.entries()[NEWER].born_ms == 1_000 * int(NEWER.incarnation)


def test_an_older_stream_is_not_held_to_it_by_a_newer_one() -> None:
    assert holes(proven(mark(NEWER, 9, 20), mark(PARENT, 0, 3, 2))) == []


@pytest.mark.parametrize(("genesis", "whole"), [(True, True), (True, False), (False, True)])
def test_a_partition_that_is_read_from_its_offset_0_has_what_a_first_marker_counts(
    genesis: bool, whole: bool
) -> None:
    """A new environment, or a partition that was added: nobody came before."""
    proof = LogProof()
    if whole:
        proof.note_whole(P)
    feed(proof, (PARENT, 2), mark(PARENT, 0, 3, 1, 2, genesis=genesis))
    assert holes(proof) == ([(PARENT.shard, 0, 3, Why.MISSING)] if genesis and whole else [])


def test_it_is_known_after_a_start(found: LogProof) -> None:
    saved = LogProof()
    saved.note_whole(Q)
    feed(saved, OPEN_PARENT)
    feed(saved, OPEN_PARENT, place=Q)
    rows = {place: json.loads(json.dumps(saved.saved(place, 0.0))) for place in (P, Q)}
    again = LogProof.restored(saved.saved_declarations(), saved.saved_lineages(), rows, 0.0)
    feed(again, *WITHOUT_12)
    assert holes(again) == [HOLE]
    first = mark(NEWER._replace(origin="ca-west-1"), 9, 20, 11, genesis=True)
    feed(again, first, place=Q)
    assert (NEWER.shard, 9, 20, Why.MISSING) in holes(again)


@pytest.mark.parametrize("known", [True, False])
def test_a_shard_whose_only_marker_is_missing_in_a_partition_has_a_hole_there(known: bool) -> None:
    """Its children's markers say that no other one comes."""
    proof, both = LogProof(), (P, Q)
    for place in both:
        if known:
            feed(proof, replace(OPEN_PARENT, partitions=both, manifest=Manifest()), place=place)
    first = replace(FIRST_OF_CHILD, partitions=both)
    feed(proof, (CHILD, 11), (CHILD, 12), first)
    feed(proof, (CHILD, 13), place=Q)
    other = mark(OTHER, 8, 30, open_shards=(CHILD, OTHER), lineage=LINEAGE, places=both)
    after = mark(GRANDCHILD, 40, 50, open_shards=(GRANDCHILD,), lineage=MERGED, places=both)
    for place in both:
        feed(proof, other, after, place=place)
    proof.find_lost_beginnings(0.0)
    proof.find_lost_ends(0.0)
    assert holes(proof) == ([(CHILD.shard, 9, 20, Why.CHAIN)] if known else [])
    if known:
        assert oldest_born_ms(proof.vector()) == OPEN_PARENT.born_ms
        feed(proof, mark(CHILD, 9, 20, 13), (CHILD, 13), place=Q, run="run-1")
        assert holes(proof) == []
        assert proof.vector()[CHILD].retired


def skipped(lost_in: Place | None, *, known: bool = True) -> LogProof:
    """A shard's first two markers; a replicator skipped the stretch with the first one in a partition."""
    proof, both = LogProof(), (P, Q)
    first = mark(CHILD, 9, 20, 11, open_shards=(CHILD, OTHER), lineage=LINEAGE, places=both)
    second = mark(CHILD, 20, 30, 21, open_shards=(CHILD, OTHER), places=both)
    for place in both:
        if known:
            feed(proof, replace(OPEN_PARENT, partitions=both, manifest=Manifest()), place=place)
        if place != lost_in:
            feed(proof, (CHILD, 11), first, place=place)
        feed(proof, (CHILD, 21), second, place=place)
    proof.find_lost_beginnings(1.0)
    proof.find_lost_ends(1.0)
    return proof


@pytest.mark.parametrize("lost_in", [P, Q])
def test_a_chain_that_begins_later_in_one_partition_lacks_its_beginning_there(
    lost_in: Place,
) -> None:
    """Found by seed 8234 of the path world: the skipped stretch held a shard's first markers."""
    proof = skipped(lost_in)
    assert holes(proof) == [(CHILD.shard, 9, 20, Why.CHAIN)]
    assert proof.vector()[CHILD] == Entry(9, OPEN_PARENT.born_ms, 9)
    proof.find_lost_beginnings(2.0)
    proof.find_lost_ends(2.0)
    assert len(holes(proof)) == 1
    feed(proof, (CHILD, 11), mark(CHILD, 9, 20, 11), place=lost_in, run="run-1")
    assert holes(proof) == []
    assert proof.vector()[CHILD] == Entry(30, CREATED_MS + 30_000, 9)


def test_where_the_log_may_begin_later_its_chain_may_too() -> None:
    """Retention cuts each partition where its segments end (B25)."""
    proof = skipped(Q, known=False)
    assert holes(proof) == []
    assert proof.vector()[CHILD].after == 20


def test_a_chain_that_begins_alike_has_no_hole() -> None:
    proof = skipped(None)
    assert holes(proof) == []
    assert proof.vector()[CHILD].after == 9


def test_what_was_added_later_begins_later_and_lacks_nothing() -> None:
    """A partition that was declared since begins at the last marker without it (B9)."""
    proof = LogProof()
    proof.note_whole(Q)
    feed(proof, replace(OPEN_PARENT, manifest=Manifest(), genesis=True), mark(PARENT, 3, 6))
    for place in (P, Q):
        feed(proof, mark(PARENT, 6, 9, places=(P, Q)), place=place)
    proof.find_lost_beginnings(1.0)
    proof.find_lost_ends(1.0)
    assert holes(proof) == []
    assert proof.vector()[PARENT].sequence == 9


def test_partitions_that_retention_cut_at_different_places_have_no_hole() -> None:
    """A region that was rebuilt: each partition has an offset 0, whatever the other log had lost before."""
    proof, both = LogProof(), (P, Q)
    second = mark(PARENT, 20, 30, 21, places=both)
    for place in both:
        proof.note_whole(place)
    feed(proof, (PARENT, 11), mark(PARENT, 9, 20, 11, places=both, genesis=True))
    for place in both:
        feed(proof, (PARENT, 21), second, place=place)
    proof.find_lost_beginnings(1.0)
    proof.find_lost_ends(1.0)
    assert holes(proof) == []
    assert proof.vector()[PARENT] == Entry(30, second.born_ms, 20)


def test_what_a_repair_wrote_says_nothing_of_what_lies_behind_it() -> None:
    """A repair writes an ancestor's markers again, behind its children's records, and a reader starts."""
    proof, both = LogProof(), (P, Q)
    second = mark(CHILD, 20, 30, 21, open_shards=(CHILD, OTHER), lineage=LINEAGE, places=both)
    feed(proof, (CHILD, 11), replace(FIRST_OF_CHILD, manifest=Manifest(), partitions=both))
    for place in both:
        feed(proof, (CHILD, 21), second, place=place)
    for place in both:
        feed(proof, replace(OPEN_PARENT, manifest=Manifest()), place=place, run="run-1")
        feed(proof, mark(PARENT, 3, 4), place=place)
    for again in (proof, started_again(proof)):
        again.find_lost_beginnings(1.0)
        again.find_lost_ends(1.0)
        assert holes(again) == []


def test_a_sister_that_comes_later_is_not_held_to_what_a_repair_wrote() -> None:
    """The log may begin within the sister: the parent's marker lies behind her records, too."""
    proof = LogProof()
    feed(proof, (OTHER, 25))
    feed(proof, replace(OPEN_PARENT, manifest=Manifest()), run="run-1")
    feed(proof, mark(OTHER, 20, 30, 25, 27, lineage=LINEAGE))
    assert holes(proof) == []


def test_a_first_marker_that_was_written_again_excuses_nothing_in_a_log_that_goes_further_back() -> (
    None
):
    """Nothing of the next stretch can lie before the log's beginning."""
    proof = proven((PARENT, 2), OPEN_PARENT)
    feed(proof, replace(FIRST_OF_CHILD, manifest=Manifest()), again=True)
    feed(proof, mark(CHILD, 20, 30, 21))
    assert holes(proof) == [(CHILD.shard, 20, 30, Why.MISSING)]


def started_again(proof: LogProof) -> LogProof:
    rows = {place: json.loads(json.dumps(proof.saved(place, 0.0))) for place in (P, Q)}
    return LogProof.restored(proof.saved_declarations(), proof.saved_lineages(), rows, 0.0)


def test_a_parent_that_never_had_a_marker_leaves_the_age_to_its_own_parent() -> None:
    """Of several reshards in a row some shards live for less than a second (B24)."""
    lineage = {PARENT.shard: (), OTHER.shard: (PARENT.shard,), CHILD.shard: (OTHER.shard,)}
    first = mark(CHILD, 9, 20, 11, 12, lineage=lineage)
    proof = proven((PARENT, 2), OPEN_PARENT, (CHILD, 11), first)
    assert holes(proof) == [HOLE]
    assert proof.vector()[CHILD].born_ms == OPEN_PARENT.born_ms


def test_what_was_given_up_to_the_newest_marker_still_counts(found: LogProof) -> None:
    """Else nobody stands for the shard, and the loss is told too small just then (B24)."""
    feed(found, mark(OTHER, 8, 30, open_shards=(CHILD, OTHER), lineage=LINEAGE))
    found.settle(0.0)
    given = GivenUp(20, "somebody", "the region is gone", 1)
    found.marker(replace(FIRST_OF_CHILD, sequence=9, given_up=given), P)
    assert holes(found) == []
    assert found.vector()[CHILD] == Entry(20, FIRST_OF_CHILD.born_ms, 20), "it claims nothing"
    assert oldest_born_ms(found.vector()) == FIRST_OF_CHILD.born_ms
    feed(found, mark(CHILD, 20, 40, open_shards=(CHILD, OTHER)))
    assert found.vector()[CHILD] == Entry(40, CREATED_MS + 40_000, 20)
