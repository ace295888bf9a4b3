"""Many losses: the median and the worst, and that none may be left out of them."""

from __future__ import annotations

from dataclasses import replace

from drill.series import Loss, lines, median_and_worst, passed
from tests.unit.drill.sample_evidence import body

GOOD = Loss.of(body(decided={"seconds": 33.0}))


def test_a_row_says_what_came_of_a_loss() -> None:
    assert (GOOD.scenario, GOOD.verdict, GOOD.rto_seconds) == ("region-loss", "PASS", 51.2)
    assert (GOOD.decided_seconds, list(GOOD.unmet)) == (33.0, [])
    said = "\n".join(lines([GOOD, replace(GOOD, rto_seconds=None, unmet=["order_kept"])]))
    assert "RTO   51.2 s  decided   33.0 s" in said
    assert "not met: order_kept" in said


def test_who_did_not_recover_is_the_worst() -> None:
    losses = [replace(GOOD, rto_seconds=one) for one in (40.0, None, 50.0)]
    assert median_and_worst(losses) == (50.0, float("inf"))


def test_no_loss_is_no_success() -> None:
    assert not passed([])
    assert passed([GOOD])
    assert not passed([GOOD, replace(GOOD, verdict="INVALID")])
