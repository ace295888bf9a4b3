"""Two regions and a witness in memory, in which the deployed `keeper.cycle.Cycle` runs.

The ports are twins of the adapters, built on the pure transitions. Every port call is a place where the
schedule may put something between: other keepers' whole cycles, plan steps, time, a cut link, a lost reply,
the keeper's death, the end of a plan's run (A17). What serves is judged by the deployed guard, which sees
the rows that replicate (A16). Both observers always say UNHEALTHY, the worst an observer can do; what is
left to keep two regions from serving at once is the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from lifeline.lambdas.failover import lease as transitions
from lifeline.lambdas.failover import plan_runs
from lifeline.lambdas.failover.decision import Action, DatabaseView, Decision
from lifeline.lambdas.failover.health import Health, Sample
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lease import Lease, Promise
from lifeline.lambdas.failover.own_health import Progress
from lifeline.lambdas.failover.pages import Sender
from lifeline.lambdas.failover.plan_runs import PlanRuns, RunStatus
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.protocol import HAND_OVER_REQUEST_SECONDS
from lifeline.lambdas.failover.replication_signal import MarkerSignal
from lifeline.lambdas.keeper.cycle import Cycle, Ports
from lifeline.lambdas.keeper.memory import Memory
from lifeline.services.shared.serving_guard import AuthorityRow, ServingGuard

T = TypeVar("T")

HOME, RECOVERY, WITNESS = "home", "recovery", "witness"
REGIONS = (HOME, RECOVERY)
LINKS = (
    frozenset({HOME, WITNESS}),
    frozenset({RECOVERY, WITNESS}),
    frozenset({HOME, RECOVERY}),
)
POLICY = Policy(cool_down_seconds=0.0)
TRANSACTION_SECONDS = 5.0
"""What was begun while serving may end this much later (A1)."""
CLOCK_OFFSET = {HOME: 0.0, RECOVERY: 0.9}
MAX_NESTING = 3


class Cut(Exception):
    """A call that did not reach its target, or whose answer did not come back."""


class Died(BaseException):
    """The keeper's process ends here; nothing in it may catch this."""


@dataclass(frozen=True)
class Between:
    """What happens at one port call of a cycle: events before it, then its outcome."""

    events: tuple[Event, ...] = ()
    outcome: str = "answered"
    """`answered`, `cut` (not done, raises), `lost` (done, raises), `dies` (not done, process ends)."""


@dataclass(frozen=True)
class Event:
    """One thing that happens in the simulation; `kind` names a method of Simulation."""

    kind: str
    what: Any = None
    between: Mapping[int, Between] = field(default_factory=dict, hash=False)
    """For a cycle: by the number of its port call, from 0."""


@dataclass
class Row:
    """A region's copy of the database: its authority row and whether it follows the other."""

    epoch: int = 0
    holder: str = ""
    renewed_from: float = -1e9
    renewals: int = 0
    replica: bool = False


@dataclass
class Execution:
    """A run of a region's plan; `at` is its next step, `done` once it is closed."""

    epoch: int
    run: int
    at: str = "acquire"
    stamp: float = 0.0


