"""Makes the data plane follow the control plane, as the real services do by themselves.

- ECS: as many processes as a service's desiredCount says; a dead one is started again.
- ECS: a task of the migrations that somebody started runs once, to its end.
- RDS: when the global cluster's writer has moved to a region, that region's replica is promoted.
- ElastiCache: a member that has become the primary, or left its global group, takes writes; one that has
  become a secondary follows the other.

It follows and never decides: all that it tells the emulator is that a task has ended. A region that the
drill killed or froze is left alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from valkey.exceptions import ValkeyError

from lab.kafka import replicator_command
from lab.overrides import endpoints, overridden
from lab.places import ACCOUNT, CODES, DATA_REGIONS, Places
from lab.postgres import Postgres
from lab.processes import Processes
from lab.valkey import CacheServer
from lab.waiting import LabError

CYCLE_SECONDS = 0.5
RESTART_PAUSE_SECONDS = 1.0
COMMANDS = {
    "event-applier": ("lifeline.services.event_applier", "apply"),
    "query-api": ("lifeline.services.query_api",),
    "archiver": ("lifeline.services.archiver", "archive"),
}
"""By the ECS service of ours: the module that its tasks run."""
MIGRATE = ("lifeline.services.event_applier", "migrate")
"""The module that a task of the family `migrate-{suffix}` runs."""
MIGRATE_SECONDS = 60.0
SECONDARY = "SECONDARY"
"""The role of a global datastore's member that takes no writes."""
MIRROR = "mirrormaker"
"""The ECS service that copies the peer's log, of which one task runs in each region."""
ROOT = Path(__file__).resolve().parent.parent

Observer = Callable[[str, str], Any]


def service_commands(mirror_settings: Path) -> dict[str, list[str]]:
    """What the tasks of every service of the platform run."""
    ours = {name: [sys.executable, "-m", *module] for name, module in COMMANDS.items()}
    return {**ours, MIRROR: replicator_command(mirror_settings)}


