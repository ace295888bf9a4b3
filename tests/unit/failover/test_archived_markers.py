"""What the archive holds by its markers, and what it lacks of a day (B8, B10, B11, B22)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.lambdas.failover.archived_markers import (
    ANYTHING,
    FORGET_MS,
    MAX_STRETCHES,
    ArchivedMarkers,
    Held,
    Lacked,
    Source,
    not_archived,
)
from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import GivenUp, Marker, Pair

PLACE, OTHER = ("clinical.a", 0), ("clinical.a", 1)
PAIR = Pair("ca-central-1", "100", "shardId-0")
CHILD = PAIR._replace(shard="shardId-1")


def marker(
    sequence: int, previous: int | None, pair: Pair = PAIR, counted: tuple[int, ...] = ()
) -> Marker:
    """`counted`: the sequences of the records in its stretch, whose digests are their sequences."""
    manifest = Manifest()
    for one in counted:
        manifest = manifest.and_one(one)
    found = Marker(pair, sequence, 1_000, (pair.shard,), (PLACE,), previous)
    return found if previous is None else replace(found, manifest=manifest)


def archived(*markers: Marker) -> ArchivedMarkers:
    held = ArchivedMarkers()
    for number, one in enumerate(markers):
        held.add(one, number)
    return held


def stretches(held: ArchivedMarkers, pair: Pair = PAIR) -> tuple[tuple[int, int], ...]:
    return held.held().stretches[pair]


def test_markers_that_follow_each_other_advance_it() -> None:
    assert stretches(archived(marker(10, 0), marker(20, 10), marker(30, 20))) == ((0, 30),)


def test_a_missing_marker_leaves_a_hole_until_its_stretch_comes() -> None:
    """A hole in the log is one in the archive, too; the repair writes the stretch again, later."""
    held = archived(marker(10, 0), marker(30, 20), marker(40, 30))
    assert stretches(held) == ((0, 10), (20, 40))
    held.add(marker(20, 10), 9, again=True)
    assert stretches(held) == ((0, 40),)


@given(st.permutations(range(8)))
def test_the_order_in_which_they_come_does_not_matter(order: list[int]) -> None:
    assert stretches(archived(*(marker(10 * n + 10, 10 * n) for n in order))) == ((0, 80),)


def test_markers_of_release_0_1_say_nothing_of_what_lies_before() -> None:
    assert stretches(archived(marker(10, None), marker(20, None))) == ((10, 20),)


def test_where_an_archive_begins_a_stretch_counts_only_if_all_of_it_was_met() -> None:
    """The log may have lost what lay before it."""
    cut = ArchivedMarkers()
    cut.record(PAIR, 7, 7)
    cut.add(marker(10, 0, counted=(3, 7)), 1)
    cut.add(marker(20, 10), 2)
    assert stretches(cut) == ((10, 20),)
    whole = ArchivedMarkers()
    for sequence in (3, 7, 7):  # copies come twice
        whole.record(PAIR, sequence, sequence)
    whole.add(marker(10, 0, counted=(3, 7)), 1)
    assert stretches(whole) == ((0, 10),)


def test_a_gap_cuts_the_stretch_that_it_lies_in() -> None:
    held = archived(marker(10, 0))
    held.cut()
    held.record(PAIR, 18, 18)
    held.add(marker(20, 10, counted=(12, 18)), 1)
    held.add(marker(30, 20), 2)
    assert stretches(held) == ((0, 10), (20, 30))


def test_a_gap_within_no_stretch_cuts_nothing() -> None:
    held = archived(marker(10, 0))
    held.cut()
    for sequence in (12, 18):
        held.record(PAIR, sequence, sequence)
    held.add(marker(20, 10, counted=(12, 18)), 1)
    assert stretches(held) == ((0, 20),)


def test_a_marker_that_is_written_again_behind_a_gap_says_nothing_of_the_next_stretch() -> None:
    """A new process of the bridge writes its last marker again, behind records of the next stretch (B11)."""
    held = archived(marker(10, 0))
    held.cut()  # 12 lay here, and before the copy of the marker
    held.add(marker(10, 0, counted=(3, 7)), 1, again=True)
    held.record(PAIR, 18, 18)
    held.add(marker(20, 10, counted=(12, 18)), 2)
    held.add(marker(30, 20), 3)
    assert stretches(held) == ((0, 10), (20, 30))


def test_a_repair_behind_a_gap_says_nothing_of_newer_stretches() -> None:
    held = archived(marker(10, 0))
    held.cut()
    held.record(PAIR, 12, 12)
    held.add(marker(20, 10, counted=(12,)), 1, again=True)
    held.add(marker(40, 30, counted=(33,)), 2)
    assert stretches(held) == ((0, 20), (40, 40))


def test_what_was_given_up_is_in_no_archive() -> None:
    held = archived(marker(10, 0), marker(20, 10), marker(30, 20))
    held.add(replace(marker(10, 10), given_up=GivenUp(20, "who", "why", 1)), 4)
    assert stretches(held) == ((0, 10), (20, 30))


def test_a_closed_shard_ends_where_its_child_begins() -> None:
    """It has no marker behind its last records, and the bridge read all of them before its child's (B10)."""
    held = archived(marker(10, 0))
    assert held.held().lacks(PAIR, 0, 15) == [(10, 15)]
    held.add(replace(marker(5, 0, CHILD), parents={CHILD.shard: (PAIR.shard,)}), 1)
    assert held.held().lacks(PAIR, 0, 15) == []
    again = ArchivedMarkers.restored(held.saved())
    assert again.held() == held.held()