class Simulation:
    """Home is active at epoch 1, all links are up, both regions' keepers have seen the other healthy."""

    def __init__(
        self, *, without: frozenset[str] = frozenset(), automatic_hand_over: bool = False
    ) -> None:
        """`without` names rules to leave out (A16): the scenario must then fail."""
        self._without = without
        self._policy = replace(POLICY, automatic_hand_over=automatic_hand_over)
        self.now = 1000.0
        self.lease: Lease | None = Lease(holder=HOME, epoch=1, renewals=0, writer=HOME)
        self.promises = {region: Promise() for region in REGIONS}
        healthy = Memory(last_healthy_at=self.now).to_json()
        self.memories: dict[str, dict[str, Any]] = {region: healthy for region in REGIONS}
        self.reports: dict[str, KeeperReport] = {}
        self.own_health: dict[str, dict[str, Any]] = {}
        self.applying, self.logging = True, True
        """Whether the active's event appliers commit, and whether its markers arrive in its database."""
        self.seen_well: set[str] = set()
        """The regions that the witness sees well from outside; of the others it says UNHEALTHY."""
        self.rows = {
            HOME: Row(epoch=1, holder=HOME, renewed_from=self.now),
            RECOVERY: Row(replica=True),
        }
        self.cut_links: set[frozenset[str]] = set()
        self.follow()
        self.executions: dict[tuple[str, str], Execution] = {}
        self.plan_runs = {(HOME, 1): PlanRuns(epoch=1, run=1, completed=1)}
        self.decided: list[tuple[str, Decision]] = []
        self.words: dict[str, str] = {}
        """The word of each region's decision that was noted last."""
        self.pages: list[str] = []
        self.texts: list[str] = []
        """Subjects and bodies of what a person was told."""
        self.aborts_refused = 0
        self.both_served = False
        self.epoch_fell = False
        self._epochs: dict[str, int] = {}
        self._running: list[Any] = []
        self._calls: list[list[Any]] = []
        self.keepers = {
            (region, number): self._keeper(region) for region in REGIONS for number in (0, 1)
        }

    # What may happen

    def happen(self, *events: Event) -> None:
        """Let the events happen in order, and judge the simulation after each."""
        for event in events:
            getattr(self, f"_do_{event.kind}")(event)
            self._judge()

    def cycle(
        self, region: str, number: int = 0, between: Mapping[int, Between] | None = None
    ) -> None:
        """A whole cycle of the region's keeper of that number, with what is put at its port calls."""
        self.happen(Event("cycle", (region, number), between or {}))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.happen(Event("tick", seconds))

    def plan(self, region: str, steps: int = 8) -> None:
        """That many steps of the region's newest plan."""
        self.happen(*(Event("plan", (region, False)) for _ in range(steps)))

    def cut(self, one: str, other: str) -> None:
        """Cut a link."""
        self.happen(Event("cut", frozenset({one, other})))

    def heal(self, one: str, other: str) -> None:
        """Mend a link."""
        self.happen(Event("heal", frozenset({one, other})))

    def progress(self, region: str) -> Progress:
        """What the region's own event appliers left in its database."""
        return Progress(0.5 if self.applying else 600.0, self.now if self.logging else 1.0)

    def serving(self, region: str) -> bool:
        """Whether something in the region may still commit or answer a read (A1)."""
        return self._fresh(region, POLICY.ttl_seconds + TRANSACTION_SECONDS)

    def last(self, region: str) -> tuple[Action, str]:
        """What a keeper of the region last decided, and why."""
        decision = next(one for who, one in reversed(self.decided) if who == region)
        return decision.action, decision.reason

    def _do_tick(self, event: Event) -> None:
        self.now += event.what

    def _do_cut(self, event: Event) -> None:
        self.cut_links.add(event.what)

    def _do_heal(self, event: Event) -> None:
        self.cut_links.discard(event.what)
        self.follow()

    def _do_pause(self, event: Event) -> None:
        if self.lease is not None:
            self.lease = replace(self.lease, paused_until=self.now + event.what)

    def _do_delete_lease(self, _event: Event) -> None:
        self.lease = None

    def _do_end_plan(self, event: Event) -> None:
        """The region's newest run ends where it is: aborted, timed out, or at the limit of events."""
        run = self.newest_run(event.what)
        if run is not None:
            run.at = "done"

    def _do_abort(self, _event: Event) -> None:
        """A person aborts the epoch of the lease, which may be refused (D9)."""
        if self.lease is not None:
            aborted = transitions.abort(self.lease, epoch=self.lease.epoch)
            self.aborts_refused += aborted is None
            self.lease = aborted or self.lease

    def _do_rewind(self, event: Event) -> None:
        """A person's `lifeline rewind`; `what`: whether it ends between the lease and the database."""
        lease = self.lease
        if lease is None or lease.holder not in REGIONS or not self._linked(lease.holder, WITNESS):
            return
        region, row = lease.holder, self.rows[lease.holder]
        if (row.epoch, row.holder, row.replica) != (lease.epoch, region, False):
            return
        advanced = transitions.advance(lease, region=region, epoch=lease.epoch)
        self.lease = advanced or lease
        if advanced is not None and not event.what:
            row.epoch += 1
            self.follow()

    def _do_ask_hand_over(self, _event: Event) -> None:
        """A person asks the active region to hand over (A11)."""
        if self.lease is not None:
            until = self.now + HAND_OVER_REQUEST_SECONDS
            asked = transitions.ask_hand_over(self.lease, epoch=self.lease.epoch, until=until)
            self.lease = asked or self.lease

    def restart(self, region: str) -> None:
        """Every keeper of the region ends, and others start."""
        for number in (0, 1):
            self.keepers[region, number] = self._keeper(region)

    def _do_reprotect(self, _event: Event) -> None:
        """The region without authority is rebuilt as a replica and fit again (A13)."""
        lease = self.lease
        if lease is None or lease.holder not in REGIONS or lease.writer != lease.holder:
            return
        if self.rows[lease.holder].epoch != lease.epoch:
            return
        if not self._linked(HOME, RECOVERY):
            return  # rebuilt from the holder's database, so not without it
        self.rows[other(lease.holder)].replica = True
        self.follow()
        self.lease = replace(lease, unfit=frozenset())

    def _do_cycle(self, event: Event) -> None:
        if len(self._running) >= MAX_NESTING or event.what in self._running:
            return  # a keeper's process does one thing at a time
        self._running.append(event.what)
        self._calls.append([0, event.between])
        try:
            self.decided.append((event.what[0], self.keepers[event.what].run()))
        except Died:
            self.keepers[event.what] = self._keeper(event.what[0])
        finally:
            self._calls.pop()
            self._running.pop()

    def _do_plan(self, event: Event) -> None:
        """The next step of the region's newest plan, if its calls get through."""
        region, refused = event.what
        run = self.newest_run(region)
        if run is None or self.lease is None:
            return
        mine = (self.lease.holder, self.lease.epoch) == (region, run.epoch)
        row = self.rows[region]
        needs_witness = run.at in ("acquire", "promote", "record", "release", "renew")
        if needs_witness and not self._linked(region, WITNESS):
            return  # tried again later
        match run.at:
            case "acquire":
                run.at = "fence" if mine else "done"
                if mine and self.lease.is_aborted:
                    run.at = "release"
            case "fence":
                old = self.rows[other(region)]
                if self._linked(region, other(region)) and not old.replica and not refused:
                    self._fence(old, region, run.epoch)
                run.at = "promote"
            case "promote" if not mine:
                run.at = "done"
            case "promote" if refused or (self.lease.is_aborted and row.replica):
                run.at = "release"
            case "promote":
                row.replica = False
                run.at = "record"
            case "record":
                written = transitions.record_writer(self.lease, region=region, epoch=run.epoch)
                self.lease = written or self.lease
                run.at = "done" if written is None else "stamp"
            case "release" if mine and not row.replica:
                run.at = "record"  # the database service had accepted the promotion (D1)
            case "release":
                promise = self.promises[region]
                counted = transitions.count_release(
                    promise, epoch=run.epoch, now=self.clock(region)
                )
                self.promises[region] = counted or promise
                released = transitions.release(self.lease, region=region, epoch=run.epoch)
                self.lease = released or self.lease
                run.at = "promote" if released is None and mine else "done"
            case "stamp":
                run.stamp = self.clock(region)
                run.at = "renew"
            case "renew":
                renewed = transitions.renew(self.lease, region=region, epoch=run.epoch)
                self.lease = renewed or self.lease
                run.at = "done" if renewed is None else "open"
            case "open":
                self._open(row, region, run.epoch, run.stamp)
                run.at = "complete"
            case "complete":
                key = (region, run.epoch)
                runs = self.plan_runs[key]
                self.plan_runs[key] = plan_runs.complete(runs, run=run.run) or runs
                self.promises[region] = transitions.forget_releases(self.promises[region])
                run.at = "done"

    # What holds it together

    def call(self, source: str, target: str, effect: Callable[[], T]) -> T:
        """One port call of the running cycle, with what the schedule put there."""
        frame = self._calls[-1]
        number, between = frame[0], frame[1].get(frame[0], Between())
        frame[0] = number + 1
        self.happen(*between.events)
        if between.outcome == "dies":
            raise Died
        if between.outcome == "cut" or not self._linked(source, target):
            raise Cut(f"{source} to {target}")
        answer = effect()
        self._judge()
        if between.outcome == "lost":
            raise Cut(f"{source} from {target}")
        return answer

    def _keeper(self, region: str) -> Cycle:
        return Cycle(
            sender=Sender("test", region, other(region), WITNESS),
            policy=self._policy,
            ports=ports(self, region),
            clock=lambda: self.clock(region),
            log=lambda *_said, **_more: None,
            publish=lambda _said, _at: None,
        )

    def clock(self, region: str) -> float:
        """The region's own clock."""
        return self.now + CLOCK_OFFSET[region]

    def _linked(self, one: str, two: str) -> bool:
        return frozenset({one, two}) not in self.cut_links

    def newest_run(self, region: str) -> Execution | None:
        """The region's run of the highest epoch and run number, closed or not."""
        runs = [run for (who, _name), run in self.executions.items() if who == region]
        return max(runs, key=lambda run: (run.epoch, run.run), default=None)

    def runs_of(self, region: str) -> list[str]:
        """The names of the region's executions, in the order of their start."""
        return [name for who, name in self.executions if who == region]

    def _fresh(self, region: str, seconds: float) -> bool:
        """The deployed guard on the region's own copy, a replica's included (A16)."""
        row = self.rows[region]
        age = self.clock(region) - row.renewed_from
        in_recovery = row.replica and "A16" not in self._without
        found = AuthorityRow(row.epoch, row.holder, row.renewals, age, in_recovery)
        return ServingGuard(region, seconds).judge(found, 0.0).may_serve

    def _fence(self, row: Row, region: str, epoch: int) -> None:
        if row.epoch < epoch:
            row.epoch, row.holder = epoch, transitions.NO_HOLDER
            if "A16" in self._without:
                row.holder, row.renewed_from = region, self.clock(region)
        self.follow()

    def _open(self, row: Row, region: str, epoch: int, stamp: float) -> None:
        if row.epoch < epoch or (row.epoch == epoch and row.holder == transitions.NO_HOLDER):
            row.epoch, row.holder, row.renewed_from = epoch, region, stamp
        self.follow()

    def follow(self) -> None:
        """A replica has what its primary has: at once (the worst for a keeper that reads it), while the
        link between the regions is up."""
        if not self._linked(HOME, RECOVERY):
            return
        for region in REGIONS:
            if self.rows[region].replica:
                self.rows[region] = replace(self.rows[other(region)], replica=True)

    def _judge(self) -> None:
        epochs = {region: self.rows[region].epoch for region in REGIONS}
        if self.lease is not None:
            epochs[WITNESS] = self.lease.epoch
        self.epoch_fell |= any(epochs[name] < self._epochs.get(name, 0) for name in epochs)
        self._epochs = {**self._epochs, **epochs}
        self.both_served |= all(self.serving(region) for region in REGIONS)


