"""A small model of two regions without a witness (rule A21), and its exhaustive search.

Each region has a lease of its own and nobody but a person moves it. The state is a value; `successors` gives
every interleaving of the keepers' single calls, the plan's steps, the passing of time, one takeover by a
person and its steps, the loss and the return of the home region, and a link that is cut and healed. The
decision, the transitions and the guard that lets a process serve are the real ones.

The person is believed in one thing only: a home region that could not be asked is lost, and stays lost
until the takeover's wait is over. Who sees it come back before gives up. That it stays so afterwards is not
believed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from lifeline.lambdas.failover import lease as transitions
from lifeline.lambdas.failover.decision import Action, DatabaseView, Observation, decide
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease, Promise
from lifeline.lambdas.failover.policy import Policy
from lifeline.services.shared.serving_guard import AuthorityRow, ServingGuard

HOME, OTHER = "home", "other"
REGIONS = (HOME, OTHER)
TTL, MARGIN, TRANSACTION = 2, 1, 1
POLICY = Policy(ttl_seconds=TTL, margin_seconds=MARGIN, loop_seconds=1)
OLD = TTL + TRANSACTION + 1
EPOCH = {"first": 1, "taken": 2}


class Row(NamedTuple):
    """One region's database: its authority row, how old its renewal is, and its role."""

    epoch: int
    holder: str
    age: int
    replica: bool


class Keeper(NamedTuple):
    """A keeper between two of its calls; `at` is the next one, or what it decided to do."""

    at: str = "look"
    stamp_age: int = 0
    view: DatabaseView | None = None


class State(NamedTuple):
    """Everything. `up`: the home region runs; `link`: the regions reach each other."""

    leases: tuple[Lease | None, ...]
    promises: tuple[Promise, ...]
    rows: tuple[Row, ...]
    keepers: tuple[Keeper, ...]
    plans: tuple[str, ...] = ("", "")
    """Each region's plan: its next step; empty: none runs."""
    stamps: tuple[int, ...] = (0, 0)
    up: bool = True
    link: bool = True
    person: str = "watching"
    waited: int = 0
    faults: int = 0


def first() -> State:
    """Home serves at epoch 1; the other region is its replica and has no lease."""
    return State(
        leases=(Lease(holder=HOME, epoch=1, renewals=0, writer=HOME), None),
        promises=(Promise(), Promise()),
        rows=(Row(1, HOME, 0, False), Row(1, HOME, 0, True)),
        keepers=(Keeper(), Keeper()),
    )


def activating() -> State:
    """As `first`, but home's plan of epoch 1 is still before its first step."""
    return first()._replace(
        rows=(Row(0, NO_HOLDER, OLD, False), Row(0, NO_HOLDER, OLD, True)),
        plans=("acquire", ""),
    )


def serving(state: State, r: int) -> bool:
    """Whether something in this region may still commit or answer a read (A1)."""
    row = state.rows[r]
    if r == 0 and not state.up:
        return False
    found = AuthorityRow(row.epoch, row.holder, 0, row.age, row.replica)
    return ServingGuard(REGIONS[r], TTL + TRANSACTION).judge(found, 0.0).may_serve


def reaches(state: State) -> bool:
    """Whether one region's call reaches the other."""
    return state.up and state.link


def successors(state: State, max_faults: int, without: str) -> Iterator[State]:
    """Every state one step away. `without` names a part of the rule to leave out."""
    yield _tick(state)
    for r in (0, 1):
        if r == 1 or state.up:
            yield from _keeper(state, r, without)
            yield from _plan(state, r, without)
    yield from _person(state, without)
    if state.up and state.faults < max_faults:
        yield state._replace(up=False, faults=state.faults + 1)
    if not state.up:
        given_up = state.person == "wait-lost" and without != "lost"
        yield state._replace(up=True, person="gave-up" if given_up else state.person)
    if state.link and state.faults < max_faults:
        yield state._replace(link=False, faults=state.faults + 1)
    if not state.link:
        yield state._replace(link=True)


