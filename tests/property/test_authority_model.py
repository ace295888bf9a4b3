"""Exhaustive: in every reachable state of a small model one region serves at most, and a way back exists.

The model is `authority_model`; leaving a rule out must make the same search find its hazard, which is how
we know that the search can fail.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import pytest
from authority_model import (
    POLICY,
    REGIONS,
    State,
    after_take,
    canonical,
    first,
    serving,
    successors,
)

from lifeline.lambdas.failover.decision import Action, DatabaseView, Observation, decide
from lifeline.lambdas.failover.lease import NO_HOLDER

NOTHING: frozenset[str] = frozenset()


@dataclass
class Explored:
    """Reached states in the order they were found, and who leads to whom."""

    states: list[State]
    numbers: dict[State, int]
    before: list[list[int]]
    both_serve: State | None = None
    epochs_fell: State | None = None


def explore(
    *,
    max_faults: int,
    max_epoch: int,
    without: frozenset[str] = NOTHING,
    start_at: State | None = None,
    stop_after: int = 2_000_000,
) -> Explored:
    """Breadth first from the healthy start; ends at the first state in which both regions serve."""
    start = canonical(start_at or first())
    found = Explored([start], {start: 0}, [[]])
    todo = deque([0])
    while todo and len(found.states) < stop_after:
        number = todo.popleft()
        state = found.states[number]
        for following in successors(state, max_faults, max_epoch, without):
            following = canonical(following)
            if following.lease.epoch < state.lease.epoch:
                found.epochs_fell = following
            known = found.numbers.get(following)
            if known is None:
                known = len(found.states)
                found.numbers[following] = known
                found.states.append(following)
                found.before.append([])
                if serving(following, 0, without) and serving(following, 1, without):
                    found.both_serve = following
                    return found
                todo.append(known)
            found.before[known].append(number)
    assert len(found.states) < stop_after, "the model is larger than this search"
    return found


def taken_at_once(state: State) -> bool:
    """Whether nobody holds the lease and the writer's keeper, asked now, takes it (A3, A13)."""
    lease = state.lease
    if lease.holder != NO_HOLDER:
        return False
    row = state.databases[REGIONS.index(lease.writer)]
    observation = Observation(
        region=lease.writer,
        lease=lease,
        control_answered=True,
        database=DatabaseView(row.epoch, row.holder, row.replica),
        query_api_answered=True,
    )
    return not row.replica and decide(observation, POLICY, 0).action is Action.TAKE


def dead_ends(found: Explored) -> list[State]:
    """States from which no path, healing included, leads to a region that serves or takes at once.

    The search ends at the last epoch; a released lease there is followed by the decision alone.
    """
    alive = {
        number
        for number, state in enumerate(found.states)
        if serving(state, 0) or serving(state, 1) or taken_at_once(state)
    }
    todo = list(alive)
    while todo:
        for number in found.before[todo.pop()]:
            if number not in alive:
                alive.add(number)
                todo.append(number)
    return [state for number, state in enumerate(found.states) if number not in alive]


@pytest.mark.timeout(900)
def test_no_two_regions_serve_and_a_way_back_exists() -> None:
    """One fault of any kind, at any moment, over all interleavings; two faults in the soak."""
    found = explore(max_faults=1, max_epoch=2)
    assert found.both_serve is None
    assert found.epochs_fell is None
    assert len(found.states) > 50_000
    assert dead_ends(found) == []


@pytest.mark.parametrize("rule", ["A1", "A2"])
def test_the_search_finds_the_hazard_that_each_rule_prevents(rule: str) -> None:
    """paused-keeper-zombie (A1) and failsafe-then-take (A2): without the rule both regions serve."""
    found = explore(max_faults=2, max_epoch=2, without=frozenset({rule}))
    assert found.both_serve is not None


@pytest.mark.soak
def test_a_failover_that_is_refused_and_given_back() -> None:
    """One fault of any kind from the take of epoch 2 on, to the end of epoch 3 (A16, A17)."""
    found = explore(max_faults=1, max_epoch=3, start_at=after_take())
    assert found.both_serve is None
    assert found.epochs_fell is None
    assert len(found.states) > 50_000
    assert dead_ends(found) == []


def test_the_search_finds_a_replica_that_serves_without_a16() -> None:
    """fenced-row-replicated: the promotion is refused, the link cut, and the writer takes again."""
    found = explore(max_faults=1, max_epoch=3, without=frozenset({"A16"}), start_at=after_take())
    assert found.both_serve is not None


def test_the_search_finds_that_a_dead_plan_leaves_nobody_active_without_a17() -> None:
    """plan-dies: its name is used up, so no path leads back to a region that serves."""
    found = explore(max_faults=1, max_epoch=2, without=frozenset({"A17"}), start_at=after_take())
    assert found.both_serve is None
    assert dead_ends(found) != []


@pytest.mark.soak
def test_two_faults() -> None:
    found = explore(max_faults=2, max_epoch=2)
    assert found.both_serve is None
    assert dead_ends(found) == []