def other(region: str) -> str:
    """The other data region."""
    return RECOVERY if region == HOME else HOME


class LeaseTwin:
    """The lease table as `region` reaches it."""

    def __init__(self, simulation: Simulation, region: str) -> None:
        self._simulation = simulation
        self._source = region

    def read(self) -> Lease | None:
        return self._simulation.call(self._source, WITNESS, lambda: self._simulation.lease)

    def renew(self, *, region: str, epoch: int, health: str) -> Lease | None:
        def renewed(lease: Lease) -> Lease | None:
            found = transitions.renew(lease, region=region, epoch=epoch)
            return found and replace(found, health={**lease.health, region: health})

        return self._change(renewed)

    def take(self, *, region: str, seen: Lease, now: float) -> Lease | None:
        return self._change(
            lambda lease: transitions.take(lease, region=region, seen=seen, now=now)
        )

    def hand_over(self, *, region: str, peer: str, epoch: int, now: float) -> Lease | None:
        return self._change(
            lambda lease: transitions.hand_over(
                lease, region=region, peer=peer, epoch=epoch, now=now
            )
        )

    def give_up_attempt(self, *, seen: Lease) -> Lease | None:
        return self._change(lambda lease: transitions.give_up_attempt(lease, seen=seen))

    def _change(self, change: Callable[[Lease], Lease | None]) -> Lease | None:
        def effect() -> Lease | None:
            changed = None if self._simulation.lease is None else change(self._simulation.lease)
            self._simulation.lease = changed or self._simulation.lease
            return changed

        return self._simulation.call(self._source, WITNESS, effect)


