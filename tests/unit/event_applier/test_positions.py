"""Where a partition is resumed (B13, B14): the earliest over every pair, or the beginning."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from lifeline.lambdas.failover.lineage import Lineage
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.services.event_applier.batch import MarkerSeen
from lifeline.services.event_applier.positions import (
    LONGEST_BRIDGE_MS,
    SEEK_SLACK_MS,
    AppliedMarker,
    Resume,
    read_applied,
    read_lineages,
    read_own_positions,
    resume_of,
)

HOME, RECOVERY = Pair("home", "1", "s0"), Pair("recovery", "1", "s0")
OTHER_SHARD = Pair("home", "1", "s1")
REGIONS = ("home", "recovery")


def seen(pair: Pair, sequence: int) -> MarkerSeen:
    return MarkerSeen(Marker(pair, sequence, 0, (), ()), ("t", 0), 0)


def test_the_earliest_over_both_origins_and_every_shard() -> None:
    rows = [
        AppliedMarker(HOME, 9, 70_000),
        AppliedMarker(OTHER_SHARD, 4, 40_000),
        AppliedMarker(RECOVERY, 5, 60_000),
    ]
    assert resume_of(rows, REGIONS).seek_ms == 40_000 - SEEK_SLACK_MS


def test_the_beginning_without_a_region_a_marker_or_a_declared_pair() -> None:
    met = [AppliedMarker(HOME, 9, 70_000), AppliedMarker(RECOVERY, 5, 60_000)]
    assert resume_of([], REGIONS).seek_ms is None
    assert resume_of(met[:1], REGIONS).seek_ms is None
    assert resume_of([*met, AppliedMarker(OTHER_SHARD, None, None)], REGIONS).seek_ms is None


def test_a_first_marker_newer_than_the_applied_one_means_too_far() -> None:
    rows = [AppliedMarker(HOME, 9, 70_000), AppliedMarker(RECOVERY, 5, 60_000)]
    assert resume_of(rows, REGIONS).overtaken(seen(HOME, 10))
    resume = resume_of(rows, REGIONS)
    assert not resume.overtaken(seen(HOME, 8))
    assert not resume.overtaken(seen(HOME, 10)), "met from before: what follows is in order"
    assert not resume.overtaken(seen(OTHER_SHARD, 3)), "a pair without applied marker"


# --- B24: closed shards and old streams count no more ---

P, A, B = (Pair("home", "1", shard) for shard in ("p", "a", "b"))
OTHER = AppliedMarker(RECOVERY, 5, 90_000_000)
SPLIT = {("home", "1"): Lineage.restored({"p": [], "a": ["p"], "b": ["p"]})}


def test_a_closed_shard_counts_until_all_its_children_have_markers_here() -> None:
    """L4: else each placement reads again from the day of the reshard."""
    half = [OTHER, AppliedMarker(P, 1, 1_000), AppliedMarker(A, 9, 80_000_000)]
    assert resume_of(half, REGIONS, SPLIT).seek_ms == 1_000 - SEEK_SLACK_MS
    both = [*half, AppliedMarker(B, 9, 70_000_000)]
    resume = resume_of(both, REGIONS, SPLIT)
    assert resume.seek_ms == 70_000_000 - SEEK_SLACK_MS
    assert P not in resume.unmet


def test_the_closed_shards_of_each_stream_count_no_more() -> None:
    """Both regions split theirs: neither may bring the other's old shards back."""
    theirs = [Pair("recovery", "1", shard) for shard in ("p", "a", "b")]
    rows = [AppliedMarker(pair, 1, 80_000_000) for pair in (A, B, *theirs[1:])]
    rows += [AppliedMarker(P, 1, 1_000), AppliedMarker(theirs[0], 1, 2_000)]
    split = {(origin, "1"): SPLIT["home", "1"] for origin in REGIONS}
    for lineages in (split, dict(reversed(split.items()))):
        resume = resume_of(rows, REGIONS, lineages)
        assert resume.seek_ms == 80_000_000 - SEEK_SLACK_MS
        assert not {P, theirs[0]} & set(resume.unmet)


def test_a_declared_child_without_a_marker_stands_where_its_parent_does() -> None:
    """L15: else a reshard makes each placement read the whole log."""
    rows = [OTHER, AppliedMarker(P, 1, 50_000), AppliedMarker(A, None, None)]
    assert resume_of(rows, REGIONS, SPLIT).seek_ms == 50_000 - SEEK_SLACK_MS
    assert resume_of(rows, REGIONS).seek_ms is None, "nothing says whose child it is"