def _tick(state: State) -> State:
    return state._replace(
        rows=tuple(one._replace(age=min(OLD, one.age + 1)) for one in state.rows),
        keepers=tuple(
            one._replace(stamp_age=min(OLD, one.stamp_age + 1)) if one.view else one
            for one in state.keepers
        ),
        stamps=tuple(min(OLD, one + 1) for one in state.stamps),
        waited=min(TTL + MARGIN, state.waited + 1)
        if state.person.startswith("wait")
        else state.waited,
    )


def _asked(state: State, r: int, epoch: int) -> bool | None:
    """The other region's answer. That it counts its promises moves nothing: nobody takes by himself."""
    if not reaches(state):
        return None
    return transitions.ask_failsafe(state.promises[1 - r], epoch=epoch) is not None


def _keeper(state: State, r: int, without: str) -> Iterator[State]:
    keeper, row, lease = state.keepers[r], state.rows[r], state.leases[r]
    if lease is None:
        return

    def become(**changes: object) -> State:
        return state._replace(keepers=_put(state.keepers, r, keeper._replace(**changes)))  # type: ignore[arg-type]

    done = state._replace(keepers=_put(state.keepers, r, Keeper()))
    if keeper.at == "look":
        # By the server's clock, and no more of it matters than whether it is within ttl.
        lately = 0.0 if row.age < TTL else float(TTL)
        view = DatabaseView(row.epoch, row.holder, row.replica, lately)
        yield become(at="ask", view=view, stamp_age=0)
    elif keeper.at == "ask":
        promised = _asked(state, r, lease.epoch)
        if (without, promised) in (("question", False), ("standstill", None)):
            promised = True
        decision = decide(
            Observation(
                region=REGIONS[r],
                lease=lease,
                database=keeper.view,
                alone=True,
                other_promised=promised,
                bound_to_epoch=state.promises[r].promoting,
            ),
            POLICY,
            0,
        )
        assert decision.action is not Action.TAKE, "nobody takes by himself"
        acts = decision.action in (Action.RENEW, Action.RECOVER)
        yield become(at=str(decision.action)) if acts else done
    else:
        looked = keeper.view
        assert looked is not None
        if keeper.at == Action.RECOVER and not state.plans[r]:
            done = done._replace(plans=_put(state.plans, r, "acquire"))
        mine = row.holder == REGIONS[r] and looked.epoch == row.epoch and not row.replica
        if mine and looked.holder == REGIONS[r] and not looked.in_recovery:
            fresh = row._replace(age=min(row.age, keeper.stamp_age))
            yield _followed(done._replace(rows=_put(state.rows, r, fresh)))
        else:
            yield done


def _plan(state: State, r: int, without: str) -> Iterator[State]:
    at, lease = state.plans[r], state.leases[r]
    if not at:
        return
    ended = state._replace(plans=_put(state.plans, r, ""))
    if lease is None or lease.holder != REGIONS[r]:
        yield ended
        return

    def agreed() -> bool | None:
        if without == "plan":
            return True
        promised = _asked(state, r, lease.epoch)
        if promised is None and state.promises[r].promoting == lease.epoch:
            return True
        return promised

    def to(step: str, **changes: object) -> State:
        return state._replace(plans=_put(state.plans, r, step), **changes)  # type: ignore[arg-type]

    if at in ("acquire", "promote", "stamp"):
        said = agreed() if at != "stamp" else True
        if said is False:
            yield ended
        elif said and at == "acquire":
            yield to("promote")
        elif said and at == "promote":
            yield to("stamp", rows=_put(state.rows, r, state.rows[r]._replace(replica=False)))
        elif said:
            yield to("open-ask", stamps=_put(state.stamps, r, 0))
    elif at == "open-ask":
        said = agreed()
        if said is False:
            yield ended
        elif said:
            yield to("open")
    else:
        row = state.rows[r]
        if row.epoch < lease.epoch or (row.epoch == lease.epoch and row.holder == NO_HOLDER):
            row = Row(lease.epoch, REGIONS[r], state.stamps[r], row.replica)
        yield _followed(ended._replace(rows=_put(state.rows, r, row)))