class LocalTwin:
    """`owner`'s region state table as `source` reaches it."""

    def __init__(self, simulation: Simulation, source: str, owner: str) -> None:
        self._simulation = simulation
        self._source = source
        self._owner = owner

    def promise(self) -> Promise:
        return self._call(lambda: self._simulation.promises[self._owner])

    def ask_failsafe(self, *, epoch: int) -> bool:
        return self._change(lambda one: transitions.ask_failsafe(one, epoch=epoch)) is not None

    def set_out(self, *, epoch: int, failsafe: int) -> int | None:
        out = self._change(lambda one: transitions.set_out(one, epoch=epoch, failsafe=failsafe))
        return None if out is None else out.tries

    def clear_promise(self, *, tries: int, lease_epoch: int) -> bool:
        return (
            self._change(
                lambda one: transitions.clear_promise(one, tries=tries, lease_epoch=lease_epoch)
            )
            is not None
        )

    def memory(self) -> dict[str, Any]:
        return self._call(lambda: dict(self._simulation.memories[self._owner]))

    def remember(self, memory: Mapping[str, Any]) -> None:
        def effect() -> None:
            self._simulation.memories[self._owner] = dict(memory)

        self._call(effect)

    def own_health(self) -> dict[str, Any]:
        return self._call(lambda: dict(self._simulation.own_health.get(self._owner, {})))

    def remember_own_health(self, body: Mapping[str, Any]) -> None:
        def effect() -> None:
            self._simulation.own_health[self._owner] = dict(body)

        self._call(effect)

    def keeper_report(self) -> KeeperReport | None:
        return self._call(lambda: self._simulation.reports.get(self._owner))

    def samples(self, region: str) -> list[Sample]:
        return self._call(lambda: unhealthy(self._simulation, self._source))

    def note_decision(self, word: str, decision: Mapping[str, Any], at: float) -> bool:
        def effect() -> bool:
            changed = self._simulation.words.get(self._owner) != word
            self._simulation.words[self._owner] = word
            return changed

        return self._call(effect)

    def note_cycle(self, report: KeeperReport) -> None:
        def effect() -> None:
            self._simulation.reports[self._owner] = report

        self._call(effect)

    def plan_runs(self, epoch: int) -> PlanRuns:
        return self._call(lambda: self._runs(epoch))

    def claim_run(self, epoch: int, *, run: int, now: float) -> PlanRuns | None:
        return self._change_runs(epoch, lambda one: plan_runs.claim(one, run=run, now=now))

    def note_run_end(self, epoch: int, *, run: int, now: float) -> bool:
        noted = self._change_runs(epoch, lambda one: plan_runs.note_end(one, run=run, now=now))
        return noted is not None

    def forget_run_end(self, epoch: int, *, run: int) -> bool:
        forgotten = self._change_runs(epoch, lambda one: plan_runs.forget_end(one, run=run))
        return forgotten is not None

    def _runs(self, epoch: int) -> PlanRuns:
        return self._simulation.plan_runs.get((self._owner, epoch), PlanRuns(epoch))

    def _change_runs(
        self, epoch: int, change: Callable[[PlanRuns], PlanRuns | None]
    ) -> PlanRuns | None:
        def effect() -> PlanRuns | None:
            changed = change(self._runs(epoch))
            if changed is not None:
                self._simulation.plan_runs[self._owner, epoch] = changed
            return changed

        return self._call(effect)

    def _call(self, effect: Callable[[], T]) -> T:
        return self._simulation.call(self._source, self._owner, effect)

    def _change(self, change: Callable[[Promise], Promise | None]) -> Promise | None:
        def effect() -> Promise | None:
            changed = change(self._simulation.promises[self._owner])
            self._simulation.promises[self._owner] = (
                changed or self._simulation.promises[self._owner]
            )
            return changed

        return self._call(effect)


