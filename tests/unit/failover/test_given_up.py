"""A hole that a person gave up holds nothing back, is called safe by nobody, and is counted (decision 25)."""

from __future__ import annotations

from dataclasses import replace

from lifeline.lambdas.failover.log_proof import LogProof, Lost, Why
from lifeline.lambdas.failover.markers import GivenUp, Marker
from lifeline.lambdas.stream_bridge.give_up import marker_of
from lifeline.lambdas.stream_bridge.stretch import Stretch
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
    Read,
    Record,
    feed,
    link,
    proven,
    reached,
    whys,
)


def given_up(after: int, until: int) -> Marker:
    """As the bridge's function writes it."""
    told = GivenUp(until, "arn:aws:iam::1:user/a", "the retention took it", 9)
    made = marker_of(Stretch(PAIR, P, after, until, 3), told)
    assert Marker.from_bytes(made.to_bytes()) == made
    return made


WITHOUT_R3: list[Read] = [R1, R2, M3, R4, M6, R5, M8]


def test_what_lies_behind_counts_again_and_nothing_before_it_is_called_safe() -> None:
    proof = proven(*WITHOUT_R3)
    assert reached(proof) == (0, 3)
    feed(proof, [given_up(3, 6)])
    assert reached(proof) == (6, 8), "events at or under 6 may be lost: not safe"
    assert whys(proof) == []
    assert proof.lost == [Lost(PAIR, P, 3, 6, 1)]
    feed(proof, [Record(9), link(8, 10, 9)])
    assert reached(proof) == (6, 10)


def test_a_gap_that_no_marker_counted_is_lost_in_an_unknown_number() -> None:
    proof = proven(R1, R2, M3, R4, R5, M8)
    feed(proof, [given_up(3, 6)])
    assert proof.lost == [Lost(PAIR, P, 3, 6, None)]


def test_more_records_than_counted_say_nothing_of_those_that_are_missing() -> None:
    proof = proven(R1, R2, M3, R3, R4, link(3, 6, 4), R5, M8)
    assert [one[2] for one in whys(proof)] == [Why.EXTRA]
    feed(proof, [given_up(3, 6)])
    assert proof.lost == [Lost(PAIR, P, 3, 6, None)]


def test_twice_is_once() -> None:
    proof = proven(*WITHOUT_R3)
    feed(proof, [given_up(3, 6), given_up(3, 6)])
    assert (reached(proof), len(proof.lost)) == ((6, 8), 1)


def test_another_hole_stays() -> None:
    proof = proven(R1, R2, M3, R4, M6, M8)
    feed(proof, [given_up(3, 6)])
    assert reached(proof) == (6, 6), "what is known begins at 6 and ends there"
    assert [one[:2] for one in whys(proof)] == [(6, 8)]
    feed(proof, [R5])
    assert reached(proof) == (6, 8)


def test_a_hole_that_reaches_further_than_what_was_given_up_stays() -> None:
    proof = proven(*WITHOUT_R3)
    feed(proof, [given_up(3, 5)])
    assert (reached(proof), proof.lost) == ((0, 3), [])


def test_what_comes_after_all_is_proven_and_safe_again() -> None:
    proof = proven(*WITHOUT_R3)
    feed(proof, [given_up(3, 6), R3])
    assert reached(proof) == (0, 8)


def test_it_stays_given_up_over_a_start() -> None:
    proof = proven(*WITHOUT_R3)
    feed(proof, [given_up(3, 6)])
    again = LogProof.restored(
        proof.saved_declarations(), proof.saved_lineages(), {P: proof.saved(P, 9.0)}, 0.0
    )
    assert reached(again) == (6, 8)
    assert again.lost == [], "it was told before"


def test_a_partition_that_was_added_later_has_not_begun_late() -> None:
    """B9: a base behind the declaration would be a hole of another kind."""
    both = (P, Q)
    proof = LogProof()
    feed(proof, [R1, R2, M3, R3, R4, link(3, 6, 4, 5, places=both), link(6, 8, places=both)])
    feed(proof, [link(3, 6, places=both), link(6, 8, 7, places=both)], place=Q)
    assert reached(proof) == (0, 6)
    feed(proof, [given_up(6, 8)], place=Q)
    assert (reached(proof), whys(proof)) == ((8, 8), [])
    feed(proof, [link(8, 9, places=both)])
    feed(proof, [link(8, 9, places=both)], place=Q)
    assert (reached(proof), whys(proof)) == ((8, 9), [])


def test_a_reader_of_the_release_before_stays_frozen() -> None:
    """It knows no such field: what it meets is a marker over nothing."""
    unknown = replace(given_up(3, 6), given_up=None)
    for read in (WITHOUT_R3, [R1, R2, M3, R4, R5, M8]):
        proof = proven(*read)
        stood = whys(proof)
        feed(proof, [unknown])
        assert (reached(proof), whys(proof)) == ((0, 3), stood)
    begins_there = proven(unknown, R5, M8)
    assert [one[:2] for one in whys(begins_there)] == [(3, 6)]


def test_a_reader_of_the_release_before_goes_on_from_this_one_s_checkpoint() -> None:
    """It knows no `given_up` there, and takes the stretch for what lay before its log."""
    proof = proven(*WITHOUT_R3)
    feed(proof, [given_up(3, 6)])
    [[*row, body]] = proof.saved(P, 9.0)
    assert body.pop("given_up") == 1
    again = LogProof.restored(
        proof.saved_declarations(), proof.saved_lineages(), {P: [[*row, body]]}, 0.0
    )
    assert reached(again) == (6, 8)