def test_an_old_stream_counts_until_the_new_one_has_markers_for_a_bridges_life() -> None:
    new = Pair("home", "2", "x")
    old = AppliedMarker(P, 1, 1_000)

    def at(record_time_ms: int) -> Resume:
        return resume_of([OTHER, old, AppliedMarker(new, 9, record_time_ms)], REGIONS)

    assert at(1_000 + LONGEST_BRIDGE_MS).seek_ms == 1_000 - SEEK_SLACK_MS
    assert at(1_001 + LONGEST_BRIDGE_MS).seek_ms == 1_001 + LONGEST_BRIDGE_MS - SEEK_SLACK_MS


def test_an_old_stream_counts_while_a_shard_of_the_new_one_was_not_met() -> None:
    rows = [
        *(OTHER, AppliedMarker(P, 1, 1_000)),
        AppliedMarker(Pair("home", "2", "x"), 9, 80_000_000),
        AppliedMarker(Pair("home", "2", "y"), None, None),
    ]
    assert resume_of(rows, REGIONS).seek_ms is None


def test_an_old_stream_counts_while_the_new_one_is_split_and_half_met() -> None:
    rows = [
        *(OTHER, AppliedMarker(P, 1, 50_000)),
        AppliedMarker(Pair("home", "2", "p"), 9, 80_000_000),
        AppliedMarker(Pair("home", "2", "a"), None, None),
    ]
    split = {("home", "2"): Lineage.restored({"p": [], "a": ["p"], "b": ["p"]})}
    assert resume_of(rows, REGIONS, split).seek_ms == 50_000 - SEEK_SLACK_MS


# --- B26: an own position ---


def test_a_position_is_own_once_every_pair_was_met() -> None:
    resume = Resume(0, {HOME: 9})
    assert not resume.is_own(100)
    assert not resume.overtaken(seen(HOME, 9))
    assert resume.is_own(100)


def test_a_pair_that_is_not_in_the_log_up_to_its_end_holds_no_position_back() -> None:
    """After a failover the database may be ahead of this log: the lost region's marker never comes."""
    resume = Resume(0, {HOME: 9}, end=100)
    assert not resume.is_own(99)
    assert resume.is_own(100)
    assert not resume.overtaken(seen(HOME, 10)), "what comes of it now lies behind the position"


# --- What is read of the database; the statements themselves run in tests/integration/datapath ---


def database(rows: list[Any], *, keeps: bool = True) -> Any:
    """Answers `rows`; to the question whether it has the tables, `keeps`."""

    def execute(statement: str, words: tuple[Any, ...] = ()) -> Any:
        asks = "to_regclass" in statement
        assert statement.count("%s") == len(words)
        return SimpleNamespace(fetchone=lambda: (keeps,) if asks else None, fetchall=lambda: rows)

    return SimpleNamespace(execute=execute)


def test_a_row_of_an_applied_marker_is_read_by_its_columns() -> None:
    rows = [("home", "1", "s0", "70000000000000000000", 5), ("home", "1", "s1", None, None)]
    assert read_applied(database(rows), ("clinical.a", 3)) == [
        AppliedMarker(HOME, 70_000_000_000_000_000_000, 5),
        AppliedMarker(OTHER_SHARD, None, None),
    ]


def test_the_lineage_of_each_stream_is_its_own() -> None:
    rows = [
        ("home", "1", "p", []),
        ("home", "1", "a", ["p"]),
        ("recovery", "7", "s0", []),
    ]
    found = read_lineages(database(rows))
    assert {stream: one.saved() for stream, one in found.items()} == {
        ("home", "1"): Lineage.restored({"p": [], "a": ["p"]}).saved(),
        ("recovery", "7"): Lineage.restored({"s0": []}).saved(),
    }
    assert read_lineages(database(rows, keeps=False)) == {}


def test_a_position_counts_only_for_the_log_in_which_it_was_noted() -> None:
    """B26: a topic that was made again has other offsets."""
    rows = [("clinical.a", 0, "log-1", 10), ("clinical.a", 1, "log-0", 20), ("gone", 0, "log-9", 5)]
    found = read_own_positions(database(rows), 3, {"clinical.a": "log-1"})
    assert found == {("clinical.a", 0): 10}
    assert read_own_positions(database(rows, keeps=False), 3, {"clinical.a": "log-1"}) == {}
