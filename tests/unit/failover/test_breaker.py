"""B23: what stops a bridge or an event applier, and above all what does not."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lifeline.lambdas.failover.breaker import (
    LEAST_EVENTS,
    PAGE_SECONDS,
    REMEMBERED,
    Breaker,
    Outcome,
    Stopped,
)


def batch(ours: int, good: int, senders: Iterable[str] = "abcd") -> list[Outcome]:
    names = list(senders)
    return [Outcome(names[n % len(names)], n < ours) for n in range(ours + good)]


def stops(outcomes: list[Outcome], before: Breaker | None = None, *, on: bool = True) -> bool:
    try:
        (before or Breaker(on=on)).check(outcomes)
    except Stopped:
        return True
    return False


def test_nearly_everything_of_several_senders_stops() -> None:
    assert stops(batch(LEAST_EVENTS, 0))
    assert stops(batch(200, 0))


@pytest.mark.parametrize(
    "outcomes",
    [
        batch(LEAST_EVENTS - 1, 0),
        batch(100, 0, "a"),
        batch(100, 0, "ab"),
        batch(100, 0, [""]),
        [*batch(1_000, 0, "a"), *batch(0, 40, "bcde")],
        [*batch(1_000, 0, "a"), *batch(1, 0, "b"), *batch(1, 0, "c"), *batch(0, 4, "defg")],
        batch(50, 50),
        [*batch(90, 0, "abc"), *batch(0, 90, "def")],
        batch(0, 100),
        [],
    ],
    ids=[
        "too few", "one sender", "two senders", "nameless senders are one", "one bad integrator",
        "one flood and two single faults", "half of each", "half of the senders", "none", "nothing",
    ],
)  # fmt: skip
def test_less_than_that_stops_nothing(outcomes: list[Outcome]) -> None:
    assert not stops(outcomes)


def test_a_person_can_turn_it_off() -> None:
    assert not stops(batch(200, 0), on=False)


def test_small_batches_add_up_until_one_shows_that_not_everything_fails() -> None:
    breaker = Breaker(on=True)
    for number in range(LEAST_EVENTS - 1):
        one = batch(1, 0, "abcd"[number % 4])
        assert not stops(one, breaker)
        breaker.passed(one)
    assert stops(batch(1, 0), breaker)
    breaker.passed(batch(0, 1))
    assert not stops(batch(1, 0), breaker)


def test_a_batch_that_is_not_written_is_not_remembered() -> None:
    breaker = Breaker(on=True)
    breaker.passed(batch(1, 0))
    for _ in range(LEAST_EVENTS * 3):
        assert not stops(batch(4, 0), breaker)


def test_what_is_remembered_is_bounded() -> None:
    breaker = Breaker(on=True)
    breaker.passed(batch(1, REMEMBERED, "a"))
    for _ in range(REMEMBERED):
        breaker.passed(batch(1, 0, "b"))
    assert len(breaker._before) == REMEMBERED


def test_a_stop_is_told_at_once_and_then_in_each_quarter_of_an_hour() -> None:
    breaker = Breaker(on=True)
    told = [at for at in range(100, 4 * PAGE_SECONDS, 30) if breaker.page_due(float(at))]
    assert told == [100, 910, 1_810, 2_710]


@pytest.mark.parametrize(("good", "stopped"), [(2, True), (3, False)])
def test_a_sender_fails_from_nine_of_ten_on(good: int, stopped: bool) -> None:
    """Of each of three senders 18 are ours; with two good ones that is the share exactly."""
    outcomes = [one for name in "abc" for one in batch(18, good, name)]
    assert stops(outcomes) is stopped


@pytest.mark.parametrize(("senders", "stopped"), [(10, True), (11, False)])
def test_the_senders_fail_from_nine_of_ten_on(senders: int, stopped: bool) -> None:
    failing = [one for name in "abcdefghi" for one in batch(3, 0, name)]
    good = [one for number in range(senders - 9) for one in batch(0, 1, [f"good {number}"])]
    assert stops([*failing, *good]) is stopped
