"""What a reader of the log saves, what it reads again after a start, and what it tells of a hole (B25)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lifeline.lambdas.failover.log_proof import (
    MAX_SAVED_HOLES,
    NOTHING,
    QUIET_EXACT,
    QUIET_SECONDS,
    SAVED_HOLES,
    SETTLED_SECONDS,
    YOUNG_SECONDS,
    LogProof,
    Lost,
    PlaceProof,
    Unproven,
    Why,
)
from lifeline.lambdas.failover.markers import Entry, GivenUp, Marker, Pair
from tests.unit.failover.test_log_proof import (
    M3,
    M6,
    M8,
    PAIR,
    R1,
    R2,
    R3,
    R4,
    R5,
    P,
    Q,
    Record,
    feed,
    link,
    proven,
    reached,
    resharded,
    whys,
)

BEGAN = 1_000_000.0
"""The reader's clock; each record of sequence n lies at offset 100 + n."""


def met(proof: LogProof, *sequences: int, now: float = BEGAN, run: str = "") -> None:
    for one in sequences:
        proof.record(PAIR, P, one, Record(one).digest, offset=100 + one, now=now, run=run)


def saved(proof: LogProof, now: float, exact: int = 200) -> dict[str, Any]:
    [[_, _, _, _, body]] = proof.saved(P, now, exact)
    found: dict[str, Any] = body
    return found


def started_again(proof: LogProof, now: float, exact: int = 200) -> LogProof:
    """As a new task reads what the one before it saved; its own clock began anew."""
    told = json.loads(
        json.dumps([proof.saved_declarations(), proof.saved_lineages(), proof.saved(P, now, exact)])
    )
    return LogProof.restored(told[0], told[1], {P: told[2]}, 50.0)


def with_a_hole(*found: int, since: float = BEGAN) -> LogProof:
    """The stretch (3, 9] lacks a record of those that were counted; `found` of it is here."""
    proof = proven(R1, R2, M3)
    met(proof, *found, now=since)
    feed(proof, [link(3, 9, 4, 5, 6, 7, 8)], now=since)
    return proof


def test_few_records_without_a_marker_are_saved_and_not_read_again() -> None:
    proof = proven(R1, R2, M3)
    met(proof, 7, 4, 5)
    assert proof.read_from(P, BEGAN, exact=3) is None
    assert len(saved(proof, BEGAN, exact=3)["open"][4]) == 3
    assert proof.read_from(P, BEGAN, exact=2) == 104, "the lowest of them"
    assert saved(proof, BEGAN, exact=2)["open"] is None


@pytest.mark.parametrize(("silent", "again"), [(QUIET_SECONDS - 1, 104), (QUIET_SECONDS, None)])
def test_a_pair_that_fell_silent_holds_no_reading_back(silent: float, again: int | None) -> None:
    """A lost region's last second: its records are saved with what they counted, folded if they are many."""
    proof = proven(R1, R2, M3)
    met(proof, *range(4, 4 + 2 * QUIET_EXACT))
    now = BEGAN + silent
    assert proof.read_from(P, now, exact=2) == again
    opened = saved(proof, now, exact=2)["open"]
    assert (opened is None) == (again is not None)
    if opened is not None:
        assert len(opened[4]) == 2 * QUIET_EXACT
        met(proof, 900, now=BEGAN)
        assert saved(proof, now, exact=2)["open"][4] == [], "one more: folded"


@pytest.mark.parametrize(("age", "again"), [(YOUNG_SECONDS - 1, 104), (YOUNG_SECONDS, None)])
def test_what_a_young_hole_found_is_read_again_where_it_is_too_much_to_save(
    age: float, again: int | None
) -> None:
    proof = with_a_hole(4, 5, 6)
    assert proof.read_from(P, BEGAN + age, exact=3) is None, "it is saved"
    assert proof.read_from(P, BEGAN + age, exact=2) == again


