"""Which property of a resource type is its physical name, and the longest name its service takes.

A type belongs here when two environments of one account would collide on the name. What is named inside a
parent that carries the suffix itself (a topic in a cluster, a method in an API) does not.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HASHED = re.compile(r"-[0-9a-f]{8}$")
"""A name too long for its service ends in a hash of the whole (`lifeline.naming.fitted`)."""


class NameProperty(NamedTuple):
    """A property that names the resource, and how many characters it may have."""

    property: str
    longest: int


def _all(*properties: tuple[str, str, int]) -> dict[str, NameProperty]:
    return {f"AWS::{kind}": NameProperty(name, longest) for kind, name, longest in properties}


NAME_PROPERTIES = _all(
    ("ApiGateway::ApiKey", "Name", 255),
    ("ApiGateway::RestApi", "Name", 255),
    ("ApiGateway::UsagePlan", "UsagePlanName", 255),
    ("ApiGateway::VpcLink", "Name", 255),
    ("Athena::WorkGroup", "Name", 128),
    ("Backup::BackupPlan", "BackupPlan/BackupPlanName", 50),
    ("Backup::BackupSelection", "BackupSelection/SelectionName", 50),
    ("Backup::BackupVault", "BackupVaultName", 50),
    ("Backup::RestoreTestingPlan", "RestoreTestingPlanName", 50),
    ("Backup::RestoreTestingSelection", "RestoreTestingSelectionName", 50),
    ("CloudTrail::Trail", "TrailName", 128),
    ("CloudWatch::Alarm", "AlarmName", 255),
    ("CloudWatch::CompositeAlarm", "AlarmName", 255),
    ("CloudWatch::Dashboard", "DashboardName", 255),
    ("CodeBuild::Project", "Name", 150),
    ("CodePipeline::Pipeline", "Name", 100),
    ("Cognito::UserPool", "UserPoolName", 128),
    ("Cognito::UserPoolClient", "ClientName", 128),
    ("Cognito::UserPoolDomain", "Domain", 63),
    ("DynamoDB::Table", "TableName", 255),
    ("EC2::SecurityGroup", "GroupName", 255),
    ("ECR::Repository", "RepositoryName", 256),
    ("ECS::Cluster", "ClusterName", 255),
    ("ECS::Service", "ServiceName", 255),
    ("ECS::TaskDefinition", "Family", 255),
    ("ElastiCache::GlobalReplicationGroup", "GlobalReplicationGroupIdSuffix", 35),
    ("ElastiCache::ParameterGroup", "CacheParameterGroupName", 255),
    ("ElastiCache::ReplicationGroup", "ReplicationGroupId", 40),
    ("ElastiCache::SubnetGroup", "CacheSubnetGroupName", 255),
    ("ElastiCache::User", "UserId", 40),
    ("ElastiCache::UserGroup", "UserGroupId", 40),
    ("ElasticLoadBalancingV2::LoadBalancer", "Name", 32),
    ("ElasticLoadBalancingV2::TargetGroup", "Name", 32),
    ("Events::Rule", "Name", 64),
    ("Glue::Registry", "Name", 255),
    ("IAM::ManagedPolicy", "ManagedPolicyName", 128),
    ("IAM::Role", "RoleName", 64),
    ("Kinesis::Stream", "StreamName", 128),
    ("KMS::Alias", "AliasName", 256),
    ("Lambda::Function", "FunctionName", 64),
    ("Lambda::LayerVersion", "LayerName", 140),
    ("Logs::LogGroup", "LogGroupName", 512),
    ("Logs::QueryDefinition", "Name", 255),
    ("MSK::Cluster", "ClusterName", 64),
    ("MSK::Configuration", "Name", 64),
    ("MSK::Replicator", "ReplicatorName", 128),
    ("RDS::DBCluster", "DBClusterIdentifier", 63),
    ("RDS::DBClusterParameterGroup", "DBClusterParameterGroupName", 255),
    ("RDS::DBInstance", "DBInstanceIdentifier", 63),
    ("RDS::DBParameterGroup", "DBParameterGroupName", 255),
    ("RDS::DBSubnetGroup", "DBSubnetGroupName", 255),
    ("RDS::GlobalCluster", "GlobalClusterIdentifier", 63),
    ("S3::Bucket", "BucketName", 63),
    ("Scheduler::Schedule", "Name", 64),
    ("SecretsManager::Secret", "Name", 512),
    ("SNS::Topic", "TopicName", 256),
    ("SQS::Queue", "QueueName", 80),
    ("SSM::Parameter", "Name", 1011),
    ("StepFunctions::StateMachine", "StateMachineName", 80),
    ("Synthetics::Canary", "Name", 255),
    ("WAFv2::WebACL", "Name", 128),
)
"""Source of the limits: the `maxLength` of the type's CloudFormation schema, or its API reference."""


def carries(name: str, suffix: str) -> bool:
    """Whether a rendered physical name is of the environment `suffix`, or ends in a hash that is."""
    parts = re.split(r"[^a-z0-9]+", name.lower().replace("${aws::accountid}", ""))
    return suffix in parts or HASHED.search(name) is not None
