"""CloudWatch's semantics, example by example, and the product's alarms over lines as functions tell them."""

from __future__ import annotations

import pytest

from lab.alarm_evaluation import Alarm, Series, State, alarms_of, evaluate, history, told
from lifeline.lambdas.failover.figures import lag, log_lines, takeover_ready
from lifeline.lambdas.failover.readiness import Readiness
from lifeline.observability.alarms import Alarms
from lifeline.observability.failover_alarms import failover_alarms
from lifeline.observability.thresholds import FailoverThresholds, LagThresholds
from tests.unit.constructs.conftest import MakeStack, make_stack

__all__ = ["make_stack"]

START = 1_795_248_000.0
"""A whole minute."""
BAD, FINE, NONE = 9.0, 1.0, None


def alarm(missing: str, needed: int = 3, periods: int = 3) -> Alarm:
    series = Series("N", "M", frozenset())
    return Alarm("it", series, "Maximum", 60, periods, needed, "GreaterThanThreshold", 5.0, missing)


@pytest.mark.parametrize(
    ("points", "breaching", "not_breaching"),
    [
        # Every row of the User Guide's table for 3 out of 3, newest last.
        ([FINE, NONE, BAD, NONE, BAD], State.OK, State.OK),
        ([FINE, NONE, NONE, NONE, NONE], State.OK, State.OK),
        ([NONE, NONE, NONE, NONE, NONE], State.ALARM, State.OK),
        ([FINE, BAD, BAD, NONE, BAD], State.ALARM, State.ALARM),
        ([NONE, NONE, NONE, NONE, BAD], State.ALARM, State.OK),
        # The page's later edition has this row instead of the last one.
        ([NONE, NONE, BAD, NONE, NONE], State.ALARM, State.OK),
    ],
)
def test_missing_data_fill_up_only_what_is_lacking(
    points: list[float | None], breaching: State, not_breaching: State
) -> None:
    found = (evaluate(alarm("breaching"), points), evaluate(alarm("notBreaching"), points))
    assert found == (breaching, not_breaching)


@pytest.mark.parametrize(
    ("points", "breaching", "not_breaching"),
    [
        # Every row of the User Guide's table for 2 out of 3.
        ([FINE, NONE, BAD, NONE, BAD], State.ALARM, State.ALARM),
        ([FINE, FINE, BAD, FINE, BAD], State.ALARM, State.ALARM),
        ([FINE, NONE, BAD, NONE, NONE], State.ALARM, State.OK),
        ([NONE, NONE, NONE, NONE, FINE], State.ALARM, State.OK),
        ([NONE, NONE, NONE, NONE, BAD], State.ALARM, State.OK),
    ],
)
def test_missing_data_of_an_alarm_of_two_out_of_three(
    points: list[float | None], breaching: State, not_breaching: State
) -> None:
    found = (
        evaluate(alarm("breaching", needed=2), points),
        evaluate(alarm("notBreaching", needed=2), points),
    )
    assert found == (breaching, not_breaching)


def test_some_of_several_periods_are_enough() -> None:
    two_of_three = alarm("notBreaching", needed=2)
    assert evaluate(two_of_three, [FINE, FINE, BAD, FINE, BAD]) is State.ALARM
    assert evaluate(two_of_three, [BAD, BAD, FINE, FINE, BAD]) is State.OK


def product_alarms(make_stack: MakeStack) -> tuple[list[Alarm], dict[str, str]]:
    """The failover's, as the template of a region has them."""
    made = make_stack()
    settings = made.site.settings
    specs = failover_alarms(made.site, LagThresholds.of(settings), FailoverThresholds.of(settings))
    Alarms(made.stack, "Alarms", site=made.site, specs=specs)
    resources = {str(n): one for n, one in enumerate(made.resources("AWS::CloudWatch::Alarm"))}
    return alarms_of({"Resources": resources})


def states(one: Alarm, lines: list[str], minutes: int) -> list[State]:
    return [
        state for _at, state in history(one, told(lines), start=START, end=START + 60 * minutes)
    ]


def readiness_lines(first: int, last: int, *, ready: bool) -> list[str]:
    """Each cycle of 5 s, in the minutes from `first` to `last`."""
    return [
        line
        for cycle in range(first * 12, last * 12)
        for line in log_lines(
            [takeover_ready(Readiness(ready, "ready" if ready else "own-probe-unknown"))],
            suffix="test",
            now=START + 5 * cycle,
        )
    ]


def test_readiness_fires_when_it_is_zero_and_when_nothing_is_told_and_recovers(
    make_stack: MakeStack,
) -> None:
    """R4: fires for its faults, is silent without one, recovers. Over the keeper's own lines."""
    (one,) = [it for it in product_alarms(make_stack)[0] if it.name == "takeover-not-ready-test"]
    assert set(states(one, readiness_lines(0, 20, ready=True), 20)) == {State.OK}
    zero = [
        *readiness_lines(0, 8, ready=True),
        *readiness_lines(8, 14, ready=False),
        *readiness_lines(14, 24, ready=True),
    ]
    found = states(one, zero, 24)
    assert State.ALARM in found
    assert (found[0], found[-1]) == (State.OK, State.OK)
    silent = [*readiness_lines(0, 8, ready=True), *readiness_lines(16, 26, ready=True)]
    assert State.ALARM in states(one, silent, 26)
    assert states(one, silent, 26)[-1] is State.OK


def test_one_good_cycle_in_a_minute_keeps_it_silent(make_stack: MakeStack) -> None:
    """A real loss makes the probes UNKNOWN for some cycles: that is no page of its own."""
    (one,) = [it for it in product_alarms(make_stack)[0] if it.name == "takeover-not-ready-test"]
    mixed = readiness_lines(0, 20, ready=False)
    for minute in range(20):
        mixed += readiness_lines(minute, minute + 1, ready=True)[:1]
    assert set(states(one, mixed, 20)) == {State.OK}


def test_a_lag_fires_above_its_limit_and_in_silence_and_recovers(make_stack: MakeStack) -> None:
    (one,) = [it for it in product_alarms(make_stack)[0] if it.name == "replication-lag-log-test"]

    def lines(first: int, last: int, seconds: float) -> list[str]:
        return [
            line
            for look in range(first * 6, last * 6)
            for line in log_lines([lag("log", seconds)], suffix="test", now=START + 10 * look)
        ]

    assert set(states(one, lines(0, 20, 1.0), 20)) == {State.OK}
    for fault in (lines(8, 12, 31.0), []):
        found = states(one, [*lines(0, 8, 1.0), *fault, *lines(14, 24, 1.0)], 24)
        assert State.ALARM in found
        assert (found[0], found[-1]) == (State.OK, State.OK)


def test_what_an_emulator_does_not_tell_is_listed(make_stack: MakeStack) -> None:
    able, unable = product_alarms(make_stack)
    assert {one.name for one in able} == {
        "takeover-not-ready-test",
        "nobody-serves-test",
        "events-at-risk-test",
        "drill-overdue-test",
        "authority-expiring-test",
        "authority-expires-soon-test",
        *(
            f"replication-lag-{one}-test"
            for one in ("log", "database", "cache", "files", "secrets")
        ),
        "replication-lag-log-warning-test",
        "replication-lag-database-warning-test",
    }
    # AWS's own figures of Lambda and Step Functions.
    assert {"keeper-silent-test", "plan-failed-test"} <= set(unable)


def test_other_lines_are_passed_over() -> None:
    assert told(["START RequestId", '{"message": "decision"}', '{"_aws" broken']) == {}
