"""Shared files: an encrypted file system in each region, mounted over TLS through access points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Unpack

import jsii
from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.data.protected_store import ProtectedStore
from lifeline.foundation.connections import connections_of
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.metric_options import MathOptions, MetricOptions, computed, metric
from lifeline.foundation.zones import store_subnets
from lifeline.site import Site

PORT = 2049
LEAST_ZONES = 2
WORKLOAD_ID = "1000"
"""The user and group that owns the workloads' folder; containers run as it."""
FOLDER = "/lifeline"
LIFECYCLE = (
    {"transition_to_ia": "AFTER_30_DAYS"},
    {"transition_to_archive": "AFTER_90_DAYS"},
    {"transition_to_primary_storage_class": "AFTER_1_ACCESS"},
)


class ISharedFiles(Protocol):
    """A file system that workloads mount through one access point, made here or elsewhere."""

    @property
    def file_system_id(self) -> str:
        """What a task's volume names."""

    @property
    def access_point_id(self) -> str:
        """Through which it is mounted."""

    @property
    def connections(self) -> ec2.Connections:
        """Who may reach it: `files.connections.allow_default_port_from(workload)`."""

    def grant_mount(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` mount and write through the access point."""


@jsii.implements(ec2.IConnectable)
class FileAccess(Construct):
    """What a file system can do whether it was made here or not."""

    file_system_id: str
    access_point_id: str
    port = PORT
    _connections: ec2.Connections
    file_system_arn: str
    """What mounting is allowed on."""
    _access_point_arn: str

    @property
    def connections(self) -> ec2.Connections:
        """Who may reach it: `files.connections.allow_default_port_from(workload)`."""
        return self._connections

    def grant_mount(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` mount and write through the access point; its network must be let in, too."""
        return allow(
            grantee,
            "MountTheFiles",
            ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
            [self.file_system_arn],
            {"StringEquals": {"elasticfilesystem:AccessPointArn": self._access_point_arn}},
        )

    def metric_time_since_last_sync(self, **options: Unpack[MathOptions]) -> cloudwatch.IMetric:
        """Seconds since the last change that reached the other side; in the region replicated from.

        A query, because the metric also names the destination, whose id only its own region knows.
        """
        return computed(
            "SELECT MAX(TimeSinceLastSync) FROM "
            'SCHEMA("AWS/EFS", DestinationFileSystemId, FileSystemId) '
            f"WHERE FileSystemId = '{self.file_system_id}'",
            default_label="TimeSinceLastSync",
            **options,
        )

    def metric_io_limit(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Per cent of the operations that the file system can do."""
        return metric(
            "AWS/EFS",
            "PercentIOLimit",
            {"FileSystemId": self.file_system_id},
            default_statistic="Maximum",
            **options,
        )


@dataclass(frozen=True, kw_only=True)
class SharedFilesAttributes:
    """A file system that something else made."""

    file_system_id: str
    access_point_id: str
    security_group: ec2.ISecurityGroup | None = None
    """Of its mount targets. None: `connections` opens nothing, and says so to the CDK by having no group."""


class ImportedSharedFiles(FileAccess):
    """A file system known by its attributes; nothing is made."""

    def __init__(
        self, scope: Construct, construct_id: str, *, attributes: SharedFilesAttributes
    ) -> None:
        super().__init__(scope, construct_id)
        self.file_system_id = attributes.file_system_id
        self.access_point_id = attributes.access_point_id
        self.file_system_arn = self._arn("file-system", attributes.file_system_id)
        self._access_point_arn = self._arn("access-point", attributes.access_point_id)
        self._connections = connections_of(attributes.security_group, PORT)

    def _arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(
            service="elasticfilesystem", resource=resource, resource_name=name
        )


class SharedFiles(FileAccess):
    """A file system with a mount target in each zone and one access point for workloads.

    Covers: the loss of a zone; of the region, with `FileReplication` (15 minutes at most behind, for most
    file systems); a workload that mounts as root, without TLS or without a role (refused). Does not
    cover: files written within those minutes; a deleted file (`Backups`); the mounts of the old side,
    which are released by stopping its tasks.
    The file system is its own region's and not made by replication: nothing here changes when roles swap.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        file_system_name: str | None = None,
        keys: Keys | None = None,
    ) -> None:
        """Raises ValueError for surroundings in which the file system could not stand.

        `vpc_subnets`: the isolated ones by default, else the private ones. `connections` lets nobody in.
        `file_system_name`: what the console shows; two of one name may stand side by side.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._keys = keys
        subnets = store_subnets(
            self,
            vpc,
            vpc_subnets,
            least_zones=LEAST_ZONES,
            why="a file system that outlives a zone",
        )
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="The files.", allow_all_outbound=False
        )
        self._connections = connections_of(self.group, PORT)
        name = file_system_name or site.names.regional_name("files")
        self.file_system = efs.CfnFileSystem(
            self,
            "FileSystem",
            encrypted=True,
            kms_key_id=keys.data.key_arn,
            performance_mode="generalPurpose",
            throughput_mode="elastic",
            lifecycle_policies=[
                efs.CfnFileSystem.LifecyclePolicyProperty(**one) for one in LIFECYCLE
            ],
            # Ours are in `Backups`: the service's own go to a vault without a copy elsewhere.
            backup_policy=efs.CfnFileSystem.BackupPolicyProperty(status="DISABLED"),
            file_system_tags=[
                efs.CfnFileSystem.ElasticFileSystemTagProperty(key="Name", value=name)
            ],
            file_system_policy=_policy(),
        )
        self.file_system_id = self.file_system.ref
        self.access_point = efs.CfnAccessPoint(
            self,
            "Workloads",
            file_system_id=self.file_system.ref,
            posix_user=efs.CfnAccessPoint.PosixUserProperty(uid=WORKLOAD_ID, gid=WORKLOAD_ID),
            root_directory=efs.CfnAccessPoint.RootDirectoryProperty(
                path=FOLDER,
                creation_info=efs.CfnAccessPoint.CreationInfoProperty(
                    owner_uid=WORKLOAD_ID, owner_gid=WORKLOAD_ID, permissions="0750"
                ),
            ),
            access_point_tags=[efs.CfnAccessPoint.AccessPointTagProperty(key="Name", value=name)],
        )
        self.access_point_id = self.access_point.attr_access_point_id
        self.file_system_arn = self.file_system.attr_arn
        self._access_point_arn = self.access_point.attr_arn
        targets = [
            efs.CfnMountTarget(
                self,
                f"MountTarget{number}",
                file_system_id=self.file_system.ref,
                subnet_id=subnet_id,
                security_groups=[self.group.security_group_id],
            )
            for number, subnet_id in enumerate(subnets.subnet_ids, start=1)
        ]
        for resource in (self.file_system, self.access_point, *targets):
            destroyable(resource)

    @property
    def protected(self) -> ProtectedStore:
        """This region's file system for the backup plan; a test restores into one of its own."""
        return ProtectedStore(
            resource_type="EFS",
            arn=self.file_system.attr_arn,
            keeps_a_journal=False,
            # The only thing that the service does not infer rightly: it would take its own key.
            restore_into={"kmskeyid": self._keys.data.key_arn},
        )

    @staticmethod
    def from_shared_files_attributes(
        scope: Construct, construct_id: str, attributes: SharedFilesAttributes
    ) -> ImportedSharedFiles:
        """A file system that something else made."""
        return ImportedSharedFiles(scope, construct_id, attributes=attributes)


def _policy() -> dict[str, object]:
    """Only refusals: with a policy of any kind, nobody mounts whose own policy does not allow it."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Sid": "NobodyIsRoot",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "elasticfilesystem:ClientRootAccess",
            },
            {
                "Sid": "ThroughAccessPointsOnly",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
                "Condition": {"Null": {"elasticfilesystem:AccessPointArn": "true"}},
            },
        ],
    }
