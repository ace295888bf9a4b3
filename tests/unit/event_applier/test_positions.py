"""Where a partition is resumed (B13, B14): the earliest over every pair, or the beginning."""

from __future__ import annotations

from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.services.event_applier.batch import MarkerSeen
from lifeline.services.event_applier.positions import SEEK_SLACK_MS, AppliedMarker, resume_of

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
