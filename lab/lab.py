"""The emulated regions as one object: started, deployed, broken, healed, stopped.

    with Lab() as lab:
        lab.deploy()
        lab.lose("ca-central-1")

`Lab(control_plane_only=True)` starts the APIs without databases and logs: enough to deploy and destroy.

Nothing in it promotes a database, takes the lease or moves traffic: it breaks things, and what was
deployed decides.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab import deployment, engines, toolkit
from lab.assembly import PROVIDER_NAME
from lab.calls import Clients
from lab.conditions import Conditions
from lab.controller import COMMANDS, ROOT, Controller, service_commands
from lab.deployment import DeployReport
from lab.fault_follower import FaultFollower
from lab.faults import Breaker, Fault
from lab.folder import own, write_port_base
from lab.kafka import replicator_settings
from lab.locks import Held
from lab.made_calls import CallNotes
from lab.memory import remember
from lab.places import CODES, DATA_REGIONS, HOME, LOOPBACK, RECOVERY, SOURCES, Places
from lab.ports import claim, free_block
from lab.processes import Processes, end_leftovers
from lab.stacks import DEPLOYED, Stacks
from lab.store_watch import StoreWatch
from lab.valkey import CacheServer
from lab.waiting import LabError, answers, until
from lifeline.compliance.reach.assembly import world_of
from lifeline.compliance.reach.ledger import Needed, static_stability

SERVICES_SECONDS = 60.0


@dataclass(frozen=True)
class RegionEndpoints:
    """Where a region's data plane is reached from outside (no link between)."""

    gateway_url: str
    database_dsn: str
    kafka_bootstrap: str
    query_api_url: str