def _person(state: State, without: str) -> Iterator[State]:
    """One takeover: bind the other's table, take home's lease away if home can be asked, wait, create."""
    match state.person:
        case "watching":
            if not state.up or reaches(state):
                bound = transitions.set_out(state.promises[1], epoch=EPOCH["taken"], failsafe=0)
                assert bound is not None
                kept = state.promises if without == "bind" else (state.promises[0], bound)
                yield state._replace(person="revoke", promises=kept)
        case "revoke":
            if reaches(state):
                assert state.leases[0] is not None
                gone = transitions.take(state.leases[0], region=OTHER, seen=state.leases[0], now=0)
                assert gone is not None
                yield state._replace(person="wait", leases=(gone, state.leases[1]))
            elif not state.up:
                yield state._replace(person="wait-lost")
            # Home runs, and cannot be asked: nobody goes on.
        case "gave-up":
            free = transitions.clear_promise(
                state.promises[1], tries=state.promises[1].tries, lease_epoch=1
            )
            assert free is not None
            yield state._replace(person="over", promises=(state.promises[0], free))
        case "wait" | "wait-lost":
            if state.waited >= TTL + MARGIN or without == "wait":
                taken = Lease(holder=OTHER, epoch=EPOCH["taken"], renewals=0, writer=HOME)
                yield state._replace(person="done", leases=(state.leases[0], taken))


def canonical(state: State) -> State:
    """An age matters only where it lets its own region serve, or can be written so."""
    return state._replace(
        rows=_rows_of(state.rows),
        keepers=_keepers_of(state.keepers),
        stamps=_stamps_of(state.stamps, state.plans),
    )


# The parts repeat in nearly every state.


@cache
def _rows_of(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(
        one if one.holder == region and not one.replica else one._replace(age=0)
        for one, region in zip(rows, REGIONS, strict=True)
    )


@cache
def _keepers_of(keepers: tuple[Keeper, ...]) -> tuple[Keeper, ...]:
    return tuple(
        one
        if one.view is not None and one.view.holder == region and not one.view.in_recovery
        else one._replace(stamp_age=0)
        for one, region in zip(keepers, REGIONS, strict=True)
    )


@cache
def _stamps_of(stamps: tuple[int, ...], plans: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(
        one if at in ("open-ask", "open") else 0 for one, at in zip(stamps, plans, strict=True)
    )


def _followed(state: State) -> State:
    """A replica that its writer reaches has the writer's row. One that was promoted follows nobody."""
    if not reaches(state):
        return state
    rows = state.rows
    for r in (0, 1):
        if rows[r].replica and not rows[1 - r].replica:
            rows = _put(rows, r, rows[1 - r]._replace(replica=True))
    return state._replace(rows=rows)


def _put(values: tuple, index: int, value: object) -> tuple:  # type: ignore[type-arg]
    return (*values[:index], value, *values[index + 1 :])


@dataclass(frozen=True)
class Found:
    """How many states there are, the first in which both serve, and what was reached."""

    states: int
    both_serve: State | None
    other_served: bool
    dead_ends: int


def explore(*, max_faults: int, without: str = "", start_at: State | None = None) -> Found:
    """Breadth first; ends at the first state in which both regions serve."""
    start = canonical(start_at or first())
    numbers, states, before = {start: 0}, [start], [[]]  # type: ignore[var-annotated]
    todo, other_served = deque([0]), False
    while todo:
        number = todo.popleft()
        for following in map(canonical, successors(states[number], max_faults, without)):
            known = numbers.get(following)
            if known is None:
                known = len(states)
                numbers[following] = known
                states.append(following)
                before.append([])
                if serving(following, 0) and serving(following, 1):
                    return Found(len(states), following, True, 0)
                other_served |= serving(following, 1)
                todo.append(known)
            before[known].append(number)
    alive = {n for n, state in enumerate(states) if serving(state, 0) or serving(state, 1)}
    todo.extend(alive)
    while todo:
        for number in before[todo.pop()]:
            if number not in alive:
                alive.add(number)
                todo.append(number)
    return Found(len(states), None, other_served, len(states) - len(alive))
