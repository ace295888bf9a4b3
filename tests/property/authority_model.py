"""A small model in which two regions and a witness run the authority protocol (rules A).

The state is a value; `successors` gives every next state over all interleavings of the keepers' single
calls, of the plan's steps, of the passing of time, and of at most `max_faults` faults: a link cut, a reply
lost, a write delayed, a plan's death at any step, a person's abort (A17). Conditions, decisions and the
guard that lets a process serve are the real ones (`lease`, `decision`, `serving_guard`); only the sequence
of calls of a keeper's cycle is written again here, call by call. A replica has its writer's row at once while
the link is up, and keeps the last one while it is cut (A16).

Both observers always say UNHEALTHY: the worst an observer can do. What is left to keep two regions from
serving at once is the protocol itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from lifeline.lambdas.failover import lease as transitions
from lifeline.lambdas.failover.decision import Action, DatabaseView, Observation, decide
from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lease import Lease, Promise
from lifeline.lambdas.failover.policy import Policy
from lifeline.services.shared.serving_guard import AuthorityRow, ServingGuard

A, B = "a", "b"
REGIONS = (A, B)
TTL, MARGIN, TRANSACTION = 2, 1, 1
POLICY = Policy(
    ttl_seconds=TTL,
    margin_seconds=MARGIN,
    loop_seconds=1,
    cool_down_seconds=0,
    max_loss_seconds=1,
)
OLD = TTL + TRANSACTION + 1
"""Ages are capped here: anything older behaves the same."""
EXPIRY = TTL + MARGIN


class Database(NamedTuple):
    """One region's copy: its authority row, how long ago `renewed_from` was, and its role."""

    epoch: int
    holder: str
    age: int
    replica: bool


class Keeper(NamedTuple):
    """One keeper between two of its calls. `at` names the next call."""

    at: str = "start"
    stamp_age: int = 0
    view: DatabaseView | None = None
    lease: Lease | None = None
    promise: Promise | None = None
    tries: int = 0


class Memory(NamedTuple):
    """A region's memory of the lease as standby."""

    seen: tuple[int, int, int, int] | None = None
    age: int = 0


class Plan(NamedTuple):
    """A run of the recovery plan: its epoch and next step."""

    epoch: int
    at: str = "fence"
    stamp_age: int = 0


class State(NamedTuple):
    """Everything. Tuples are indexed as REGIONS; links are (witness-a, witness-b, a-b)."""

    lease: Lease
    promises: tuple[Promise, ...]
    databases: tuple[Database, ...]
    memories: tuple[Memory, ...]
    keepers: tuple[tuple[Keeper, ...], ...]
    plans: tuple[Plan | None, ...]
    started: tuple[int, int]
    """The newest epoch whose plan was ever started in each region (kept without A17 only)."""
    completed: tuple[int, int]
    """The newest epoch whose plan completed in each region."""
    delayed_take: tuple[str, Lease] | None
    links: tuple[bool, bool, bool]
    faults: int


def first() -> State:
    """Region a is active at epoch 1; all links are up."""
    return State(
        lease=Lease(holder=A, epoch=1, renewals=0, writer=A),
        promises=(Promise(), Promise()),
        databases=(Database(1, A, 0, False), Database(1, A, 0, True)),
        memories=(Memory(), Memory()),
        keepers=((Keeper(),), (Keeper(),)),
        plans=(None, None),
        started=(1, 0),
        completed=(1, 0),
        delayed_take=None,
        links=(True, True, True),
        faults=0,
    )


def after_take() -> State:
    """Region b took the lease of epoch 2; a lives, stopped by itself; b's plan is before the fence."""
    state = first()
    return state._replace(
        databases=tuple(one._replace(age=OLD) for one in state.databases),
        lease=Lease(holder=B, epoch=2, renewals=1, writer=A, unfit=frozenset({A})),
        promises=(Promise(), Promise(promoting=2, tries=1)),
        plans=(None, Plan(2)),
        started=(1, 2),
    )


