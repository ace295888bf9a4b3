"""The contracts of the functions behind custom resources: what they make is in their requests instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lifeline.lambdas.contracts.contract import (
    AwsCall,
    Call,
    Contract,
    HostCall,
    RegionRole,
    set_by_aws,
)

ANSWER = HostCall("the answer to CloudFormation, a presigned address of S3", 443)
STACK = AwsCall("cloudformation:DescribeStacks")


@dataclass(frozen=True, kw_only=True)
class CustomResource(Contract):
    """Base of them: `powertools_service_name` is what Powertools calls the function in each log line.

    It has a default: a log line without a name is no reason to fail a deploy.
    """

    calls: ClassVar[tuple[Call, ...]] = (ANSWER,)

    powertools_service_name: str = ""


@dataclass(frozen=True, kw_only=True)
class BucketReplication(CustomResource):
    """`bucket_replication`."""

    calls: ClassVar[tuple[Call, ...]] = (
        ANSWER,
        AwsCall("s3:GetReplicationConfiguration"),
        AwsCall("s3:PutReplicationConfiguration"),
    )


@dataclass(frozen=True, kw_only=True)
class CacheMembership(CustomResource):
    """`cache_membership`, which calls itself to go on waiting."""

    calls: ClassVar[tuple[Call, ...]] = (
        ANSWER,
        AwsCall("elasticache:DescribeReplicationGroups"),
        AwsCall("elasticache:DisassociateGlobalReplicationGroup"),
        AwsCall("elasticache:ModifyReplicationGroup"),
        AwsCall("lambda:InvokeFunction"),
    )


@dataclass(frozen=True, kw_only=True)
class CloseDefaultGroup(CustomResource):
    """`close_default_group`."""

    calls: ClassVar[tuple[Call, ...]] = (
        ANSWER,
        AwsCall("ec2:DescribeSecurityGroups"),
        AwsCall("ec2:RevokeSecurityGroupIngress"),
        AwsCall("ec2:RevokeSecurityGroupEgress"),
    )


@dataclass(frozen=True, kw_only=True)
class EmptyBucket(CustomResource):
    """`empty_bucket`."""

    calls: ClassVar[tuple[Call, ...]] = (
        ANSWER,
        STACK,
        AwsCall("s3:ListBucketVersions"),
        AwsCall("s3:DeleteObject"),
    )


@dataclass(frozen=True, kw_only=True)
class EmptyVault(CustomResource):
    """`empty_vault`, which calls itself to go on."""

    calls: ClassVar[tuple[Call, ...]] = (
        ANSWER,
        STACK,
        AwsCall("backup:DescribeBackupVault"),
        AwsCall("backup:ListRecoveryPointsByBackupVault"),
        AwsCall("backup:DeleteRecoveryPoint"),
        AwsCall("lambda:InvokeFunction"),
    )


@dataclass(frozen=True, kw_only=True)
class FileReplication(CustomResource):
    """`file_replication`, of the home region: it asks both regions' file services."""

    calls: ClassVar[tuple[Call, ...]] = (
        ANSWER,
        *(
            AwsCall(f"elasticfilesystem:{action}", region)
            for region in (RegionRole.OWN, RegionRole.PEER)
            for action in (
                "DescribeFileSystems",
                "DescribeReplicationConfigurations",
                "DeleteReplicationConfiguration",
            )
        ),
        AwsCall("elasticfilesystem:CreateReplicationConfiguration"),
        AwsCall("elasticfilesystem:UpdateFileSystemProtection", RegionRole.PEER),
        AwsCall("elasticfilesystem:TagResource", RegionRole.PEER),
        AwsCall("elasticfilesystem:UntagResource", RegionRole.PEER),
    )


@dataclass(frozen=True, kw_only=True)
class IntegrationTls(CustomResource):
    """`integration_tls`."""

    calls: ClassVar[tuple[Call, ...]] = (ANSWER, AwsCall("apigateway:PATCH"))


@dataclass(frozen=True, kw_only=True)
class KafkaBootstrap(CustomResource):
    """`kafka_bootstrap`."""

    calls: ClassVar[tuple[Call, ...]] = (ANSWER, AwsCall("kafka:GetBootstrapBrokers"))


@dataclass(frozen=True, kw_only=True)
class KafkaLinks(CustomResource):
    """`kafka_links`, which calls itself to go on waiting."""

    calls: ClassVar[tuple[Call, ...]] = (
        ANSWER,
        AwsCall("kafka:DescribeClusterV2"),
        AwsCall("kafka:UpdateConnectivity"),
        AwsCall("lambda:InvokeFunction"),
    )


@dataclass(frozen=True, kw_only=True)
class PeerLookup(CustomResource):
    """`peer_lookup`: asks the peer, keeps the answers here."""

    calls: ClassVar[tuple[Call, ...]] = (
        ANSWER,
        AwsCall("ssm:GetParameter"),
        AwsCall("ssm:PutParameter"),
        AwsCall("ssm:DeleteParameter"),
        AwsCall("ec2:DescribeVpcs"),
        AwsCall("ec2:DescribeVpcPeeringConnections"),
        AwsCall("ec2:DescribeVpcs", RegionRole.PEER),
        AwsCall("kafka:ListClustersV2", RegionRole.PEER),
        AwsCall("kafka:GetBootstrapBrokers", RegionRole.PEER),
        AwsCall("elasticfilesystem:DescribeFileSystems", RegionRole.PEER),
        AwsCall("elasticache:DescribeReplicationGroups", RegionRole.PEER),
        AwsCall("rds:DescribeDBClusters", RegionRole.PEER),
    )

    region: str = set_by_aws("AWS_REGION")


@dataclass(frozen=True, kw_only=True)
class StreamIncarnation(CustomResource):
    """`stream_incarnation`."""

    calls: ClassVar[tuple[Call, ...]] = (ANSWER, AwsCall("kinesis:DescribeStreamSummary"))