class WitnessProbeTwin:
    """The witness's samples."""

    def __init__(self, simulation: Simulation, region: str) -> None:
        self._simulation = simulation
        self._source = region

    def samples(self, region: str) -> list[Sample]:
        def effect() -> list[Sample]:
            samples = unhealthy(self._simulation, self._source)
            if region == self._source and region in self._simulation.seen_well:
                return [Sample(one.at, Health.HEALTHY) for one in samples]
            return samples

        return self._simulation.call(self._source, WITNESS, effect)


class DatabaseTwin:
    """The region's own database."""

    def __init__(self, simulation: Simulation, region: str) -> None:
        self._simulation = simulation
        self._region = region

    def clock(self) -> str:
        return self._call(lambda: repr(self._simulation.clock(self._region)))

    def view(self) -> DatabaseView:
        row = self._call(lambda: replace(self._simulation.rows[self._region]))
        return DatabaseView(row.epoch, row.holder, row.replica)

    def bump(self, *, region: str, epoch: int, renewals: int, renewed_from: str) -> bool:
        def effect() -> bool:
            row = self._simulation.rows[self._region]
            if row.replica:
                raise Cut("a replica takes no writes")
            if (row.epoch, row.holder) != (epoch, region):
                return False
            row.renewals = max(row.renewals + 1, renewals)
            row.renewed_from = max(row.renewed_from, float(renewed_from))
            self._simulation.follow()
            return True

        return self._call(effect)

    def newest_applied_born(self, origin: str) -> float | None:
        return self._call(lambda: -1.0)

    def progress(self, region: str) -> Progress:
        return self._call(lambda: self._simulation.progress(region))

    def _call(self, effect: Callable[[], T]) -> T:
        return self._simulation.call(self._region, self._region, effect)


