"""The exhaustive search over the model's states, and what it concludes. Run in processes of its own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Conclusion:
    """What a search found: the first state in which both regions serve is text, for who reads a failure."""

    states: int
    both_serve: str
    epochs_fell: str
    dead_ends: int


def conclude(
    *, max_faults: int, max_epoch: int, without: str = "", from_the_take: bool = False
) -> Conclusion:
    """Search, and look for dead ends if no two regions serve. `without` is a rule to leave out."""
    found = explore(
        max_faults=max_faults,
        max_epoch=max_epoch,
        without=frozenset({without} if without else ()),
        start_at=after_take() if from_the_take else None,
    )
    whole = found.both_serve is None
    return Conclusion(
        states=len(found.states),
        both_serve="" if found.both_serve is None else repr(found.both_serve),
        epochs_fell="" if found.epochs_fell is None else repr(found.epochs_fell),
        dead_ends=len(dead_ends(found)) if whole else 0,
    )