def serving(state: State, region: int, without: frozenset[str] = frozenset()) -> bool:
    """Whether something in this region may still commit or answer a read (A1, transaction time-out)."""
    row = state.databases[region]
    in_recovery = row.replica and "A16" not in without
    found = AuthorityRow(row.epoch, row.holder, 0, row.age, in_recovery)
    return ServingGuard(REGIONS[region], TTL + TRANSACTION).judge(found, 0.0).may_serve


def successors(
    state: State, max_faults: int, max_epoch: int, features: frozenset[str]
) -> Iterator[State]:
    """Every state one step away. `features` names rules to leave out: the model must then fail."""
    yield _tick(state)
    for region in (0, 1):
        for number in range(len(state.keepers[region])):
            yield from _keeper(state, region, number, max_faults, max_epoch, features)
        yield from _plan(state, region, max_faults, features)
        if state.plans[region] is not None and state.faults < max_faults:
            # Aborted, timed out, failed, or at the service's limit of events.
            dead = _put(state.plans, region, None)
            yield state._replace(plans=dead, faults=state.faults + 1)
    aborted = transitions.abort(state.lease, epoch=state.lease.epoch)
    if aborted is not None and not state.lease.is_aborted and state.faults < max_faults:
        yield state._replace(lease=aborted, faults=state.faults + 1)
    if state.delayed_take is not None:
        who, seen = state.delayed_take
        taken = transitions.take(state.lease, region=who, seen=seen, now=0)
        yield state._replace(lease=taken or state.lease, delayed_take=None)
    for link in range(3):
        if not state.links[link]:
            healed = state._replace(links=_put(state.links, link, True))
            yield _followed(healed)
        elif state.faults < max_faults:
            yield state._replace(links=_put(state.links, link, False), faults=state.faults + 1)


def _tick(state: State) -> State:
    return state._replace(
        databases=tuple(d._replace(age=min(OLD, d.age + 1)) for d in state.databases),
        memories=tuple(m._replace(age=min(EXPIRY, m.age + 1)) for m in state.memories),
        keepers=tuple(
            tuple(k._replace(stamp_age=min(OLD, k.stamp_age + 1)) if k.view else k for k in group)
            for group in state.keepers
        ),
        plans=tuple(
            p._replace(stamp_age=min(OLD, p.stamp_age + 1))
            if p and p.at in ("renew", "open")
            else p
            for p in state.plans
        ),
    )


