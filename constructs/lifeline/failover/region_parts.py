"""What a region brings to its failover: a database, the services that use it, and the other stores."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2

from lifeline.application.edge_identity import EdgeIdentity
from lifeline.data.database_member import IGlobalDatabase
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.plan import Part
from lifeline.lambdas.failover.replication_signal import ReplicationSource


@dataclass(frozen=True, kw_only=True)
class RegionWorkload:
    """What serves in the region: `api_url` is its public base URL, whose `/health` the other observers ask.

    `/health` answers 200 while the region is well, with `{"serving": …, "epoch": …}`. The rest is there or
    not, and the plan has its steps for what is there: `cluster_name`, `applier_name` and `applier_tasks`
    name an ECS service that the failover raises and whose heartbeat it waits for; with `identity` it proves
    itself by an event that it posts and reads back. `query_api_url` is the base URL inside the network that
    answers the watermark. `query_api_name` and `query_api_tasks` only where the services rest at 0 tasks in
    the standby: then the failover raises both, and waits for them. Raises ValueError for half a service, and
    for markers without a watermark.
    """

    api_url: str
    query_api_url: str = ""
    cluster_name: str = ""
    applier_name: str = ""
    applier_tasks: int = 0
    query_api_name: str = ""
    query_api_tasks: int = 0
    identity: EdgeIdentity | None = None
    replication_signal: ReplicationSource = ReplicationSource.MARKERS
    """`HEARTBEAT` for an application without our markers: the keeper's renewal, as it is replicated."""

    def __post_init__(self) -> None:
        given = (self.cluster_name, self.applier_name, self.applier_tasks)
        if any(given) and not all(given):
            raise ValueError(
                f"A workload was given the ECS cluster {self.cluster_name!r}, the service "
                f"{self.applier_name!r} and {self.applier_tasks} tasks; allowed are all three or none."
            )
        if self.services_rest and not (self.applier_name and self.query_api_tasks):
            raise ValueError(
                f"A workload was given the query API {self.query_api_name!r} with {self.query_api_tasks} "
                f"tasks and the event applier {self.applier_name!r}; services that rest are both, each "
                "with its tasks."
            )
        if self.replication_signal is ReplicationSource.MARKERS and not self.query_api_url:
            raise ValueError(
                "A workload without a query_api_url has no watermark to read markers from; give one, or "
                "replication_signal=ReplicationSource.HEARTBEAT."
            )

    @property
    def services_rest(self) -> bool:
        """Whether they have 0 tasks in the standby (strategy pilot light)."""
        return bool(self.query_api_name)


@dataclass(frozen=True, kw_only=True)
class RegionStores:
    """The stores beside the database: names and ids of this region's side. Empty: there is none.

    `cache_hosts_parameter` names the parameter that keeps `primary,reader`; `cache_user` is who measures,
    from `cache_clients`, the group that the cache lets in.
    """

    file_system_id: str = ""
    admin_secret: str = ""
    cache_group: str = ""
    cache_user: str = ""
    cache_hosts_parameter: str = ""
    cache_clients: ec2.ISecurityGroup | None = None


def parts_of(workload: RegionWorkload, stores: RegionStores) -> frozenset[Part]:
    """What the region's plan has steps for."""
    there = {
        Part.APPLIER: workload.applier_name,
        Part.API_CLIENT: workload.identity,
        Part.CACHE: stores.cache_group,
        Part.FILES: stores.file_system_id,
        Part.SECRETS: stores.admin_secret,
    }
    return frozenset(part for part, given in there.items() if given)


def address_of(database: IGlobalDatabase) -> DatabaseAddress:
    """The database's part of a function's contract: sign in with IAM."""
    return DatabaseAddress(
        host=database.hosts,
        port=database.port,
        name=database.database_name,
        user=database.user,
        auth="iam",
    )
