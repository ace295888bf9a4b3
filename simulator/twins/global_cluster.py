"""Aurora's global cluster: who the writer is, a failover in progress, and the members' servers.

Source: Amazon Aurora User Guide, "Using switchover or failover in Amazon Aurora Global Database"; RDS API,
FailoverGlobalCluster, RemoveFromGlobalCluster, FailoverState.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from simulator.places import cluster_arn
from simulator.scheduler import Scheduler
from simulator.twins.postgresql import Server

REPLICATION_SECONDS = 0.4
"""From a commit to the other member, while the link holds."""


@dataclass
class Behaviour:
    """How the service behaves in a run; drawn from the seed."""

    accept: bool = True
    """Whether it takes a request for a failover; it refuses with an internal failure otherwise."""
    pending_seconds: float = 2.0
    promote_seconds: float = 15.0
    cancels: bool = False
    """Whether the first failover is cancelled half-way."""
    rebuild_seconds: float = 240.0
    """After a failover, how long until the old member follows the new writer, once it can be reached."""


@dataclass
class GlobalCluster:
    """Two members; the service's answers are the same in both regions."""

    scheduler: Scheduler
    servers: Mapping[str, Server]
    writer: str
    reaches: Callable[[str, str], bool]
    alive: Callable[[str], bool]
    behaviour: Behaviour = field(default_factory=Behaviour)
    say: Callable[[str], None] = lambda _text: None
    status: str = ""
    target: str = ""
    cancelled_once: bool = False

    def __post_init__(self) -> None:
        self.members = set(self.servers)
        for server in self.servers.values():
            server.on_commit = self._replicate
            server.in_recovery = server.region != self.writer

    def describe(self) -> dict[str, Any]:
        """The one global cluster, as `DescribeGlobalClusters` has it."""
        found: dict[str, Any] = {
            "GlobalClusterMembers": [
                {"DBClusterArn": cluster_arn(region), "IsWriter": region == self.writer}
                for region in sorted(self.members)
            ]
        }
        if self.status:
            found["FailoverState"] = {
                "Status": self.status,
                "FromDbClusterArn": cluster_arn(self.writer),
                "ToDbClusterArn": cluster_arn(self.target),
            }
        return found

    def fail_over(self, target: str) -> None:
        """Accept a failover with data loss, or refuse it."""
        if not self.behaviour.accept:
            raise _fault("InternalFailure")
        if self.status or target not in self.members or target == self.writer:
            raise _fault("InvalidGlobalClusterStateFault")
        self.status, self.target = "pending", target
        self.say(f"the failover to {target} is accepted")
        now, how = self.scheduler.now, self.behaviour
        self.scheduler.at(now + how.pending_seconds, lambda: self._move_on("failing-over"))
        if how.cancels and not self.cancelled_once:
            self.cancelled_once = True
            self.scheduler.at(now + how.promote_seconds / 2, lambda: self._move_on("cancelling"))
            self.scheduler.at(now + how.promote_seconds, self._cancelled)
            return
        self.scheduler.at(now + how.promote_seconds, self._promoted)

    def remove(self, region: str) -> None:
        """Take a member out: it becomes a writer on its own."""
        if self.status or region == self.writer:
            raise _fault("InvalidGlobalClusterStateFault")
        if region not in self.members:
            raise _fault("DBClusterNotFoundFault")
        self.members.discard(region)
        self.say(f"{region} leaves the global cluster")
        self.servers[region].restart(in_recovery=False)

    def catch_up(self) -> None:
        """A link came back, or a region: the replica replays, an old writer is rebuilt."""
        self._replicate(self.servers[self.writer])
        self.scheduler.at(self.scheduler.now + self.behaviour.rebuild_seconds, self._rebuild)

    def _move_on(self, status: str) -> None:
        if self.status:
            self.status = status

    def _cancelled(self) -> None:
        self.status, self.target = "", ""
        self.say("the service cancelled the failover")

    def _promoted(self) -> None:
        if not self.status:
            return
        self.writer, self.status = self.target, ""
        self.target = ""
        self.servers[self.writer].restart(in_recovery=False)
        self.say(f"{self.writer} is the writer")
        self.scheduler.at(self.scheduler.now + self.behaviour.rebuild_seconds, self._rebuild)

    def _rebuild(self) -> None:
        """The old writer's copy is thrown away and made again from the new one's (A8)."""
        writer = self.servers[self.writer]
        for region in sorted(self.members - {self.writer}):
            server = self.servers[region]
            if (
                server.in_recovery
                or not self.alive(region)
                or not self.reaches(self.writer, region)
            ):
                continue
            server.restart(in_recovery=True)
            server.rows = writer.rows
            self.say(f"the old copy in {region} is rebuilt as a replica")

    def _replicate(self, source: Server) -> None:
        if source.in_recovery or source.region != self.writer:
            return
        rows, lsn_region = source.rows, source.region
        for region in self.members - {source.region}:
            follower = self.servers[region]

            def deliver(follower: Server = follower) -> None:
                if self.reaches(lsn_region, follower.region) and self.alive(lsn_region):
                    follower.follow(rows)

            self.scheduler.at(self.scheduler.now + REPLICATION_SECONDS, deliver)


def _fault(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "FailoverGlobalCluster")