def test_what_a_young_hole_found_closes_it_after_a_start_with_what_comes_late() -> None:
    for exact, again in ((3, []), (2, [4, 5, 6])):
        proof = started_again(with_a_hole(4, 5, 6), BEGAN + 1, exact)
        met(proof, *again)
        assert reached(proof) == (0, 3)
        met(proof, 7, 8)
        assert reached(proof) == (0, 9)


def test_an_old_hole_is_closed_by_a_repair_alone_after_a_start_that_forgot_what_it_found() -> None:
    proof = started_again(with_a_hole(4, 5, 6), BEGAN + YOUNG_SECONDS, exact=2)
    assert proof.read_from(P, 50.0, exact=0) is None, "nothing of it counts any more"
    met(proof, 4, 5, 6, 7, 8)
    assert reached(proof) == (0, 3)
    assert proof.repeated() == 5
    met(proof, 4, 5, 6, 7, 8, run="a")
    assert reached(proof) == (0, 9)


def test_a_repair_goes_on_over_a_start_that_saved_what_it_copied() -> None:
    proof = with_a_hole(4)
    met(proof, 4, 5, run="a")
    again = started_again(proof, BEGAN + 2 * YOUNG_SECONDS)
    met(again, 6, 7, 8, run="a")
    assert reached(again) == (0, 9)
    forgot = started_again(proof, BEGAN + 2 * YOUNG_SECONDS, exact=1)
    met(forgot, 6, 7, 8, run="a")
    assert reached(forgot) == (0, 3), "it counts from nothing"
    met(forgot, 4, 5, run="a")
    assert reached(forgot) == (0, 9)


def test_a_hole_is_as_old_after_a_start_as_before() -> None:
    [before] = with_a_hole(4).unproven()
    [after] = started_again(with_a_hole(4), BEGAN + 70.4).unproven()
    assert (before.since, after.since) == (BEGAN, 50.0 - 70)


def many_holes(count: int) -> LogProof:
    """Each lacks a record and has one."""
    proof = proven(R1, R2, M3)
    for number in range(count):
        first = 3 + 10 * number
        met(proof, first + 1)
        feed(proof, [link(first, first + 10, first + 1, first + 2)], now=BEGAN)
    return proof


def test_of_the_first_holes_what_was_found_is_saved_and_of_the_others_read_again() -> None:
    proof = many_holes(SAVED_HOLES + 2)
    found = [row[-1] is not None for row in saved(proof, BEGAN)["holes"]]
    assert found == [True] * SAVED_HOLES + [False] * 2
    assert proof.read_from(P, BEGAN) == 100 + 3 + 10 * SAVED_HOLES + 1
    again = started_again(proof, BEGAN)
    for number in range(SAVED_HOLES + 2):
        met(again, 3 + 10 * number + 2, *([3 + 10 * number + 1] if number >= SAVED_HOLES else []))
    assert reached(again) == (0, 3 + 10 * (SAVED_HOLES + 2))


@pytest.mark.parametrize("more", [0, 1, 7])
def test_so_many_holes_are_saved_one_by_one_and_the_rest_as_one(more: int) -> None:
    proof = many_holes(MAX_SAVED_HOLES + more)
    rows = saved(proof, BEGAN)["holes"]
    assert len(rows) == MAX_SAVED_HOLES
    again = whys(started_again(proof, BEGAN))
    assert again[: MAX_SAVED_HOLES - 1] == whys(proof)[: MAX_SAVED_HOLES - 1]
    last = (3 + 10 * (MAX_SAVED_HOLES - 1), 3 + 10 * (MAX_SAVED_HOLES + more))
    assert again[-1] == (*last, Why.CHAIN if more else Why.MISSING)
    assert len(whys(proof)) == MAX_SAVED_HOLES + more, "saving joined none of them"


