"""A region's own health: K looks in a row, each part for itself, and UNKNOWN counts as nothing (A11)."""

from __future__ import annotations

import json

import pytest

from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.own_health import LogSeen, OwnHealth, Part, Progress, looked
from lifeline.lambdas.failover.policy import Policy

POLICY = Policy()
LOOP, K = POLICY.loop_seconds, POLICY.own_looks
ILL = {Part.APPLY: Health.UNHEALTHY}


def seen(*looks: dict[Part, Health], every: float = LOOP) -> OwnHealth:
    """What is counted after these looks, the last one at the moment 1,000."""
    health, begin = OwnHealth(epoch=1), 1_000.0 - every * (len(looks) - 1)
    for number, look in enumerate(looks):
        health = health.saw(look, POLICY, begin + every * number)
    return health


def test_a_part_is_ill_after_k_looks_in_a_row() -> None:
    assert not seen(*[ILL] * (K - 1)).ill(POLICY, 1_000.0)
    assert seen(*[ILL] * K).ill(POLICY, 1_000.0) == {"apply": LOOP * (K - 1)}


@pytest.mark.parametrize("health", [Health.HEALTHY, Health.UNKNOWN])
def test_only_a_look_that_finds_it_well_begins_the_count_anew(health: Health) -> None:
    """A12's sense: who cannot ask knows nothing; the part may be as ill as before."""
    counted = seen(*[ILL] * (K - 1), {Part.APPLY: health}, ILL).ill(POLICY, 1_000.0)
    assert bool(counted) is (health is Health.UNKNOWN)


def test_a_part_that_nobody_can_ask_about_is_never_ill() -> None:
    assert not seen(*[dict.fromkeys(Part, Health.UNKNOWN)] * (3 * K)).ill(POLICY, 1_000.0)


def test_two_keepers_that_look_at_once_count_once() -> None:
    """Runs overlap (A7): three of them must not make a minute of twenty seconds."""
    assert not seen(*[ILL] * (2 * K), every=LOOP / 2).counts[Part.APPLY].looks > K
    assert seen(*[ILL] * (2 * K), every=0.1).counts[Part.APPLY].looks == 1


def test_looks_with_a_gap_between_them_do_not_follow_each_other() -> None:
    """A20: what happened meanwhile nobody saw."""
    assert seen(*[ILL] * (2 * K), every=POLICY.own_gap_seconds + 1).counts[Part.APPLY].looks == 1


def test_what_was_counted_is_kept_for_the_epoch_and_forgotten_with_it() -> None:
    counted = seen(*[ILL] * 3)
    body = json.loads(json.dumps(counted.to_json()))
    assert OwnHealth.from_json(body, epoch=1) == counted
    assert OwnHealth.from_json(body, epoch=2) == OwnHealth(2)
    assert OwnHealth.from_json({}, epoch=1) == OwnHealth(1)
    body["counts"]["a part of a later release"] = [1.0, 2, 3.0]
    assert OwnHealth.from_json(body, epoch=1) == counted


def look(
    progress: Progress | None,
    log: LogSeen = LogSeen(),  # noqa: B008 (frozen)
    *,
    database_answered: bool = True,
    applies: bool = True,
) -> dict[Part, Health]:
    """One look at the moment 1,000."""
    return looked(
        database_answered=database_answered,
        applies=applies,
        progress=progress,
        log=log,
        seen_from_outside=Health.HEALTHY,
        policy=POLICY,
        now=1_000.0,
    )


LATE = POLICY.own_late_seconds
MOVES = LogSeen(999.0, 999.5, moved=True)


@pytest.mark.parametrize(
    ("beat", "health"),
    [(LATE - 0.1, Health.HEALTHY), (LATE, Health.UNHEALTHY), (None, Health.UNHEALTHY)],
)
def test_apply_is_well_while_somebody_commits(beat: float | None, health: Health) -> None:
    assert look(Progress(beat, 999.0), MOVES)[Part.APPLY] is health


@pytest.mark.parametrize(
    ("log", "health"),
    [
        (MOVES, Health.HEALTHY),
        (LogSeen(999.0, 1_000.0 - LATE, moved=True), Health.UNHEALTHY),
        (LogSeen(999.0, 1_000.0 - LATE), Health.UNHEALTHY),
        # What a keeper sees first may be as old as it likes: a new run must not call an ill log well.
        (LogSeen(1.0, 999.5), Health.UNKNOWN),
        (LogSeen(), Health.UNKNOWN),
    ],
)
def test_the_log_is_well_while_own_markers_arrive(log: LogSeen, health: Health) -> None:
    assert look(Progress(0.5, 999.0), log)[Part.LOG] is health


def test_what_cannot_be_asked_is_unknown() -> None:
    still = LogSeen(1.0, 900.0, moved=True)
    unknown = {
        Part.APPLY: Health.UNKNOWN,
        Part.LOG: Health.UNKNOWN,
        Part.PUBLIC_PATH: Health.HEALTHY,
    }
    assert look(None, still) == {Part.DATABASE: Health.HEALTHY, **unknown}
    gone = look(None, still, database_answered=False)
    assert gone == {Part.DATABASE: Health.UNHEALTHY, **unknown}
    others = look(Progress(None, None), still, applies=False)
    assert others == {Part.DATABASE: Health.HEALTHY, **unknown}, (
        "an application without our appliers"
    )
    stopped = look(Progress(60.0, 1.0), still)
    assert stopped[Part.LOG] is Health.UNKNOWN, "nobody applies what the log has"


def test_the_newest_marker_starts_the_clock_anew() -> None:
    first = LogSeen().saw(Progress(0.5, 7.0), 100.0)
    assert first == LogSeen(7.0, 100.0, moved=False)
    assert first.saw(Progress(0.5, 7.0), 105.0).saw(None, 110.0) == first
    assert first.saw(Progress(0.5, 8.0), 105.0) == LogSeen(8.0, 105.0, moved=True)