def _keeper(
    state: State, r: int, n: int, max_faults: int, max_epoch: int, without: frozenset[str]
) -> Iterator[State]:
    keeper, region, link = state.keepers[r][n], REGIONS[r], state.links[r]
    own = state.databases[r]

    def become(other: State, **changes: object) -> State:
        group = _put(other.keepers[r], n, keeper._replace(**changes))  # type: ignore[arg-type]
        return other._replace(keepers=_put(other.keepers, r, group))

    def done(other: State) -> State:
        group = _put(other.keepers[r], n, Keeper())
        return other._replace(keepers=_put(other.keepers, r, group))

    match keeper.at:
        case "start":
            seen_row = DatabaseView(own.epoch, own.holder, own.replica)
            yield become(state, at="read", stamp_age=0, view=seen_row)
        case "read":
            lease = state.lease if link else None
            promise = state.promises[r]
            memory = state.memories[r]
            if lease is not None and lease.holder != region:
                seen = (lease.epoch, lease.renewals, lease.attempt, promise.failsafe)
                if seen != memory.seen:
                    memory = Memory(seen, 0)
            observation = Observation(
                region=region,
                lease=lease,
                unmoved_seconds=memory.age,
                own_probe=Health.UNHEALTHY,
                witness_probe=Health.UNHEALTHY,
                control_answered=True,
                database=keeper.view,
                query_api_answered=True,
                markers_advance=False,
                estimated_loss_seconds=0,
            )
            decision = decide(observation, POLICY, 0)
            after = state._replace(memories=_put(state.memories, r, memory))
            match decision.action:
                case Action.RENEW | Action.RECOVER if lease is not None:
                    counts = decision.action is Action.RENEW
                    kept = _keep_plan(after, r, lease.epoch, counts, without)
                    yield become(kept, at="renew", lease=lease)
                case Action.ASK_FAILSAFE:
                    yield become(after, at="ask")
                case Action.TAKE if lease is not None and lease.epoch < max_epoch:
                    yield become(after, at="set-out", lease=lease, promise=promise)
                case Action.HOLD if lease is not None and promise.promoting > lease.epoch:
                    if lease.holder != region:
                        yield become(after, at="abandon", lease=lease, promise=promise)
                case _:
                    yield done(after)
        case "renew":
            assert keeper.lease is not None
            renewed = transitions.renew(state.lease, region=region, epoch=keeper.lease.epoch)
            if link and renewed is not None:
                yield become(state._replace(lease=renewed), at="bump")
                if state.faults < max_faults:  # the reply is lost
                    yield become(state._replace(lease=renewed, faults=state.faults + 1), at="ask")
            else:
                yield become(state, at="ask")
        case "ask":
            assert keeper.view is not None
            other = 1 - r
            if keeper.view.holder != region or not state.links[2]:
                yield done(state)
            elif "A2" in without:  # no promise: a holder without the witness just goes on
                yield become(state, at="bump")
            else:
                asked = transitions.ask_failsafe(state.promises[other], epoch=keeper.view.epoch)
                if asked is None:
                    yield done(state)
                else:
                    yield become(
                        state._replace(promises=_put(state.promises, other, asked)), at="bump"
                    )
        case "bump":
            view = keeper.view
            assert view is not None
            row = own
            mine = view.holder == region and not view.in_recovery
            if mine and row.epoch == view.epoch and row.holder == region and not row.replica:
                age = 0 if "A1" in without else min(row.age, keeper.stamp_age)
                row = row._replace(age=age)
            yield done(_with_row(state, r, row))
        case "set-out":
            assert keeper.lease is not None
            assert keeper.promise is not None
            failsafe = state.promises[r].failsafe if "A2" in without else keeper.promise.failsafe
            out = transitions.set_out(
                state.promises[r], epoch=keeper.lease.epoch + 1, failsafe=failsafe
            )
            if out is None:
                yield done(state)
            else:
                yield become(
                    state._replace(promises=_put(state.promises, r, out)),
                    at="take",
                    tries=out.tries,
                )
        case "take":
            assert keeper.lease is not None
            taken = transitions.take(state.lease, region=region, seen=keeper.lease, now=0)
            if link:
                yield become(state._replace(lease=taken or state.lease), at="reread")
            else:
                yield become(state, at="reread")
            if state.faults < max_faults and state.delayed_take is None:
                yield become(
                    state._replace(delayed_take=(region, keeper.lease), faults=state.faults + 1),
                    at="reread",
                )
        case "reread":
            if not link:
                yield done(state)
            elif state.lease.holder == region:
                yield done(_keep_plan(state, r, state.lease.epoch, False, without))
            else:
                yield become(state, at="give-up", lease=state.lease)
        case "abandon":
            assert keeper.promise is not None
            out = transitions.set_out(
                state.promises[r],
                epoch=keeper.promise.promoting,
                failsafe=keeper.promise.failsafe,
            )
            if out is None:
                yield done(state)
            else:
                yield become(
                    state._replace(promises=_put(state.promises, r, out)),
                    at="give-up",
                    tries=out.tries,
                )
        case "give-up":
            assert keeper.lease is not None
            given = (
                state.lease
                if "attempt" in without
                else transitions.give_up_attempt(state.lease, seen=keeper.lease)
            )
            if not link or given is None:
                yield done(state)
            else:
                yield become(state._replace(lease=given), at="clear", lease=given)
        case "clear":
            assert keeper.lease is not None
            tries = state.promises[r].tries if "tries" in without else keeper.tries
            cleared = transitions.clear_promise(
                state.promises[r], tries=tries, lease_epoch=keeper.lease.epoch
            )
            yield done(
                state
                if cleared is None
                else state._replace(promises=_put(state.promises, r, cleared))
            )
        case _:
            raise AssertionError(keeper.at)


