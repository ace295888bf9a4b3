"""Shared files: an encrypted file system in each region, mounted over TLS through access points."""

from __future__ import annotations

from typing import Unpack

import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.data.protected_store import ProtectedStore
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.metric_options import MathOptions, MetricOptions, computed, metric
from lifeline.foundation.network import Network
from lifeline.site import Site

PORT = 2049
WORKLOAD_ID = "1000"
"""The user and group that owns the workloads' folder; containers run as it."""
FOLDER = "/lifeline"
LIFECYCLE = (
    {"transition_to_ia": "AFTER_30_DAYS"},
    {"transition_to_archive": "AFTER_90_DAYS"},
    {"transition_to_primary_storage_class": "AFTER_1_ACCESS"},
)


@jsii.implements(ec2.IConnectable)
class SharedFiles(Construct):
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
        network: Network,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site, self._keys = site, keys
        self.port = PORT
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description="The files.", allow_all_outbound=False
        )
        self.group.add_ingress_rule(
            network.file_clients, ec2.Port.tcp(PORT), "Workloads that join file clients"
        )
        name = site.names.regional_name("files")
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
        subnets = network.vpc.select_subnets(subnet_type=network.store_subnets.subnet_type)
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
    def file_system_arn(self) -> str:
        """What mounting is allowed on."""
        return self.file_system.attr_arn

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

    @property
    def connections(self) -> ec2.Connections:
        """Who may reach it: `files.connections.allow_default_port_from(workload)`."""
        return ec2.Connections(security_groups=[self.group], default_port=ec2.Port.tcp(PORT))

    def grant_mount(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` mount and write through the access point; it must also join the clients."""
        return allow(
            grantee,
            "MountTheFiles",
            ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
            [self.file_system_arn],
            {"StringEquals": {"elasticfilesystem:AccessPointArn": self.access_point.attr_arn}},
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