def test_of_what_lies_before_the_log_only_the_range_is_saved() -> None:
    proof = proven(R4, M6, R5, M8)
    rows = saved(proof, 0.0)["before"]
    assert [row[:3] for row in rows] == [["-1", 0, "3"], ["3", 0, "6"]]
    assert rows[1][-1] is None, "not what was found of it, be it one record"
    again = started_again(proof, 0.0)
    assert reached(again) == (6, 8)
    feed(again, [R3, R4])
    assert reached(again) == (6, 8), "only a repair closes it now"


def test_the_chain_goes_on_over_a_start() -> None:
    proof = started_again(proven(R1, R2, M3, R3), 0.0)
    assert proof.entries() == {PAIR: Entry(3, 3, 0)}
    feed(proof, [R4, M6])
    assert reached(proof) == (0, 6)
    feed(proof, [link(None, 8)])
    assert reached(proof) == (0, 6), "it is chained: a marker without a count proves nothing"
    empty = LogProof.restored([], [], {P: [[*PAIR, [], PlaceProof().saved(0.0)]]}, 0.0)
    assert empty.entries() == {}


def test_after_a_start_a_pair_is_not_silent_at_once() -> None:
    """It has met nothing yet, as it began just now."""
    proof = started_again(proven(R1, R2, M3, R3), BEGAN)
    [place] = proof._pairs[PAIR].places.values()
    assert not place.settled(50.0 + SETTLED_SECONDS - 1)
    assert place.settled(50.0 + SETTLED_SECONDS)


def test_a_hole_is_told_with_its_place_its_age_and_the_birth_of_its_beginning() -> None:
    proof = with_a_hole(4)
    told = Unproven(PAIR, *P, after=3, until=9, why=Why.MISSING, since=BEGAN, born_ms=3)
    assert list(proof.unproven()) == [told]


def test_a_gap_is_told_from_the_last_marker_before_it() -> None:
    proof = proven(R1, R2, M3)
    feed(proof, [M8], now=70.0)
    assert [
        (one.after, one.until, one.why, one.since, one.born_ms) for one in proof.unproven()
    ] == [
        (3, 6, Why.CHAIN, 70.0, 3),
        (6, 8, Why.MISSING, 70.0, 3),
    ]


def test_a_last_marker_that_is_missing_is_found_when_it_is_looked_for() -> None:
    [hole] = resharded(lost_in=P).unproven()
    assert (hole.since, hole.born_ms) == (1.0, 3)


def test_a_set_with_fewer_partitions_is_told_without_a_place() -> None:
    proof = LogProof()
    for place in (P, Q):
        feed(proof, [link(0, 3, places=(P, Q))], place)
    feed(proof, [link(3, 6)], P)
    assert list(proof.unproven()) == [
        Unproven(PAIR, "", -1, 3, 6, Why.FEWER_PARTITIONS, NOTHING),
    ]
    [[*_, fewer, outlived, final, sets]] = proof.saved_declarations()
    assert (fewer, outlived, final, len(sets)) == (["3", "6"], False, None, 2)
    rows = {place: proof.saved(place, 0.0) for place in (P, Q)}
    again = LogProof.restored(proof.saved_declarations(), proof.saved_lineages(), rows, 0.0)
    assert list(again.unproven()) == list(proof.unproven())


def test_the_vector_of_one_origin_has_nothing_of_another() -> None:
    proof = proven(R1, R2, M3)
    other = Pair("ca-west-1", PAIR.incarnation, PAIR.shard)
    for origin in (PAIR.origin, other.origin):
        assert set(proof.entries(origin)) == ({PAIR} if origin == PAIR.origin else set())
    assert set(proof.entries()) == {PAIR}


def given_up(after: int, until: int) -> Marker:
    told = GivenUp(until, "arn:aws:iam::1:user/a", "the retention took it", 9)
    return Marker(PAIR, after, 1, (), (), given_up=told)


