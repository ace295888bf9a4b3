"""A member of an Aurora global database, whoever made it: how to reach it, sign in to it and watch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Unpack

import jsii
from aws_cdk import ArnFormat, Fn, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from lifeline.foundation.connections import connections_of
from lifeline.foundation.function import allow
from lifeline.foundation.metric_options import MetricOptions, metric


class IGlobalDatabase(Protocol):
    """This region's member of a global database, made here or elsewhere."""

    @property
    def identifier(self) -> str:
        """The cluster's identifier in this region."""

    @property
    def peer_identifier(self) -> str:
        """The member's cluster identifier in the other region; empty where there is none."""

    @property
    def global_identifier(self) -> str:
        """The global cluster's identifier."""

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
        """The workloads' user, who signs in with IAM."""

    @property
    def host(self) -> str:
        """The writer's, which migrations sign in at."""

    @property
    def admin_secret(self) -> secretsmanager.ISecret | None:
        """The password of `ADMIN_USER` where migrations run; None elsewhere."""

    @property
    def sign_in_arn(self) -> str:
        """What `rds-db:connect` is allowed on."""

    @property
    def connections(self) -> ec2.Connections:
        """Who may open a connection: `database.connections.allow_default_port_from(workload)`."""

    def grant_connect(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` sign in as `user`."""

    def metric(self, name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Any metric that RDS publishes of this cluster."""


@jsii.implements(ec2.IConnectable)
class DatabaseMember(Construct):
    """What a member can do whether it was made here or not."""

    identifier: str
    global_identifier: str
    port: int
    database_name: str
    user: str
    _connections: ec2.Connections

    @property
    def hosts(self) -> str:
        """Host names in the order to try, separated by commas: the writer's, then the reader's."""
        raise NotImplementedError

    @property
    def sign_in_arn(self) -> str:
        """What `rds-db:connect` is allowed on."""
        raise NotImplementedError

    @property
    def connections(self) -> ec2.Connections:
        """Who may open a connection: `database.connections.allow_default_port_from(workload)`."""
        return self._connections

    def grant_connect(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` sign in as the workloads' user; its network must be let in, too (`connections`)."""
        return allow(grantee, "SignInToTheDatabase", ["rds-db:connect"], [self.sign_in_arn])

    def metric(self, name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Any metric that RDS publishes of this cluster; the greatest value of a minute by default."""
        return metric(
            "AWS/RDS",
            name,
            {"DBClusterIdentifier": self.identifier},
            default_statistic="Maximum",
            **options,
        )

    def metric_replication_lag(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Milliseconds behind the writer; only the region that does not write has it."""
        return self.metric("AuroraGlobalDBReplicationLag", **options)

    def metric_rpo_lag(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Milliseconds of transactions that a promotion now would lose; only where nothing writes."""
        return self.metric("AuroraGlobalDBRPOLag", **options)

    def metric_cpu(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Per cent of the busiest instance."""
        return self.metric("CPUUtilization", **options)

    def metric_connections(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Open connections of the instance that has most; the limit is MAX_CONNECTIONS."""
        return self.metric("DatabaseConnections", **options)

    def metric_capacity(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Aurora capacity units of the biggest instance; the ceiling is the capacity plan's."""
        return self.metric("ServerlessDatabaseCapacity", **options)


@dataclass(frozen=True, kw_only=True)
class GlobalDatabaseAttributes:
    """A member that something else made: another stack, another application, a person."""

    identifier: str
    global_identifier: str
    peer_identifier: str = ""
    """The identifier of the member in the other region; a failover asks for it."""
    hosts: str
    cluster_resource_id: str
    """RDS's own id, `cluster-…`: what signing in with IAM names."""
    port: int = 5432
    database_name: str = "lifeline"
    user: str = "lifeline"
    admin_secret: secretsmanager.ISecret | None = None
    """The password of `lifeline_admin`. None: our services make no migration task."""
    security_group: ec2.ISecurityGroup | None = None
    """None: `connections` opens nothing, and says so to the CDK by having no group."""


class ImportedGlobalDatabase(DatabaseMember):
    """A member known by its attributes; nothing is made."""

    def __init__(
        self, scope: Construct, construct_id: str, *, attributes: GlobalDatabaseAttributes
    ) -> None:
        super().__init__(scope, construct_id)
        self._attributes = attributes
        self.identifier = attributes.identifier
        self.global_identifier = attributes.global_identifier
        self.port = attributes.port
        self.database_name, self.user = attributes.database_name, attributes.user
        self._connections = connections_of(attributes.security_group, self.port)

    @property
    def peer_identifier(self) -> str:
        """The member's cluster identifier in the other region; empty where none was given."""
        return self._attributes.peer_identifier

    @property
    def hosts(self) -> str:
        """Host names in the order to try, separated by commas: the writer's, then the reader's."""
        return self._attributes.hosts

    @property
    def host(self) -> str:
        """The first of the hosts: the writer's."""
        return Fn.select(0, Fn.split(",", self._attributes.hosts))

    @property
    def admin_secret(self) -> secretsmanager.ISecret | None:
        """The password of the admin, if migrations are to run."""
        return self._attributes.admin_secret

    @property
    def sign_in_arn(self) -> str:
        """What `rds-db:connect` is allowed on: the workloads' user of this region's cluster."""
        return sign_in_arn(self, self._attributes.cluster_resource_id, self.user)


def sign_in_arn(scope: Construct, cluster_resource_id: str, user: str) -> str:
    """The ARN of one user of one cluster in the region and account of `scope`."""
    return Stack.of(scope).format_arn(
        service="rds-db",
        resource="dbuser",
        resource_name=f"{cluster_resource_id}/{user}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