class Lab:
    """Two data regions and the witness on loopback.

    `port_base` is its first port; None takes a block of ports that no other run has. `settings`: further
    context keys of the app. `resets`: it remembers what was deployed, for `reset`.
    """

    replicator: str | None = None
    """Other settings of MirrorMaker than the product's, to break it: from the services' next start on."""

    def __init__(
        self,
        *,
        suffix: str = "drill",
        profile: str = "dev",
        workdir: Path = Path("build/lab"),
        port_base: int | None = None,
        say: Callable[[str], None] = print,
        control_plane_only: bool = False,
        settings: Mapping[str, str] | None = None,
        resets: bool = False,
    ) -> None:
        self._settings = settings
        self.suffix = suffix
        self.profile = profile
        self.workdir = workdir.resolve()
        self.places = Places(
            free_block() if port_base is None else port_base,
            str(engines.certificates_folder(self.workdir) / "ca.pem"),
        )
        self.say = say
        self.control_plane_only = control_plane_only
        self._memory = self.workdir / "memory" if resets else None
        self.processes = Processes(self.workdir)
        self.clients = Clients(self.places)
        self.regions: dict[str, RegionEndpoints] = {}
        self.caches: dict[str, CacheServer] = {}
        self._breaker = Breaker(
            places=self.places, processes=self.processes, observer=self.clients.observer
        )
        self._controller: Controller | None = None
        self._follower = FaultFollower(engines.faults_file(self.workdir), self, say)
        self._faulting = threading.Lock()
        self._closed = threading.Lock()
        self._folder: Held | None = None

    def __enter__(self) -> Self:
        """Start the engines. Raises LabError; then nothing of what was started is left."""
        claim(self.places.port_base)
        self._folder = own(self.workdir)
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def _start(self) -> None:
        left = end_leftovers(self.workdir)
        if left:
            self.say(f"lab: ended what an earlier run left: {', '.join(left)}")
        engines.check(self.places)
        for log in self.processes.logs.glob("*.log"):
            log.unlink()
        # An ended terminal or a cancelled job must stop everything as Ctrl-C does.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _interrupt)
            signal.signal(signal.SIGHUP, _interrupt)
        write_port_base(self.workdir, self.places.port_base)
        # A new emulator is an empty account.
        for earlier in self.workdir.rglob(DEPLOYED):
            earlier.unlink()
        self._start_engines()
        self._follower.start()

    def _start_engines(self) -> None:
        started = time.monotonic()
        if self._memory is not None:
            shutil.rmtree(self._memory, ignore_errors=True)
            self._memory.mkdir(parents=True)
        engines.start_emulator(self.processes, self.places, self.workdir, memory=self._memory)
        engines.start_proxies(self.processes, self.places)
        engines.start_links(self.processes, self.places)
        engines.await_control(self.processes, self.places)
        if not self.control_plane_only:
            self._start_data_plane()
        self.say(f"lab: engines started ({time.monotonic() - started:.1f} s)")

    def _start_data_plane(self) -> None:
        with ThreadPoolExecutor(1) as beside:
            logs = beside.submit(engines.start_brokers, self.processes, self.places, self.workdir)
            self.databases = engines.start_databases(self.processes, self.places, self.workdir)
            self.caches = engines.start_caches(self.processes, self.places, self.workdir)
            self.brokers = logs.result()
        self.regions = {
            region: RegionEndpoints(
                gateway_url=f"http://{LOOPBACK}:{self.places.gateway(region)}",
                database_dsn=self.databases[region].dsn,
                kafka_bootstrap=self.brokers[region].bootstrap,
                query_api_url=f"http://{LOOPBACK}:{self.places.query_api(region)}",
            )
            for region in DATA_REGIONS
        }

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything. A second interrupt does not cut this short."""
        with self._closed, _uninterrupted():
            self._follower.stop()
            if self._controller is not None:
                self._controller.stop()
                self._controller = None
            self.processes.stop_all()
            if self._folder is not None:
                self._folder.release()
                self._folder = None

    def deploy(self) -> DeployReport:
        """Synthesize, rewrite, bootstrap, deploy; then topics, services, and `lifeline activate`."""
        report = self.deploy_stacks()
        if self._memory is not None:
            with self._timed(report, "remember"):
                self.remember()
        self._serve(report)
        for line in report.lines():
            self.say(line)
        return report

    def _serve(self, report: DeployReport) -> None:
        with self._timed(report, "start services"):
            self.start_services()
        with self._timed(report, "activate"):
            deployment.activate(self.places, self.suffix)
            self._await_apis()

    def reset(self) -> DeployReport:
        """As `deploy`, without deploying: the APIs know what they knew when `remember` was called.

        Databases and logs begin empty; no fault is in force. Raises LabError without `resets`.
        """
        self._require_memory()
        report = DeployReport()
        with self._timed(report, "reset"):
            self._end_data_plane()
            engines.start_emulator(self.processes, self.places, self.workdir, memory=self._memory)
            engines.await_control(self.processes, self.places)
            if not self.control_plane_only:
                self._start_data_plane()
        if not self.control_plane_only:
            self._serve(report)
        return report

    def remember(self) -> None:
        """What `reset` goes back to; `deploy` calls it when the stacks stand. Raises LabError."""
        remember(self.processes, self._require_memory())

    def _require_memory(self) -> Path:
        if self._memory is None:
            raise LabError("This lab remembers no deployment: make it with Lab(resets=True).")
        return self._memory

    def _end_data_plane(self) -> None:
        """What runs in the regions, and the emulator, with all that it knew since."""
        self._follower.stop()
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
        self.processes.kill_all(
            [
                "emulator",
                *(run.name for region in DATA_REGIONS for run in self.processes.of_region(region)),
            ]
        )
        self._breaker.forget()
        for log in self.processes.logs.glob("*.log"):
            if self.processes.get(log.stem) is None:
                log.unlink()
        self._follower = FaultFollower(engines.faults_file(self.workdir), self, self.say)
        self._follower.start()

    def start_services(self) -> None:
        """What the deployed stacks ask for: topics, gateways, services, keepers. Raises LabError."""
        regions = deployment.serving_regions(self.clients, self.suffix)
        for region in regions:
            self.brokers[region].create_topics(
                deployment.topic_partitions(self.clients, self.suffix)
            )
        for region in regions:
            self.start_gateway(region)
        mirror_settings = self.workdir / "mirror.properties"
        mirror_settings.write_text(self.replicator or replicator_settings())
        self._follow(service_commands(mirror_settings), regions)

    def deploy_stacks(self) -> DeployReport:
        """The stacks only: also how a running lab gets an edited app (`python -m lab deploy`)."""
        stacks = self.stacks()
        timings = DeployReport()
        with ThreadPoolExecutor(1) as beside, self._timed(timings, "synthesize and bootstrap"):
            prepared = beside.submit(self.prepare_regions)
            stacks.synthesize(self._settings)
            prepared.result()
        report = DeployReport.of(stacks.rewrite())
        report.seconds = timings.seconds
        with self._timed(report, "deploy stacks"):
            stacks.deploy()
        return report

    def stacks(self, suffix: str = "") -> Stacks:
        """The stacks of this lab's environment, or of another one (`suffix`) in the same regions."""
        return Stacks(
            suffix=suffix or self.suffix, profile=self.profile, places=self.places,
            folder=self.workdir / suffix, log=self.processes.logs / "cdk.log", say=self.say,
        )  # fmt: skip

    def watch(self) -> StoreWatch:
        """Records from now on every change to a store, until a fault is applied or healed."""
        return StoreWatch(self.places, engines.changes_file(self.workdir))

    def watch_calls(self) -> None:
        """Let the proxies note each call from now on; a fault that touches their rules does so, too."""
        self._breaker.apply(self._breaker.conditions)

    def call_notes(self, *sources: str) -> CallNotes:
        """The calls to AWS of these regions' functions and services, from the first fault on."""
        return CallNotes(self.places, sources)

    def needed_calls(self) -> list[Needed]:
        """The static-stability ledger of the stacks that were synthesized last."""
        return static_stability(world_of(self.workdir / "synthesized"))

    def plant(self, failures: Mapping[str, Mapping[str, str]]) -> None:
        """Let these creations fail from now on, and no others (`emulated_rollback`).

        `failures`: by the stack's name and the resource's logical id, `refused` or `unstable`.
        """
        engines.planted_file(self.workdir).write_text(json.dumps(failures))

    def prepare_regions(self) -> None:
        """Once in the life of the emulator: the provider, `cdk bootstrap`, the log role, warm proxies."""
        if self._provider_installed():
            return
        toolkit.bootstrap(self.places, self.processes.logs / "cdk.log")
        deployment.give_log_role(self.clients)
        self.open_account()

    def open_account(self) -> None:
        """Once in the life of the emulator: what no account has, and the lab needs."""
        # The first unsigned call makes a proxy load every service model: not during a drill.
        for source in SOURCES:
            answers(self.places.proxy(source), "/_ministack/health", seconds=20)
        # Last: its presence says that all of this was done.
        deployment.install_provider(self.clients, self.places)

    def _provider_installed(self) -> bool:
        functions = self.clients.observer("lambda", HOME).list_functions()["Functions"]
        return any(each["FunctionName"] == PROVIDER_NAME for each in functions)

    @contextmanager
    def _timed(self, report: DeployReport, what: str) -> Iterator[None]:
        started = time.monotonic()
        self.say(f"lab: {what} …")
        yield
        report.seconds[what] = round(time.monotonic() - started, 1)
        self.say(f"lab: {what}: {report.seconds[what]} s")

    def start_gateway(self, region: str) -> None:
        """The region's API, as it is deployed."""
        definition = self.workdir / f"api-{CODES[region]}.json"
        deployment.api_definition(self.clients, self.places, region, self.suffix).write(definition)
        self.processes.start(
            f"gateway-{CODES[region]}", [sys.executable, "-m", "lab.gateway", str(definition)],
            region=region, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip

    def _follow(
        self, commands: Mapping[str, Sequence[str]], regions: Sequence[str] = DATA_REGIONS
    ) -> None:
        """Let the data plane follow the control plane, and start the keepers."""
        self._controller = Controller(
            places=self.places, processes=self.processes, observer=self.clients.observer,
            databases=self.databases, caches=self.caches, suffix=self.suffix, say=self.say,
            commands=commands, regions=regions,
        )  # fmt: skip
        self._controller.start()
        deployment.kick(self.clients, self.suffix)

    def _await_apis(self) -> None:
        """Wait for both regions' API."""
        for region in DATA_REGIONS:
            until(
                f"`/health` of {region} answering 200 (see {self.processes.logs})",
                lambda region=region: answers(self.places.gateway(region), "/health"),  # type: ignore[misc]
                seconds=SERVICES_SECONDS, every=0.3,
            )  # fmt: skip

    def client(self, service: str, region: str, source: str = "operator") -> Any:
        """A client through the proxy of `source`, with short time-outs and no retries."""
        return self.clients.through(source, service, region)

    def observer(self, service: str, region: str) -> Any:
        """A client that no fault reaches: for evidence only."""
        return self.clients.observer(service, region)

    def edge_credentials(self) -> dict[str, deployment.EdgeCredentials]:
        """What the edges sign in with, by region; after the deploy."""
        return {
            region: deployment.edge_credentials(self.clients, self.places, region, self.suffix)
            for region in DATA_REGIONS
        }

    def lose(self, region: str) -> list[Fault]:
        """The region is gone: data plane killed, API calls of both sides reset, nothing starts."""
        return self._break(region, self._breaker.kill_data_plane,
                           self._breaker.conditions.with_lost(region))  # fmt: skip

    def hang(self, region: str) -> list[Fault]:
        """The region answers nothing: data plane frozen, API calls of both sides hang."""
        return self._break(region, self._breaker.freeze_data_plane,
                           self._breaker.conditions.with_hung(region))  # fmt: skip

    def _break(
        self, region: str, strike: Callable[[str], list[Fault]], conditions: Conditions
    ) -> list[Fault]:
        _require_data_region(region)
        if self._controller is not None:
            self._controller.leave_alone(region)
        # First nothing new starts: a function started anew in a dead region would hold the emulator.
        done = self._breaker.put_to_sleep(region)
        done += strike(region)
        done += self._breaker.apply(conditions)
        return done

    def isolate(self, region: str) -> list[Fault]:
        """Nothing passes between the region's subnets, or in or out; its APIs answer everybody else."""
        with self._faulting:
            return self._break(region, self._breaker.freeze_data_plane,
                               self._breaker.conditions.with_isolated(region))  # fmt: skip

    def rejoin(self, region: str) -> None:
        """The end of `isolate`: what was stopped meanwhile is started anew."""
        with self._faulting:
            self._breaker.apply(self._breaker.conditions.without_isolated(region))
            self._breaker.thaw_data_plane(region)
            self._breaker.wake(region)
            if self._controller is not None:
                self._controller.look_after(region)

    def deny_api(self, region: str) -> list[Fault]:
        """The region's API gets no record into the stream."""
        with self._faulting:
            return self._breaker.apply(self._breaker.conditions.with_api_denied(region))

    def allow_api(self, region: str) -> list[Fault]:
        """The end of `deny_api`."""
        with self._faulting:
            return self._breaker.apply(self._breaker.conditions.without_api_denied(region))

    def stop_task(self, region: str, task: str) -> None:
        """SIGKILL to the process of a service's task; the controller starts another, if it may."""
        ecs = self.clients.observer("ecs", region)
        (found,) = ecs.describe_tasks(cluster=f"services-{self.suffix}", tasks=[task])["tasks"]
        service = found["group"].removeprefix("service:").removesuffix(f"-{self.suffix}")
        alive = [r for r in self.processes.named(f"{service}-{CODES[region]}-") if r.alive]
        if not alive:
            raise LabError(f"No process of {service} runs in {region} for the task {task}.")
        self.processes.signal(alive[0].name, signal.SIGKILL)

    def hang_control_plane(self, region: str) -> list[Fault]:
        """Calls to the region's API hang, except the stream's; its data plane lives."""
        _require_data_region(region)
        return self._breaker.apply(self._breaker.conditions.with_control_plane_hung(region))

    def cut_link(self) -> list[Fault]:
        """The regions cannot see each other; both are healthy and see the witness."""
        return self._breaker.apply(self._breaker.conditions.with_link_cut())

    def hang_links(self) -> list[Fault]:
        """What the regions send each other waits, and passes once it is healed."""
        return self._breaker.apply(self._breaker.conditions.with_link_hung())

    def close_way_out(self, region: str) -> list[Fault]:
        """What the region calls in other regions is not answered; it is reached as before."""
        _require_data_region(region)
        return self._breaker.apply(self._breaker.conditions.with_no_way_out(region))

    def open_way_out(self, region: str) -> None:
        """The end of `close_way_out`."""
        self._breaker.apply(self._breaker.conditions.without_no_way_out(region))

    def refuse_promotion(self) -> list[Fault]:
        """The database service refuses each failover of a global cluster."""
        return self._breaker.apply(self._breaker.conditions.with_promotion_refused(True))

    def allow_promotion(self) -> None:
        """The end of `refuse_promotion`."""
        self._breaker.apply(self._breaker.conditions.with_promotion_refused(False))

    def stop_function(self, region: str, name: str) -> list[Fault]:
        """Kill the function's runs, and let its schedule start none."""
        _require_data_region(region)
        return self._breaker.stop_function(region, f"{name}-{self.suffix}")

    def start_function(self, region: str, name: str) -> None:
        """The end of `stop_function`."""
        self._breaker.start_function(region, f"{name}-{self.suffix}")

    def kill_function(self, region: str, name_prefix: str) -> int:
        """SIGKILL the runs of the functions named so; a call that they had under way fails. How many."""
        return self._breaker.kill_functions(region, name_prefix)

    def heal(self) -> None:
        """Remove rules, open links, thaw the frozen. What was killed stays dead."""
        before = self._breaker.conditions
        self._breaker.apply(Conditions())
        for region in sorted(before.hung | before.isolated):
            self._breaker.thaw_data_plane(region)
            self._breaker.wake(region)
            if self._controller is not None:
                self._controller.look_after(region)

    def kill_service(self, region: str, service: str = "event-applier") -> int:
        """SIGKILL one process of a service; the controller starts another. Returns its pid."""
        _require_data_region(region)
        if service not in COMMANDS:
            raise LabError(f"Service {service!r} is none of {', '.join(COMMANDS)}.")
        alive = [r for r in self.processes.named(f"{service}-{CODES[region]}-") if r.alive]
        if not alive:
            raise LabError(f"No {service} process runs in {region}.")
        chosen = random.choice(alive)
        self.processes.signal(chosen.name, signal.SIGKILL)
        return chosen.pid


def _require_data_region(region: str) -> None:
    if region not in DATA_REGIONS:
        raise LabError(f"{region} is not a data region of the lab: {HOME} or {RECOVERY}.")


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Stopping goes to its end even if the person presses Ctrl-C again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
