"""The world of authority: two regions and a witness, in which the deployed keepers, probes, plan and
guards run.

Run as shipped: the handlers of keeper, probe and failover step with all below them down to the clients; the
generated state machine; the query API's health and guard. Replaced: the services and servers (`twins`),
the event applier's loop (`region`), the log (`_follow_log`: a watermark that follows the markers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import orjson
from botocore.exceptions import ClientError

from lifeline.lambdas.adapters.lease_table import LEASE_ID, item_from_lease, lease_from_item
from lifeline.lambdas.adapters.region_state_table import TRAFFIC_ID
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.markers import Entry, Pair, entries_to_json, vector_to_json
from lifeline.lambdas.failover.plan import (
    LONGEST_STEP_SECONDS,
    Part,
    plan_for,
    state_machine_definition,
)
from lifeline.lambdas.failover_step import handler as failover_step
from lifeline.lambdas.keeper import handler as keeper
from lifeline.lambdas.probe import handler as probe
from lifeline.services.query_api import health as health_module
from simulator.alarms import PERIOD_SECONDS, RULES, PlaceAlarm
from simulator.network import Network, NoAnswer
from simulator.places import (
    HOME,
    LEASE_TABLE,
    PLACES,
    RECOVERY,
    REGIONS,
    STATE_TABLE,
    WITNESS,
    peer,
)
from simulator.region import RegionServices
from simulator.runtime import EPOCH_ZERO, Runtime
from simulator.scheduler import Machine, Task
from simulator.told import APPLIERS, environment
from simulator.trace import Story
from simulator.twins.dynamodb import Tables
from simulator.twins.global_cluster import GlobalCluster
from simulator.twins.postgresql import Server
from simulator.twins.step_functions import StateMachine

FUNCTION_SECONDS = 180.0
COLD_START_SECONDS = (0.3, 2.5)
STEP_START_SECONDS = 0.05
CLOCK_ERROR_SECONDS = 0.4
"""A machine's clock is wrong by at most this; A7's margin allows for 1 s between two."""
PARTS = (Part.APPLIER,)
"""What the regions have beside database and API: rows of the plan that need more are left out."""
HANDLERS: Mapping[str, Callable[[dict[str, Any], Any], Any]] = {
    "keeper": keeper.handler,
    "probe": probe.handler,
    "step": failover_step.handler,
}
TAKE, PROMOTION = "the next take", "the next promotion"
CREATED = datetime.fromtimestamp(EPOCH_ZERO, UTC)


@dataclass(frozen=True)
class Pause:
    """A person paused automatic failover at this epoch, until this second of the run."""

    epoch: int
    until: float


class Served(NamedTuple):
    """A region committed, or answered a read, at this epoch."""

    at: float
    epoch: int


class AuthorityWorld(Story):
    """Home is active at epoch 1 and everything is well."""

    def __init__(self, seed: int, *, automatic_hand_over: bool = False) -> None:
        super().__init__(seed)
        self._automatic_hand_over = automatic_hand_over
        self.network = Network(self.scheduler)
        chance = self.scheduler.random
        self.clock_offsets = {
            place: chance.uniform(-CLOCK_ERROR_SECONDS, CLOCK_ERROR_SECONDS) for place in PLACES
        }
        self.tables = {place: Tables(self.now if place == WITNESS else None) for place in PLACES}
        self.servers = {
            region: Server(region, self._machine(region), self.scheduler, EPOCH_ZERO)
            for region in REGIONS
        }
        self.cluster = GlobalCluster(
            scheduler=self.scheduler,
            servers=self.servers,
            writer=HOME,
            reaches=self.network.reaches,
            alive=lambda region: region not in self.network.dead_regions,
            say=self._database_service_said,
        )
        self.runtime = Runtime(
            self.scheduler,
            self.network,
            services=self._aws_services(),
            endpoints=self._database_at,
            route=self._route,
        )
        self.services = {region: self._services(region) for region in REGIONS}
        self.plans = {region: self._plan(region) for region in REGIONS}
        self.pages: list[tuple[float, str, str]] = []
        self.served: dict[str, Served] = {}
        self.functions: dict[tuple[str, str], list[Task]] = {}
        self.alarms = {
            place: tuple(PlaceAlarm(rule, partial(self._alarm, place)) for rule in RULES)
            for place in PLACES
        }
        self.told: dict[str, list[str]] = {place: [] for place in PLACES}
        """The metric lines of each place's functions, in order."""
        self.missed_schedules: set[tuple[str, str]] = set()
        """(region, function) that nobody starts."""
        self.in_log: dict[tuple[str, str], float] = {}
        """(in the log of, origin): up to when that log has everything of the origin."""
        self.before_step: Callable[[str, str], None] | None = None
        """Called with region and step right before a plan invokes the step's function."""
        self.paused: Pause | None = None
        self.interrupted: set[str] = set()
        """What is interrupted right behind its effect when it comes next: `TAKE`, `PROMOTION`."""
        self._newest_served = 0
        self._decided: dict[str, str] = {}
        self._activate()

    # What others look at

    def now(self) -> float:
        """Epoch seconds, as they truly are."""
        return EPOCH_ZERO + self.scheduler.now

    @property
    def lease(self) -> Lease | None:
        """The lease as it stands; None: the item is missing."""
        item = self.tables[WITNESS].items[LEASE_TABLE].get(LEASE_ID)
        return None if item is None else lease_from_item(item)

    def serves_now(self, region: str, within: float = 10.0) -> bool:
        """Whether the region committed or answered lately."""
        last = self.served.get(region)
        return last is not None and self.scheduler.now - last.at <= within

    def whole(self, region: str, within: float = 20.0) -> bool:
        """Whether the region does all that an active one is for, as clients see it: events are taken at its
        public path, come through its log, are applied, and reads are answered."""
        services, place = self.services[region], (region, "api")
        path_is_well = place not in self.network.silent | self.network.refusing
        if region in self.network.dead_regions or not path_is_well or not services.answers():
            return False
        newest = min(services.committed_at, services.marked_at)
        moves = self.scheduler.now - newest <= within
        return moves and self.serves_now(region, within) and services.health.answer()[0] == 200

    # What faults change

    def start(self, region: str, function: str, event: dict[str, Any]) -> Task:
        """Start one invocation; it ends by itself, or by the function's time-out."""
        seconds = LONGEST_STEP_SECONDS if function == "step" else FUNCTION_SECONDS
        scheduler, handler, began = self.scheduler, HANDLERS[function], self.scheduler.now
        cold = STEP_START_SECONDS
        if function != "step":
            cold = scheduler.random.uniform(*COLD_START_SECONDS)
        context = SimpleNamespace(
            get_remaining_time_in_millis=lambda: (began + seconds - scheduler.now) * 1000
        )

        def work() -> Any:
            scheduler.sleep(cold)
            return handler(event, context)

        name = f"{region} {function}"
        task = scheduler.spawn(name, self._machine(region), work, self._told(region, function))
        running = [one for one in self.functions.get((region, function), []) if one.greenlet]
        self.functions[(region, function)] = [*running, task]
        scheduler.at(began + seconds, lambda: scheduler.kill(task))
        return task

    def set_clock(self, region: str, offset: float) -> None:
        """From now on the functions of a region are wrong by so many seconds, also those that run."""
        self.clock_offsets[region] = offset
        for function in HANDLERS:
            for task in self.functions.get((region, function), []):
                task.machine.clock_offset = offset

    def kill(self, region: str, function: str) -> None:
        """End every running invocation of a function."""
        for task in self.functions.get((region, function), []):
            self.scheduler.kill(task)

    def lose_region(self, region: str) -> None:
        """Everything in the region ends, and nothing reaches it."""
        self.network.dead_regions.add(region)
        for function in HANDLERS:
            self.kill(region, function)
        if region in REGIONS:
            self.servers[region].up = False
            self.services[region].lost()
            self.plans[region].lost()

    def create_lease(self, *, holder: str, epoch: int) -> None:
        """As a person's `lifeline authority init` leaves it (A10)."""
        lease = Lease(holder=holder, epoch=epoch, renewals=1, writer=holder)
        self._put(WITNESS, LEASE_TABLE, item_from_lease(lease))

    def return_region(self, region: str) -> None:
        """The region is back, with what its stores had."""
        if region not in self.network.dead_regions:
            return
        self.network.dead_regions.discard(region)
        if region in REGIONS:
            server = self.servers[region]
            server.up = True
            server.restart(in_recovery=server.in_recovery)
            self.services[region].start()
            self.plans[region].returned()
        self.cluster.catch_up()

    # The beginning

    def _activate(self) -> None:
        """As `lifeline activate` leaves an environment: the lease, the directory, home's plan completed."""
        self.create_lease(holder=HOME, epoch=1)
        for region in REGIONS:
            facts = {
                "id": f"region#{region}",
                "api_url": f"https://api.{region}",
                "database_host": f"writer.{region}",
                "database_port": "5432",
            }
            self._put(WITNESS, LEASE_TABLE, {key: {"S": value} for key, value in facts.items()})
        self._put(HOME, STATE_TABLE, {"id": {"S": TRAFFIC_ID}, "epoch": {"N": "1"}})
        run = {name: {"N": "1"} for name in ("run", "completed", "claimed_at")}
        self._put(HOME, STATE_TABLE, {"id": {"S": "plan#1"}, "ended_at": {"N": "0"}, **run})
        home = self.servers[HOME]
        home.write(home.rows._replace(epoch=1, holder=HOME, renewals=1, renewed_from=home.clock()))
        self.servers[RECOVERY].rows = home.rows
        for region in REGIONS:
            self.in_log[(region, HOME)] = self.in_log[(region, RECOVERY)] = EPOCH_ZERO
            self.services[region].start()
        self.scheduler.at(1.0, self._follow_log)
        self.scheduler.at(PERIOD_SECONDS, self._period_ends)
        for place, function in [
            *((one, "keeper") for one in REGIONS),
            *((one, "probe") for one in PLACES),
        ]:
            self._schedule(place, function, self.scheduler.random.uniform(0.0, 5.0))

    def _period_ends(self) -> None:
        for place in PLACES:
            if place not in self.network.dead_regions:
                for one in self.alarms[place]:
                    one.period_ends()
        self.scheduler.at(self.scheduler.now + PERIOD_SECONDS, self._period_ends)

    def _alarm(self, place: str, name: str) -> None:
        if (place, "sns") not in self.network.silent | self.network.refusing:
            self._tell(place, f"alarm {name}")

    def _tell(self, place: str, what: str) -> None:
        self.pages.append((self.scheduler.now, place, what))
        self.say(f"page from {place}", what)

    def _put(self, place: str, table: str, item: dict[str, Any]) -> None:
        self.tables[place].put_item(TableName=table, Item=item)

    def _schedule(self, place: str, function: str, at: float) -> None:
        def tick() -> None:
            self._schedule(place, function, at + 60.0)
            alive = place not in self.network.dead_regions
            if alive and (place, function) not in self.missed_schedules:
                self.start(place, function, {})

        self.scheduler.at(at, tick)

    def _follow_log(self) -> None:
        """Each second both logs get what the markers of the regions that reach them prove (B2)."""
        born = EPOCH_ZERO + self.scheduler.now - 1.0
        dead = self.network.dead_regions
        for where, origin in self.in_log:
            if not (self.services[origin].log_moves and self.services[where].log_moves):
                continue
            if origin not in dead and where not in dead and self.network.reaches(origin, where):
                self.in_log[(where, origin)] = born
        self.scheduler.at(self.scheduler.now + 1.0, self._follow_log)

    # Parts

    def _machine(self, region: str) -> Machine:
        return Machine(region, self.clock_offsets[region])

    def _services(self, region: str) -> RegionServices:
        return RegionServices(
            region,
            machine=self._machine(region),
            scheduler=self.scheduler,
            network=self.network,
            runtime=self.runtime,
            serves=self._serves,
            violate=self.violate,
            reach=self.reach,
        )

    def _plan(self, region: str) -> StateMachine:
        return StateMachine(
            state_machine_definition("step", plan_for(PARTS)),
            region=region,
            machine=self._machine(region),
            scheduler=self.scheduler,
            invoke=lambda _function, payload: self._step(region, payload),
            instant=self._instant,
            say=lambda text: self._plan_said(region, text),
        )

    def _step(self, region: str, payload: dict[str, Any]) -> Task:
        if self.before_step is not None:
            self.before_step(region, str(payload["step"]))
        return self.start(region, "step", payload)

    def _told(self, region: str, function: str) -> dict[str, str]:
        told = environment(region, function)
        if function == "keeper" and self._automatic_hand_over:
            return {**told, "AUTOMATIC_HAND_OVER": "true"}
        return told

    def _plan_said(self, region: str, text: str) -> None:
        self.say(f"{region} plan", text)
        self.reach(f"plan {text.partition(' ')[2]}")

    def _database_service_said(self, text: str) -> None:
        self.say("database service", text)
        self.reach(
            f"database service {' '.join(one for one in text.split() if one not in REGIONS)}"
        )

    def _instant(self) -> str:
        moment = datetime.fromtimestamp(EPOCH_ZERO + self.scheduler.now, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # The services of AWS

    def _aws_services(self) -> dict[str, Callable[[str, str, Mapping[str, Any]], Any]]:
        return {
            "dynamodb": self._dynamodb,
            "sns": self._publish,
            "stepfunctions": self._states,
            "rds": self._rds,
            "ecs": lambda *_: {"services": [{"desiredCount": APPLIERS}]},
            "kinesis": lambda *_: {
                "StreamDescriptionSummary": {"StreamCreationTimestamp": CREATED}
            },
        }

    def _dynamodb(self, region: str, operation: str, asked: Mapping[str, Any]) -> Any:
        try:
            answer = self.tables[region].answer(operation, asked)
        except ClientError:
            if asked.get("UpdateExpression") == "ADD failsafe :one":
                self.reach("a promise to wait is refused")
            raise
        if TAKE not in self.interrupted:
            return answer
        if asked.get("UpdateExpression", "").startswith("SET holder = :region"):
            self.interrupted.discard(TAKE)
            self.reach("the answer to a take is lost")
            raise NoAnswer("the take's answer is lost")
        return answer

    def _publish(self, region: str, _operation: str, asked: Mapping[str, Any]) -> Any:
        self._tell(region, str(asked["Subject"]))
        return {}

    def _states(self, region: str, operation: str, asked: Mapping[str, Any]) -> Any:
        plan = self.plans[region]
        if operation == "describe_execution":
            return plan.describe(str(asked["executionArn"]))
        return {"executionArn": plan.start(str(asked["name"]), str(asked["input"]))}

    def _rds(self, _region: str, operation: str, asked: Mapping[str, Any]) -> Any:
        if operation == "failover_global_cluster":
            self.cluster.fail_over(_region_of(asked["TargetDbClusterIdentifier"]))
            if PROMOTION in self.interrupted and self.scheduler.current is not None:
                self.interrupted.discard(PROMOTION)
                self.reach("a step dies between an accepted promotion and its record")
                self.scheduler.kill(self.scheduler.current)
        elif operation == "remove_from_global_cluster":
            self.cluster.remove(_region_of(asked["DbClusterIdentifier"]))
        return {"GlobalClusters": [self.cluster.describe()]}

    def _database_at(self, host: str) -> Server | None:
        kind, _, region = host.partition(".")
        server = self.servers[region]
        # A member that is no writer has a writer's name that does not resolve.
        return None if kind == "writer" and server.in_recovery else server

    def _route(self, region: str, _method: str, path: str) -> tuple[int, dict[str, Any]]:
        if path == "/":
            return 200, {}
        services = self.services[region]
        if not services.answers():
            return 503, {"error": "no task answers"}
        if path == "/health":
            return services.health.answer()
        vector = {
            Pair(origin, "1", "shard-0"): Entry(1, int(born * 1000))
            for (where, origin), born in self.in_log.items()
            if where == region
        }
        return 200, vector_to_json(region, entries_to_json(region, vector))

    # What is judged, and what is told

    def _serves(self, region: str, epoch: int) -> None:
        """After somebody served at an epoch nobody serves at a lower one, nor another at the same."""
        now, served = self.scheduler.now, self.served
        last = served.get(region)
        if last is None or last.epoch != epoch or now - last.at > 20.0:
            self.say(region, f"serves at epoch {epoch}")
        served[region] = Served(now, epoch)
        other = served.get(peer(region))
        if epoch < self._newest_served:
            self.violate(f"{region} served at epoch {epoch} after epoch {self._newest_served}")
        else:
            self._newest_served = epoch
        if other is not None and other.epoch == epoch:
            self.violate(f"both regions served at epoch {epoch}")

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(self.runtime.installed())
            for module in (keeper, probe, failover_step):
                stack.enter_context(patch.object(module, "logger", _Log(self._logged)))
            for module in (keeper, probe):
                stack.enter_context(patch.object(module, "print", self._printed, create=True))
            stack.enter_context(patch.object(health_module, "say", lambda *_a, **_k: None))
            probe._directory.clear()
            yield

    def _printed(self, line: str) -> None:
        task = self.scheduler.current
        assert task is not None
        self.told[task.machine.region].append(line)
        body = orjson.loads(line)
        for one in self.alarms[task.machine.region]:
            one.line(body)

    def _logged(self, message: str, extra: Mapping[str, Any]) -> None:
        """What the shipped code logs, as far as the story needs it."""
        task = self.scheduler.current
        assert task is not None
        region = task.machine.region
        if message == "decision":
            said = f"{extra['action']}: {extra['reason']}"
            if self._decided.get(region) != said:
                self._decided[region] = said
                self.say(f"{region} keeper", said)
                self.reach(f"decision {said}")
        elif message == "step done":
            self.say(f"{region} plan", f"{extra['step']}: {extra['outcome']}, {extra['detail']}")
            self.reach(f"step {extra['step']} {extra['outcome']}")
        elif message == "unreachable":
            self.reach(f"not answered {extra['part']}")


def _region_of(arn: Any) -> str:
    return str(arn).split(":")[3]


class _Log:
    """A logger that tells the world."""

    def __init__(self, say: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._say = say

    def info(self, message: str, extra: Mapping[str, Any] | None = None) -> None:
        self._say(message, extra or {})

    warning = info