def _keep_plan(
    state: State, r: int, epoch: int, completion_counts: bool, without: frozenset[str]
) -> State:
    """The newest run is started unless one runs, or completed and its completion counts (A17).

    Without A17 the execution's name is the epoch's: each epoch's plan starts once.
    """
    plan = state.plans[r]
    running = plan is not None and plan.epoch == epoch
    completed = state.completed[r] >= epoch and completion_counts
    used_up = "A17" in without and state.started[r] >= epoch
    if running or completed or used_up:
        return state
    started = _put(state.started, r, epoch) if "A17" in without else state.started
    return state._replace(plans=_put(state.plans, r, Plan(epoch)), started=started)


def _plan(state: State, r: int, max_faults: int, without: frozenset[str]) -> Iterator[State]:
    plan, region = state.plans[r], REGIONS[r]
    if plan is None:
        return

    def become(other: State, step: str | None) -> State:
        following = None if step is None else plan._replace(at=step, stamp_age=0)
        return other._replace(plans=_put(other.plans, r, following))

    mine = (state.lease.holder, state.lease.epoch) == (region, plan.epoch)
    if plan.at not in ("fence", "open") and not state.links[r]:
        return  # the witness is out of reach: the step is tried again later
    match plan.at:
        case "fence":
            old = state.databases[1 - r]
            if not state.links[2] or old.replica or old.epoch >= plan.epoch:
                yield become(state, "promote")
            else:
                if state.faults < max_faults:  # not reached all the same
                    lost = state._replace(faults=state.faults + 1)
                    yield become(lost, "promote")
                fenced = old._replace(epoch=plan.epoch, holder=transitions.NO_HOLDER)
                if "A16" in without:
                    fenced = fenced._replace(holder=region, age=0)
                yield become(_with_row(state, 1 - r, fenced), "promote")
        case "promote":
            if not mine:
                yield become(state, None)
                return
            if state.lease.is_aborted:
                yield become(state, "release")
                return
            written = transitions.record_writer(state.lease, region=region, epoch=plan.epoch)
            assert written is not None
            databases = _put(state.databases, r, state.databases[r]._replace(replica=False))
            yield become(state._replace(lease=written, databases=databases), "stamp")
            yield become(state, "release")  # refused: nothing is cut
        case "release":
            released = transitions.release(state.lease, region=region, epoch=plan.epoch)
            if released is not None:
                yield become(state._replace(lease=released), None)
            else:
                yield become(state, "promote" if mine else None)
        case "stamp":
            yield become(state, "renew")
        case "renew":
            renewed = transitions.renew(state.lease, region=region, epoch=plan.epoch)
            if renewed is None:
                yield become(state, None)
            else:
                following = plan._replace(at="open")
                yield state._replace(lease=renewed, plans=_put(state.plans, r, following))
        case "open":
            row = state.databases[r]
            free = row.epoch == plan.epoch and row.holder == transitions.NO_HOLDER
            if row.epoch < plan.epoch or free:
                row = row._replace(epoch=plan.epoch, holder=region, age=plan.stamp_age)
            opened = become(_with_row(state, r, row), None)
            if state.faults < max_faults:  # it dies before it records its completion
                yield opened._replace(faults=state.faults + 1)
            completed = max(opened.completed[r], plan.epoch)
            yield opened._replace(completed=_put(opened.completed, r, completed))
        case _:
            raise AssertionError(plan.at)


def _with_row(state: State, r: int, row: Database) -> State:
    """Write one region's row; a replica on the other side follows it."""
    return _followed(state._replace(databases=_put(state.databases, r, row)))