class WatermarkTwin:
    """Nothing is missing here: the loss gate lets go."""

    def __init__(self, simulation: Simulation, region: str) -> None:
        self._simulation = simulation
        self._region = region

    def oldest_born_seconds(self, origin: str) -> float | None:
        return self._simulation.call(self._region, self._region, lambda: self._simulation.now)


class PlanTwin:
    """Executions by name: a name is started once, as the service has it (A4, A17)."""

    def __init__(self, simulation: Simulation, region: str) -> None:
        self._simulation = simulation
        self._region = region

    def status(self, name: str) -> RunStatus:
        def effect() -> RunStatus:
            found = self._simulation.executions.get((self._region, name))
            if found is None:
                return RunStatus.MISSING
            return RunStatus.CLOSED if found.at == "done" else RunStatus.RUNNING

        return self._simulation.call(self._region, self._region, effect)

    def start(self, name: str, *, epoch: int) -> bool:
        def effect() -> bool:
            if (self._region, name) in self._simulation.executions:
                return False
            made = Execution(epoch, plan_runs.run_of(name))
            self._simulation.executions[self._region, name] = made
            return True

        return self._simulation.call(self._region, self._region, effect)


class PagerTwin:
    """Remembers whom it told."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def page(self, subject: str, text: str) -> None:
        self._simulation.pages.append(subject)
        self._simulation.texts.append(text)


def unhealthy(simulation: Simulation, observer: str) -> list[Sample]:
    """What both observers always saw."""
    newest = simulation.clock(observer) - 1.0
    cycle = POLICY.probe_cycle_seconds
    return [Sample(newest - cycle * age, Health.UNHEALTHY) for age in (5, 4, 3, 2, 1, 0)]


def ports(simulation: Simulation, region: str) -> Ports:
    """All twins of one region's keeper."""
    database = DatabaseTwin(simulation, region)
    return Ports(
        lease=LeaseTwin(simulation, region),
        local=LocalTwin(simulation, region, region),
        peer=LocalTwin(simulation, region, other(region)),
        witness_probe=WitnessProbeTwin(simulation, region),
        database=database,
        signal=MarkerSignal(watermark=WatermarkTwin(simulation, region), database=database),
        plan=PlanTwin(simulation, region),
        pager=PagerTwin(simulation),
    )
