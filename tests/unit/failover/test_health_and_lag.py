"""Probe verdicts (A12) and what may be said of lag (A5, A6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.lambdas.failover.health import Health, Sample, judge, verdict
from lifeline.lambdas.failover.lag import Applied, estimated_loss_seconds, vetoes
from lifeline.lambdas.failover.policy import Policy

POLICY = Policy()
UP, DOWN, DARK = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN


def seen(*healths: Health, newest_age: float = 1.0) -> list[Sample]:
    """Samples 5 s apart, oldest first, the newest `newest_age` seconds before 1,000."""
    last = 1000.0 - newest_age
    count = len(healths)
    return [Sample(last - 5.0 * (count - 1 - i), health) for i, health in enumerate(healths)]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (seen(), DARK),
        (seen(DOWN, DOWN, DOWN), DARK),
        (seen(DOWN, DOWN, DOWN, DOWN), DOWN),
        (seen(UP, DOWN, DOWN, DOWN, DOWN), DARK),
        (seen(UP, DOWN, DOWN, DOWN, DOWN, DOWN, DOWN), DOWN),
        (seen(DOWN, DARK, DOWN, DARK, DOWN, DOWN), DOWN),
        (seen(DOWN, DOWN, DOWN, DOWN, DARK), DARK),
        (seen(DOWN, DOWN, DOWN, DOWN, UP), UP),
        (seen(DARK, DARK, DARK, DARK, DARK, DARK), DARK),
        (seen(DOWN, DOWN, DOWN, DOWN, newest_age=10.1), DARK),
        (seen(UP, newest_age=11.0), DARK),
    ],
)
def test_verdict(samples: list[Sample], expected: Health) -> None:
    assert verdict(samples, POLICY, 1000.0) is expected


def test_a_sample_counts_for_two_spans_of_the_window() -> None:
    """An observer that looks seldom: what it saw more than a minute ago is no sign of life."""
    down = seen(DOWN, DOWN, DOWN, DOWN)
    for age, expected in ((60.0, DARK), (60.1, DOWN)):
        assert verdict([Sample(1000.0 - age, UP), *down], POLICY, 1000.0) is expected
    old = [Sample(1000.0 - age, DOWN) for age in (61.0, 4.0, 3.0, 2.0)]
    assert verdict(old, POLICY, 1000.0) is DARK


def test_the_newest_sample_is_fresh_for_two_cycles() -> None:
    assert verdict(seen(UP, newest_age=10.0), POLICY, 1000.0) is UP


@given(st.lists(st.sampled_from(list(Health)), max_size=12))
def test_unknown_samples_alone_never_make_unhealthy(healths: list[Health]) -> None:
    known_down = [health for health in healths[-6:] if health is DOWN]
    if verdict(seen(*healths), POLICY, 1000.0) is DOWN:
        assert len(known_down) >= POLICY.probes_needed
        assert UP not in healths[-6:]


def test_an_observer_without_its_control_knows_nothing() -> None:
    assert judge(target_answered=False, control_answered=False) is DARK
    assert judge(target_answered=True, control_answered=False) is DARK
    assert judge(target_answered=False, control_answered=True) is DOWN


@pytest.mark.parametrize(
    ("healthy", "born", "expected"),
    [(None, 5.0, None), (5.0, None, None), (100.0, 98.0, 2.0), (100.0, 130.0, 0.0)],
)
def test_missing_data_is_never_zero_loss(
    healthy: float | None, born: float | None, expected: float | None
) -> None:
    assert estimated_loss_seconds(healthy, born) == expected


def history(rate: float, born: float = 500.0) -> list[Applied]:
    return [Applied(at=1000.0 + i, born=born + rate * i) for i in range(0, 11, 2)]


@pytest.mark.parametrize(
    ("applied", "moved_at", "expected"),
    [
        ([], 0.0, None),
        (history(1.0)[-1:], 0.0, None),
        (history(1.0), 0.0, True),
        (history(0.5), 0.0, True),
        (history(0.4), 0.0, False),
        (history(0.0), 0.0, False),
        (history(1.0), 600.0, False),
        # Born when the lease moved: another active's.
        (history(1.0), 510.0, False),
        (history(1.0), 509.9, True),
        # Half a window is enough to say something, less is not; what is older does not count.
        ([Applied(1005.0, 500.0), Applied(1010.0, 505.0)], 0.0, True),
        ([Applied(1005.1, 500.0), Applied(1010.0, 505.0)], 0.0, None),
        ([Applied(999.9, 100.0), Applied(1000.0, 500.0), Applied(1010.0, 504.0)], 0.0, False),
    ],
)
def test_veto(applied: list[Applied], moved_at: float, expected: bool | None) -> None:
    found = vetoes(applied, rate=0.5, window_seconds=10.0, moved_at=moved_at, now=1010.0)
    assert found is expected
