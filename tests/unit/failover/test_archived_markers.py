"""What the archive holds by its markers, and what may be dropped for it (B11, B22)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.lambdas.failover.archived_markers import (
    FORGET_MS,
    STILL_WRITES_MS,
    AppliedThen,
    ArchivedMarkers,
    Held,
    not_archived,
)
from lifeline.lambdas.failover.markers import Marker, Pair

PLACE, OTHER = ("clinical.a", 0), ("clinical.a", 1)
PAIR = Pair("ca-central-1", "100", "shardId-0")
CHILD = PAIR._replace(shard="shardId-1")


def marker(sequence: int, previous: int | None, pair: Pair = PAIR) -> Marker:
    return Marker(pair, sequence, 1_000, (pair.shard,), (PLACE,), previous)


def archived(*markers: Marker) -> ArchivedMarkers:
    held = ArchivedMarkers()
    for number, one in enumerate(markers):
        held.add(one, number)
    return held


def test_markers_that_follow_each_other_advance_it() -> None:
    assert archived(marker(10, 0), marker(20, 10), marker(30, 20)).held().through == {PAIR: 30}


def test_a_missing_marker_stops_it_until_its_stretch_comes() -> None:
    """A hole in the log is one in the archive, too; the repair writes the stretch again, later."""
    held = archived(marker(10, 0), marker(30, 20), marker(40, 30))
    assert held.held().through == {PAIR: 10}
    held.add(marker(20, 10), 9)
    assert held.held().through == {PAIR: 40}


@given(st.permutations(range(8)))
def test_the_order_in_which_they_come_does_not_matter(order: list[int]) -> None:
    assert archived(*(marker(10 * n + 10, 10 * n) for n in order)).held().through == {PAIR: 80}


def test_markers_of_release_0_1_say_nothing_of_what_lies_before() -> None:
    assert archived(marker(10, None), marker(20, None)).held().through == {PAIR: 20}


def test_it_is_saved_and_restored() -> None:
    held = archived(marker(10, 0), marker(2**120, 20), marker(5, 0, CHILD))
    again = ArchivedMarkers.restored(held.saved())
    assert again.held() == held.held()
    again.add(marker(20, 10), 9)
    assert again.held().through[PAIR] == 2**120


def test_a_pair_without_a_marker_for_long_is_forgotten() -> None:
    held = archived(marker(10, 0))
    held.add(marker(5, 0, CHILD), FORGET_MS + 1)
    assert set(ArchivedMarkers.restored(held.saved()).held().through) == {CHILD}


DAY_MS = 1_795_000_000_000
FUTURE_MS = 300_000
"""An event may be so far ahead of its arrival."""
OLD = STILL_WRITES_MS
YOUNG = STILL_WRITES_MS - 1


@pytest.mark.parametrize(
    ("applied", "held", "why"),
    [
        ([(PLACE, PAIR, 10, YOUNG)], {PLACE: {PAIR: 11}}, ""),
        ([(PLACE, PAIR, 10, YOUNG)], {PLACE: {PAIR: 10}}, "has not passed"),
        ([(PLACE, PAIR, 10, OLD)], {PLACE: {PAIR: 9}}, "has not passed"),
        ([(PLACE, PAIR, 10, OLD)], {PLACE: {PAIR: 10}}, "no later marker"),
        ([(PLACE, PAIR, 10, OLD), (PLACE, CHILD, 3, YOUNG)], {PLACE: {PAIR: 10, CHILD: 4}}, ""),
        ([(PLACE, PAIR, 10, OLD), (OTHER, PAIR, 9, YOUNG)], {PLACE: {PAIR: 11}}, "says nothing of"),
        (
            [(PLACE, PAIR, 10, OLD), (OTHER, PAIR, 9, OLD)],
            {PLACE: {PAIR: 11}, OTHER: {PAIR: 9}},
            "no later marker in clinical.a/1",
        ),
        ([(PLACE, CHILD, 3, YOUNG)], {PLACE: {PAIR: 11}}, "says nothing of"),
        ([(PLACE, PAIR, 3, YOUNG)], {}, "says nothing of"),
        ([], {PLACE: {PAIR: 11}}, "no marker was applied"),
    ],
)
def test_what_is_not_known_to_be_archived_is_kept(
    applied: list[tuple[tuple[str, int], Pair, int, int]],
    held: dict[tuple[str, int], dict[Pair, int]],
    why: str,
) -> None:
    archives = {place: Held(pairs, DAY_MS - FUTURE_MS) for place, pairs in held.items()}
    found = not_archived((AppliedThen(*row) for row in applied), archives, day_ms=DAY_MS)
    assert (why in found) if why else (found == "")


@pytest.mark.parametrize("began_ms", [None, DAY_MS - FUTURE_MS + 1, DAY_MS + 1])
def test_a_day_before_the_archive_began_is_kept(began_ms: int | None) -> None:
    """A region that was rebuilt has the days in its database, and not in its own archive."""
    applied = [AppliedThen(PLACE, PAIR, 10, YOUNG)]
    found = not_archived(applied, {PLACE: Held({PAIR: 11}, began_ms)}, day_ms=DAY_MS)
    assert found == "the archive of clinical.a/0 began after the day"


def test_the_beginning_outlasts_what_is_forgotten_and_restored() -> None:
    held = archived(marker(10, 0))
    held.add(marker(5, 0, CHILD), FORGET_MS + 1)
    assert ArchivedMarkers.restored(held.saved()).held().began_ms == 0
    assert ArchivedMarkers().held().began_ms is None
