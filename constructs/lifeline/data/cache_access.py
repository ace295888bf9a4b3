"""A member of a global datastore, whoever made it: what it is called, and who may sign in to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import jsii
from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.foundation.connections import connections_of
from lifeline.foundation.function import allow

PORT = 6379


class ISessionCache(Protocol):
    """This region's member of the session cache, made here or elsewhere."""

    @property
    def identifier(self) -> str:
        """The replication group's id in this region."""

    @property
    def user(self) -> str:
        """The workloads' user, who signs in with IAM."""

    @property
    def hosts_parameter(self) -> str:
        """The parameter that holds `primary,reader`: the hosts, in the order to try."""

    @property
    def connections(self) -> ec2.Connections:
        """Who may reach it: `cache.connections.allow_default_port_from(workload)`."""

    def grant_connect(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` sign in as `user`."""


@jsii.implements(ec2.IConnectable)
class CacheAccess(Construct):
    """What a member can do whether it was made here or not."""

    identifier: str
    user: str
    hosts_parameter: str
    port = PORT
    _connections: ec2.Connections

    @property
    def connections(self) -> ec2.Connections:
        """Who may reach it: `cache.connections.allow_default_port_from(workload)`."""
        return self._connections

    def grant_connect(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` sign in as the workloads' user; its network must be let in, too (`connections`)."""
        return allow(
            grantee,
            "SignInToTheCache",
            ["elasticache:Connect"],
            [self._arn("replicationgroup", self.identifier), self._arn("user", self.user)],
        )

    def _arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(
            service="elasticache",
            resource=resource,
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )


@dataclass(frozen=True, kw_only=True)
class SessionCacheAttributes:
    """A member that something else made, or makes later: names, which are known before it stands."""

    identifier: str
    user: str
    hosts_parameter: str
    security_group: ec2.ISecurityGroup | None = None
    """None: `connections` opens nothing, and says so to the CDK by having no group."""


class ImportedSessionCache(CacheAccess):
    """A member known by its attributes; nothing is made."""

    def __init__(
        self, scope: Construct, construct_id: str, *, attributes: SessionCacheAttributes
    ) -> None:
        super().__init__(scope, construct_id)
        self.identifier, self.user = attributes.identifier, attributes.user
        self.hosts_parameter = attributes.hosts_parameter
        self._connections = connections_of(attributes.security_group, PORT)
