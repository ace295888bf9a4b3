"""Exhaustive: in every reachable state of a small model one region serves at most, and a way back exists.

The model is `authority_model`, the search `authority_search`; leaving a rule out must make the same search
find its hazard, which is how we know that the search can fail.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import pytest
from authority_search import Conclusion, conclude

from tests.conftest import WORKER

PROCESSES = 1 if WORKER else 2
"""One where the other worker has the other core."""
SEARCHES: dict[str, dict[str, Any]] = {
    "": {"max_faults": 1, "max_epoch": 2},
    "A16": {"max_faults": 1, "max_epoch": 3, "without": "A16", "from_the_take": True},
    "A1": {"max_faults": 2, "max_epoch": 2, "without": "A1"},
    "A2": {"max_faults": 2, "max_epoch": 2, "without": "A2"},
    "A17": {"max_faults": 1, "max_epoch": 2, "without": "A17", "from_the_take": True},
}
"""By the rule that is left out, the longest first: they run side by side, as each takes one core."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def searches() -> Iterator[dict[str, Future[Conclusion]]]:
    """Every search, started at once in processes of their own; a test waits for its own."""
    # Not forked: this process has threads of other tests.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(PROCESSES, mp_context=context)
    try:
        yield {name: pool.submit(conclude, **given) for name, given in SEARCHES.items()}
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


Searches = dict[str, Future[Conclusion]]


def test_no_two_regions_serve_and_a_way_back_exists(searches: Searches) -> None:
    """One fault of any kind, at any moment, over all interleavings; two faults in the soak."""
    found = searches[""].result()
    assert found.both_serve == ""
    assert found.epochs_fell == ""
    assert found.states > 50_000
    assert found.dead_ends == 0


@pytest.mark.parametrize("rule", ["A1", "A2"])
def test_the_search_finds_the_hazard_that_each_rule_prevents(searches: Searches, rule: str) -> None:
    """paused-keeper-zombie (A1) and failsafe-then-take (A2): without the rule both regions serve."""
    assert searches[rule].result().both_serve


def test_the_search_finds_a_replica_that_serves_without_a16(searches: Searches) -> None:
    """fenced-row-replicated: the promotion is refused, the link cut, and the writer takes again."""
    assert searches["A16"].result().both_serve


def test_the_search_finds_that_a_dead_plan_leaves_nobody_active_without_a17(
    searches: Searches,
) -> None:
    """plan-dies: its name is used up, so no path leads back to a region that serves."""
    found = searches["A17"].result()
    assert found.both_serve == ""
    assert found.dead_ends


@pytest.mark.soak
def test_a_failover_that_is_refused_and_given_back() -> None:
    """One fault of any kind from the take of epoch 2 on, to the end of epoch 3 (A16, A17)."""
    found = conclude(max_faults=1, max_epoch=3, from_the_take=True)
    assert found.both_serve == ""
    assert found.epochs_fell == ""
    assert found.states > 50_000
    assert found.dead_ends == 0


@pytest.mark.soak
def test_two_faults() -> None:
    found = conclude(max_faults=2, max_epoch=2)
    assert found.both_serve == ""
    assert found.dead_ends == 0