def test_what_was_given_up_behind_a_hole_holds_nothing_back_until_the_hole_is_closed() -> None:
    """What stands at the hole claims nothing of what lies behind it, so it need not begin behind it."""
    proof = proven(R1, R2, M3, R4, M6, M8)
    feed(proof, [given_up(6, 8)])
    assert reached(proof) == (0, 3)
    feed(proof, [R3])
    assert reached(proof) == (8, 8), "what is known begins at 8, and ends there"
    feed(proof, [Record(9), link(8, 10, 9)])
    assert reached(proof) == (8, 10)


def test_of_what_a_repair_had_begun_nobody_knows_how_many_are_missing() -> None:
    proof = proven(R1, R2, M3, R4, M6, R5, M8)
    feed(proof, [R4], run="a")
    feed(proof, [given_up(3, 6)])
    assert proof.lost == [Lost(PAIR, P, 3, 6, None)]


def test_a_settled_pair_is_retired_by_its_own_word() -> None:
    """Its partitions are kept no more, so nothing else says so after a start."""
    proof = resharded(lost_in=None)
    proof.settle(1.0 + SETTLED_SECONDS)
    assert proof.entries()[PAIR].retired
    rows = {place: proof.saved(place, 0.0) for place in (P, Q)}
    again = LogProof.restored(proof.saved_declarations(), proof.saved_lineages(), rows, 0.0)
    assert again.entries()[PAIR] == proof.entries()[PAIR] == Entry(4, 4, 0, retired=True)


def test_a_retired_pair_without_a_partition_has_no_entry_for_good() -> None:
    """Its places were not restored: what has no entry is not safe, and is sent again."""
    proof = resharded(lost_in=None)
    rows = {P: [row for row in proof.saved(P, 0.0) if row[2] != PAIR.shard]}
    rows[Q] = [row for row in proof.saved(Q, 0.0) if row[2] != PAIR.shard]
    told = proof.saved_declarations(), proof.saved_lineages()
    again = LogProof.restored(*told, rows, 0.0)
    again.settle(1.0)
    assert PAIR not in again.entries()
    once_more = LogProof.restored(
        again.saved_declarations(), again.saved_lineages(), {P: again.saved(P, 0.0)}, 0.0
    )
    assert PAIR not in once_more.entries()


def test_a_record_or_a_marker_without_a_runs_name_is_no_repairs() -> None:
    """What was found before counts on; a repair alone counts from nothing."""
    proof = with_a_hole(4, 5, 6)
    for one in (7, 8):
        proof.record(PAIR, P, one, Record(one).digest)
    assert reached(proof) == (0, 9)
    proof = proven(R1, R2, M3, R3, R4, R5, M8)
    proof.marker(M6, P)
    assert reached(proof) == (0, 8)
    place = PlaceProof()
    place.record(R1.sequence, R1.digest)
    place.marker(M3)
    place.record(R2.sequence, R2.digest)
    assert place.base == 0, "the beginning came late, and counts"


def test_a_repair_of_a_part_says_nothing_of_the_rest() -> None:
    """The manifest is of the whole stretch: of what lies before and behind the part nobody counted any."""
    proof = with_a_hole(4, 5, 6)
    met(proof, 5, run="a")
    feed(proof, [link(4, 6, 5)], run="a")
    assert whys(proof) == [(3, 4, Why.CHAIN), (6, 9, Why.CHAIN)]
    assert reached(proof) == (0, 3)
    met(proof, 4, run="a")
    feed(proof, [link(3, 4, 4)], run="a")
    assert reached(proof) == (0, 6)
    assert [one.born_ms for one in proof.unproven()] == [6]
    met(proof, 7, 8, run="a")
    feed(proof, [link(6, 9, 7, 8)], run="a")
    assert reached(proof) == (0, 9)


def test_a_stream_of_which_nothing_is_proven_yet_is_settled_too() -> None:
    proof = LogProof()
    feed(proof, [link(0, 3, places=(P, Q))])
    proof.settle(BEGAN)
    assert proof.entries() == {}
    feed(proof, [link(0, 3, places=(P, Q))], Q)
    assert reached(proof) == (0, 3), "and goes on"