def _followed(state: State) -> State:
    """A replica that its writer reaches has the writer's row."""
    databases = state.databases
    if not state.links[2]:
        return state
    for r in (0, 1):
        row = databases[1 - r]
        if databases[r].replica and not row.replica:
            follower = row._replace(replica=True)
            databases = _put(databases, r, follower)
    return state._replace(databases=databases)


def canonical(state: State) -> State:
    """Counters only matter by being equal or not: 1 for the current value, 0 for an older one.

    An age only matters where it lets its own region serve: of a row that names it, of a stamp that can be
    written into such a row.
    """
    lease = state.lease
    delayed = state.delayed_take
    if delayed is not None:
        seen = _lease_of(delayed[1], lease)
        hopeless = seen.epoch != lease.epoch or not (seen.renewals and seen.attempt)
        delayed = None if hopeless else (delayed[0], seen)
    return state._replace(
        lease=_current(lease),
        promises=_promises_of(state.promises),
        memories=_memories_of(state.memories, state.promises, lease),
        databases=_rows_of(state.databases),
        keepers=_keepers_of(state.keepers, state.promises, lease),
        delayed_take=delayed,
    )


# The parts repeat in nearly every state: kept, the search takes a third of the time.


@cache
def _current(lease: Lease) -> Lease:
    aborted = lease.epoch if lease.is_aborted else 0
    return replace(lease, renewals=1, attempt=1, aborted_epoch=aborted)


@cache
def _promises_of(promises: tuple[Promise, ...]) -> tuple[Promise, ...]:
    return tuple(
        replace(one, failsafe=1, tries=1, promoting=max(one.promoting, 1)) for one in promises
    )


@cache
def _rows_of(rows: tuple[Database, ...]) -> tuple[Database, ...]:
    return tuple(
        row if row.holder == region else row._replace(age=OLD)
        for row, region in zip(rows, REGIONS, strict=True)
    )


@cache
def _lease_of(seen: Lease, lease: Lease) -> Lease:
    same_epoch = seen.epoch == lease.epoch
    return replace(
        seen,
        renewals=int(same_epoch and seen.renewals == lease.renewals),
        attempt=int(same_epoch and seen.attempt == lease.attempt),
        aborted_epoch=0,  # only the plan looks at it, in the lease itself
    )


@cache
def _memories_of(
    memories: tuple[Memory, ...], promises: tuple[Promise, ...], lease: Lease
) -> tuple[Memory, ...]:
    return tuple(_memory_of(m, p, lease) for m, p in zip(memories, promises, strict=True))


def _memory_of(memory: Memory, promise: Promise, lease: Lease) -> Memory:
    if memory.seen is None:
        return Memory(None, 0)
    current = (lease.epoch, lease.renewals, lease.attempt, promise.failsafe)
    if memory.seen != current:
        return Memory((0, 0, 0, 0), 0)
    return Memory((lease.epoch, 1, 1, 1), memory.age)


@cache
def _keepers_of(
    keepers: tuple[tuple[Keeper, ...], ...], promises: tuple[Promise, ...], lease: Lease
) -> tuple[tuple[Keeper, ...], ...]:
    return tuple(
        tuple(sorted((_keeper_of(one, promise, region, lease) for one in group), key=repr))
        for group, promise, region in zip(keepers, promises, REGIONS, strict=True)
    )


def _keeper_of(keeper: Keeper, promise: Promise, region: str, lease: Lease) -> Keeper:
    seen, view = keeper.promise, keeper.view
    bumps = view is not None and view.holder == region and not view.in_recovery
    if seen is not None:
        seen = replace(seen, failsafe=int(seen.failsafe == promise.failsafe), tries=0)
    return keeper._replace(
        lease=None if keeper.lease is None else _lease_of(keeper.lease, lease),
        promise=seen,
        stamp_age=keeper.stamp_age if bumps else 0,
        tries=int(keeper.tries == promise.tries) if keeper.tries else 0,
    )


def _put(values: tuple, index: int, value: object) -> tuple:  # type: ignore[type-arg]
    return (*values[:index], value, *values[index + 1 :])