def test_a_closed_shard_whose_end_lies_in_a_gap_does_not_end() -> None:
    held = archived(marker(10, 0))
    held.cut()
    held.add(replace(marker(5, 0, CHILD), parents={CHILD.shard: (PAIR.shard,)}), 1)
    assert held.held().lacks(PAIR, 0, 15) == [(10, 15)]


def test_it_is_saved_and_restored() -> None:
    held = archived(marker(10, 0), marker(2**120, 20), marker(5, 0, CHILD))
    again = ArchivedMarkers.restored(held.saved())
    assert again.held() == held.held()
    again.add(marker(20, 10), 9)
    assert stretches(again) == ((0, 2**120),)


def test_after_a_restart_within_a_gap_nothing_is_claimed_that_was_not_met() -> None:
    held = archived(marker(10, 0))
    held.cut()
    held.record(PAIR, 12, 12)
    again = ArchivedMarkers.restored(held.saved())
    again.add(marker(20, 10, counted=(12,)), 1)
    assert stretches(again) == ((0, 10), (20, 20))


def test_a_pair_without_a_marker_for_long_is_forgotten() -> None:
    held = archived(marker(10, 0))
    held.add(marker(5, 0, CHILD), FORGET_MS + 1)
    assert set(ArchivedMarkers.restored(held.saved()).held().stretches) == {CHILD}


def test_stretches_are_bounded_and_the_newest_are_kept() -> None:
    held = archived(*(marker(10 * n + 5, 10 * n) for n in range(MAX_STRETCHES + 5)))
    assert len(stretches(held)) == MAX_STRETCHES
    assert stretches(held)[-1][1] == 10 * (MAX_STRETCHES + 4) + 5


HELD = {PLACE: Held({PAIR: ((0, 100), (120, 200)), CHILD: ((0, 50),)}, frozenset({CHILD}))}


@pytest.mark.parametrize(
    ("source", "lacked"),
    [
        (Source(PLACE, PAIR, 1, 100), []),
        (Source(PLACE, PAIR, 121, 200), []),
        (Source(PLACE, PAIR, 130, 140), []),
        (Source(PLACE, PAIR, 0, 50), [(-1, 0)]),
        (Source(PLACE, PAIR, 90, 130), [(100, 120)]),
        (Source(PLACE, PAIR, 110, 115), [(109, 115)]),
        (Source(PLACE, PAIR, 150, 201), [(200, 201)]),
        (Source(PLACE, PAIR, 90, 201), [(100, 120), (200, 201)]),
        (Source(PLACE, CHILD, 40, 99), []),
        (Source(OTHER, PAIR, 1, 3), [(0, 3)]),
    ],
)
def test_a_day_lacks_what_lies_in_no_stretch(source: Source, lacked: list[tuple[int, int]]) -> None:
    found = not_archived([source], HELD)
    assert found == [Lacked(source.place, source.pair, *ends) for ends in lacked]


def test_only_what_was_given_up_is_accepted() -> None:
    source = Source(PLACE, PAIR, 90, 201)
    parts = [Lacked(PLACE, PAIR, 100, 110), Lacked(PLACE, PAIR, 110, 120)]
    assert not_archived([source], HELD, parts) == [Lacked(PLACE, PAIR, 200, 201)]
    others = [Lacked(OTHER, PAIR, 100, 201), Lacked(PLACE, CHILD, 100, 201)]
    assert len(not_archived([source], HELD, others)) == 2
    assert not_archived([source], HELD, [Lacked(PLACE, PAIR, 100, 119)])[0].after == 119


records = st.lists(st.integers(1, 60), min_size=1, max_size=40, unique=True).map(sorted)


@given(records, st.sets(st.integers(0, 59)), st.integers(1, 7))
def test_what_is_held_is_there_whatever_was_lost(
    sequences: list[int], gone: set[int], every: int
) -> None:
    """A log in order, of which some records and markers are gone before they are archived: each a gap."""
    held, met, previous = ArchivedMarkers(), set[int](), 0
    for at, until in enumerate(range(every, 61 + every, every)):
        mine = tuple(one for one in sequences if previous < one <= until)
        for one in mine:
            if one in gone:
                held.cut()
            else:
                met.add(one)
                if held.counts(PAIR):
                    held.record(PAIR, one, one)
        if -at % 60 in gone and at % 3 == 0:
            held.cut()
        else:
            held.add(marker(until, previous, counted=mine), at)
        previous = until
    for low, high in held.held().stretches.get(PAIR, ()):
        assert {one for one in sequences if low < one <= high} <= met


def test_what_is_lacked_has_a_name_for_a_person() -> None:
    lacked = Lacked(("clinical.a", 3), PAIR, 5, 9)
    assert lacked.name() == "ca-central-1/shardId-0 in clinical.a/3, (5, 9]"
    assert ANYTHING.name() == "what was stored before its places were noted"


@pytest.mark.parametrize("last", [marker(10, 0), marker(10, None)])
def test_what_was_saved_goes_on_as_what_was_not(last: Marker) -> None:
    """Joined or not, ended or not: the next marker is judged alike."""
    held = archived(last)
    again = ArchivedMarkers.restored(held.saved())
    assert again.saved() == held.saved()
    for one in (held, again):
        one.add(marker(20, 10), 5)
    assert stretches(again) == stretches(held)
    assert again.saved() == held.saved()