class Controller:
    """A thread; `unreachable` holds the regions it must not touch."""

    def __init__(
        self, *, places: Places, processes: Processes, observer: Observer,
        databases: Mapping[str, Postgres], suffix: str, say: Callable[[str], None],
        commands: Mapping[str, Sequence[str]],
        regions: Sequence[str] = DATA_REGIONS,
        caches: Mapping[str, CacheServer] | None = None,
    ) -> None:  # fmt: skip
        """`commands`: by ECS service, what each of its tasks runs. `regions`: where services are."""
        self.places = places
        self.processes = processes
        self.observer = observer
        self.databases = databases
        self.caches = caches or {}
        self.suffix = suffix
        self.say = say
        self.commands = commands
        self.regions = regions
        self.unreachable: set[str] = set()
        self._writer_region: str | None = None
        self._environments: dict[str, dict[str, str]] = {}
        self._not_before: dict[str, float] = {}
        self._stop = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="controller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def leave_alone(self, region: str) -> None:
        """From now on nothing in the region is started. Waits for a cycle under way."""
        with self._lock:
            self.unreachable.add(region)

    def look_after(self, region: str) -> None:
        with self._lock:
            self.unreachable.discard(region)

    def _run(self) -> None:
        while not self._stop.wait(CYCLE_SECONDS):
            for act in (
                self._follow_writer, self._follow_caches, self._follow_services,
                self._follow_migrations,
            ):  # fmt: skip
                try:
                    with self._lock:
                        act()
                except (BotoCoreError, ClientError, LabError, OSError, KeyError) as error:
                    self.say(f"controller: {type(error).__name__}: {error}")

    def _follow_writer(self) -> None:
        region = self.writer_region()
        if region is None or region == self._writer_region or region in self.unreachable:
            return
        database = self.databases[region]
        if database.is_replica():
            started = time.monotonic()
            database.promote()
            self.say(f"controller: database in {region} promoted, as the global cluster's writer "
                     f"is there now ({time.monotonic() - started:.1f} s)")  # fmt: skip
        self._writer_region = region

    def writer_region(self) -> str | None:
        """Where the global cluster's writer is by the control plane; None while there is none."""
        for region in DATA_REGIONS:
            clusters = self.observer("rds", region).describe_global_clusters()["GlobalClusters"]
            for cluster in clusters:
                for member in cluster["GlobalClusterMembers"]:
                    if member["IsWriter"]:
                        return str(member["DBClusterArn"].split(":")[3])
        return None

    def _follow_caches(self) -> None:
        for region, server in self.caches.items():
            role = None if region in self.unreachable else self.cache_role(region)
            try:
                moved = role is not None and server.follow(peer=role == SECONDARY)
            except ValkeyError:  # dead or frozen: the other one is looked at all the same
                continue
            if moved:
                told = "follows the other's" if role == SECONDARY else "takes writes"
                self.say(
                    f"controller: the cache in {region} {told}, as its member is {role or 'alone'}"
                )

    def cache_role(self, region: str) -> str | None:
        """The member's role by the control plane; empty: in no global group; None: there is no member."""
        try:
            answer = self.observer("elasticache", region).describe_replication_groups(
                ReplicationGroupId=f"cache-{self.suffix}"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ReplicationGroupNotFoundFault":
                return None
            raise
        (member,) = answer["ReplicationGroups"]
        info = member.get("GlobalReplicationGroupInfo") or {}
        return str(info.get("GlobalReplicationGroupMemberRole") or "")

    def _follow_services(self) -> None:
        for region in self.regions:
            if region in self.unreachable or not self.commands:
                continue
            ecs = self.observer("ecs", region)
            answer = ecs.describe_services(
                cluster=f"services-{self.suffix}",
                services=[f"{name}-{self.suffix}" for name in self.commands],
            )
            for service in answer["services"]:
                name = service["serviceName"].removesuffix(f"-{self.suffix}")
                count = int(service["desiredCount"]) if service["status"] == "ACTIVE" else 0
                # One port for the query API: a second copy would have nothing to listen on.
                self._scale(region, name, min(count, 1) if name == "query-api" else count,
                            service["taskDefinition"])  # fmt: skip

    def _follow_migrations(self) -> None:
        """The emulator only notes that a task runs. One that fails stays RUNNING, and is run again."""
        for region in self.regions:
            if region in self.unreachable or not self.commands:
                continue
            ecs, cluster = self.observer("ecs", region), f"services-{self.suffix}"
            family = f"migrate-{self.suffix}"
            for task in ecs.list_tasks(cluster=cluster, family=family)["taskArns"]:
                (found,) = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
                done = subprocess.run(
                    [sys.executable, "-m", *MIGRATE],
                    cwd=ROOT, capture_output=True, text=True, timeout=MIGRATE_SECONDS, check=False,
                    env=self._environment(region, found["taskDefinitionArn"]),
                )  # fmt: skip
                if done.returncode:
                    said = (done.stderr or done.stdout).strip()[-800:]
                    raise LabError(f"the migrations of {region} failed: {said}")
                # The emulator gives a task that is stopped the exit code 0.
                ecs.stop_task(cluster=cluster, task=task, reason="The container ended")

    def _scale(self, region: str, service: str, count: int, task_definition: str) -> None:
        prefix = f"{service}-{CODES[region]}-"
        wanted = {f"{prefix}{number}" for number in range(count)}
        for running in self.processes.named(prefix):
            if running.name not in wanted:
                self.processes.stop(running.name)
        for name in sorted(wanted):
            there = self.processes.get(name)
            if there is not None and there.alive:
                continue
            if there is not None and self._pause_restart(name):
                continue
            self.processes.start(
                name, list(self.commands[service]),
                region=region, cwd=ROOT,
                env=self._environment(region, task_definition),
            )  # fmt: skip
            self._not_before.pop(name, None)

    def _pause_restart(self, name: str) -> bool:
        """A task that died is placed again after a moment, as ECS does it."""
        now = time.monotonic()
        return now < self._not_before.setdefault(name, now + RESTART_PAUSE_SECONDS)

    def _environment(self, region: str, task_definition: str) -> dict[str, str]:
        if task_definition not in self._environments:
            ecs = self.observer("ecs", region)
            answer = ecs.describe_task_definition(taskDefinition=task_definition)
            container = answer["taskDefinition"]["containerDefinitions"][0]
            given = {pair["name"]: pair["value"] for pair in container.get("environment", [])}
            self._environments[task_definition] = service_environment(self.places, region, given)
        return self._environments[task_definition]


def service_environment(
    places: Places, region: str, given: Mapping[str, str]
) -> dict[str, str]:  # fmt: skip
    """A service's environment: what its task definition says, with the lab's endpoints."""
    seen = endpoints(places, region)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    return {
        **inherited,
        **{name: str(value) for name, value in overridden(given, seen).items()},
        "QUERY_API_PORT": seen["QUERY_API_PORT"],
        # A run lasts minutes: objects are written while it does.
        "ARCHIVE_ROLL_SECONDS": "30",
        "PYTHONPATH": str(ROOT / "constructs"),
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "lab",
    }
