"""A policy that could never decide, or would decide by one cycle, is refused."""

from __future__ import annotations

import pytest

from lifeline.lambdas.failover.policy import Policy


@pytest.mark.parametrize(("needed", "window"), [(1, 1), (1, 6), (6, 6)])
def test_some_of_the_last_probes_are_needed(needed: int, window: int) -> None:
    assert Policy(probes_needed=needed, probes_window=window).probes_needed == needed


@pytest.mark.parametrize(("needed", "window"), [(0, 6), (-1, 6), (7, 6)])
def test_none_or_more_than_there_are_is_refused(needed: int, window: int) -> None:
    """None would agree that a region is lost before anybody looked (A12)."""
    with pytest.raises(ValueError, match=rf"probes_needed must lie in 1..probes_window \({window}"):
        Policy(probes_needed=needed, probes_window=window)


def test_a_lease_lasts_for_longer_than_a_keepers_cycle() -> None:
    assert Policy(ttl_seconds=5.1, loop_seconds=5.0).ttl_seconds == 5.1
    for ttl in (5.0, 4.0):
        with pytest.raises(ValueError, match="must exceed loop_seconds"):
            Policy(ttl_seconds=ttl, loop_seconds=5.0)


def test_a_taker_waits_for_the_ttl_and_the_margin() -> None:
    assert Policy(ttl_seconds=20.0, margin_seconds=6.0).expiry_seconds == 26.0
    assert Policy(loop_seconds=5.0).own_pace_seconds == 4.0
