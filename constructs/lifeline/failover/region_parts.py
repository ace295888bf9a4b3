"""What a region brings to its failover: a database, the services that use it, and the other stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from aws_cdk import aws_iam as iam

from lifeline.application.edge_identity import EdgeIdentity
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.replication_signal import ReplicationSource


class RegionDatabase(Protocol):
    """This region's member of a global database. `GlobalDatabase` is one, `DatabaseAttributes` another."""

    @property
    def hosts(self) -> str:
        """Host names in the order to try, separated by commas: the writer's, then the reader's."""

    @property
    def port(self) -> int:
        """The port of all hosts."""

    @property
    def database_name(self) -> str:
        """The database in the server."""

    @property
    def user(self) -> str:
        """Who signs in, with IAM."""

    @property
    def identifier(self) -> str:
        """The member's cluster identifier in this region."""

    @property
    def peer_identifier(self) -> str:
        """The member's cluster identifier in the other region."""

    @property
    def global_identifier(self) -> str:
        """The global cluster's identifier."""

    def grant_connect(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` sign in as `user`."""


@dataclass(frozen=True, kw_only=True)
class DatabaseAttributes:
    """A member of a global database that something else made."""

    hosts: str
    port: int
    database_name: str
    user: str
    identifier: str
    peer_identifier: str
    global_identifier: str
    sign_in_arn: str
    """What `rds-db:connect` is allowed on: `…:dbuser:{cluster resource id}/{user}`."""

    def grant_connect(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` sign in as `user`."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["rds-db:connect"], resource_arns=[self.sign_in_arn]
        )


@dataclass(frozen=True, kw_only=True)
class RegionWorkload:
    """What serves in the region: `api_url` is the public base URL, `serve_url` the one inside the network.

    The failover raises the ECS service `processor_name` to `processor_tasks`, and proves itself by an event
    that it posts and reads back with the client that `identity` has for it.
    """

    api_url: str
    serve_url: str
    cluster_name: str
    processor_name: str
    processor_tasks: int
    identity: EdgeIdentity
    replication_signal: ReplicationSource = ReplicationSource.MARKERS
    """`HEARTBEAT` for an application without our markers: the active must write its row of the table
    `heartbeat(region, at)` at least once a second, in the database that is replicated."""


@dataclass(frozen=True, kw_only=True)
class RegionStores:
    """The stores beside the database: names and ids of this region's side. Empty: there is none.

    `cache_hosts_parameter` names the parameter that keeps `primary,reader`; `cache_user` is who measures.
    """

    file_system_id: str = ""
    admin_secret: str = ""
    cache_group: str = ""
    cache_user: str = ""
    cache_hosts_parameter: str = ""


def address_of(database: RegionDatabase) -> DatabaseAddress:
    """The database's part of a function's contract: sign in with IAM."""
    return DatabaseAddress(
        host=database.hosts,
        port=database.port,
        name=database.database_name,
        user=database.user,
        auth="iam",
    )
