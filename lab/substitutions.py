"""Which resource types the emulator knows, which the lab provides, and which stay inert.

- *native*: deployed as they are; the emulator's CloudFormation makes them.
- *provided*: rewritten to a `Custom::Lab…` resource; a small function makes the same API call. For
  types whose effect the drill depends on and whose CloudFormation is missing or incomplete.
- *inert*: a placeholder keeps the place (and what depends on it); references become literals.

A type in none of the lists stops the lab: it must be decided, not dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What the lab does with a resource type."""

    NATIVE = "native"
    PROVIDED = "provided"
    INERT = "inert"


PROVIDED: dict[str, str] = {
    # Membership of the global cluster is what a promotion moves; CloudFormation there ignores it.
    "AWS::RDS::GlobalCluster": "Custom::LabGlobalCluster",
    "AWS::RDS::DBCluster": "Custom::LabDatabaseCluster",
    "AWS::RDS::DBInstance": "Custom::LabDatabaseInstance",
    "AWS::MSK::Cluster": "Custom::LabLogCluster",
    # The API of global caches is the lab's own (`emulated_cache`), and no CloudFormation knows it.
    "AWS::ElastiCache::GlobalReplicationGroup": "Custom::LabGlobalCache",
    "AWS::EC2::VPCPeeringConnection": "Custom::LabPeering",
}

INERT: frozenset[str] = frozenset(
    {
        "AWS::ApiGateway::ClientCertificate",
        "AWS::ApiGateway::DomainNameV2",
        "AWS::ApiGateway::VpcLink",
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::Backup::BackupSelection",
        "AWS::Backup::RestoreTestingPlan",
        "AWS::Backup::RestoreTestingSelection",
        "AWS::CloudTrail::Trail",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CodePipeline::Pipeline",
        "AWS::CodePipeline::Webhook",
        "AWS::EC2::EIP",
        "AWS::EC2::FlowLog",
        "AWS::EC2::NatGateway",
        "AWS::EC2::NetworkAcl",
        "AWS::EC2::NetworkAclEntry",
        "AWS::EC2::PrefixList",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SubnetNetworkAclAssociation",
        "AWS::EC2::VPCDHCPOptionsAssociation",
        "AWS::ECR::RegistryPolicy",
        "AWS::ECR::ReplicationConfiguration",
        "AWS::Glue::Registry",
        "AWS::Glue::Schema",
        "AWS::Glue::SchemaVersion",
        "AWS::Glue::SchemaVersionMetadata",
        "AWS::GuardDuty::Detector",
        # The calls of a drill's state machine make it.
        "AWS::IAM::RolePolicy",
        "AWS::IAM::ServiceLinkedRole",
        "AWS::KMS::ReplicaKey",
        # Built for arm64: of no use here. The emulator's environment has the same pins.
        "AWS::Lambda::LayerVersion",
        "AWS::Logs::QueryDefinition",
        "AWS::MSK::BatchScramSecret",
        "AWS::MSK::ClusterPolicy",
        "AWS::MSK::Configuration",
        "AWS::MSK::Replicator",
        "AWS::MSK::ServerlessCluster",
        "AWS::MSK::Topic",
        "AWS::MSK::VpcConnection",
        "AWS::RDS::EventSubscription",
        "AWS::Route53::HealthCheck",
        "AWS::SSM::Document",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::WAFv2::LoggingConfiguration",
        "AWS::WAFv2::WebACLAssociation",
    }
)

NATIVE: frozenset[str] = frozenset(
    {
        "AWS::ApiGateway::Account",
        "AWS::ApiGateway::ApiKey",
        "AWS::ApiGateway::Authorizer",
        "AWS::ApiGateway::BasePathMapping",
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::DomainName",
        "AWS::ApiGateway::GatewayResponse",
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Model",
        "AWS::ApiGateway::RequestValidator",
        "AWS::ApiGateway::Resource",
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGateway::Stage",
        "AWS::ApiGateway::UsagePlan",
        "AWS::ApiGateway::UsagePlanKey",
        "AWS::Backup::BackupPlan",
        "AWS::Backup::BackupVault",
        "AWS::CDK::Metadata",
        "AWS::CertificateManager::Certificate",
        "AWS::CloudFormation::CustomResource",
        "AWS::CloudFormation::WaitCondition",
        "AWS::CloudFormation::WaitConditionHandle",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::CodeBuild::Project",
        "AWS::Cognito::UserPool",
        "AWS::Cognito::UserPoolClient",
        "AWS::Cognito::UserPoolDomain",
        "AWS::Cognito::UserPoolGroup",
        "AWS::Cognito::UserPoolResourceServer",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ECR::Repository",
        "AWS::ECS::Cluster",
        "AWS::ECS::Service",
        "AWS::ECS::TaskDefinition",
        "AWS::EFS::AccessPoint",
        "AWS::EFS::FileSystem",
        "AWS::EFS::MountTarget",
        "AWS::ElastiCache::ParameterGroup",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::ElastiCache::User",
        "AWS::ElastiCache::UserGroup",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::KMS::Alias",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::Lambda::Alias",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Logs::LogGroup",
        "AWS::Logs::LogStream",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::ResourcePolicy",
        "AWS::Logs::SubscriptionFilter",
        "AWS::RDS::DBClusterParameterGroup",
        "AWS::RDS::DBParameterGroup",
        "AWS::RDS::DBSubnetGroup",
        "AWS::Route53::HostedZone",
        "AWS::Route53::RecordSet",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::SSM::Parameter",
        "AWS::Scheduler::Schedule",
        "AWS::Scheduler::ScheduleGroup",
        "AWS::SecretsManager::Secret",
        "AWS::SecretsManager::SecretTargetAttachment",
        "AWS::StepFunctions::StateMachine",
        "AWS::WAFv2::WebACL",
    }
)


class UndecidedTypeError(ValueError):
    """A resource type is in none of the lists."""


INERT_WITH: dict[str, str] = {
    # Alarms on math over several metrics; the emulator makes those on one metric.
    "AWS::CloudWatch::Alarm": "Metrics",
}
"""Native types that stay inert where they have this property: the emulator refuses it."""


def kind_of(resource_type: str, properties: Mapping[str, object] = MappingProxyType({})) -> Kind:
    """What to do with a resource. Our own custom resources are native. Raises UndecidedTypeError."""
    if INERT_WITH.get(resource_type) in properties:
        return Kind.INERT
    if resource_type in NATIVE or resource_type.startswith("Custom::"):
        return Kind.NATIVE
    if resource_type in PROVIDED:
        return Kind.PROVIDED
    if resource_type in INERT:
        return Kind.INERT
    raise UndecidedTypeError(
        f"{resource_type} is in none of the lab's lists: decide in lab/substitutions.py whether the "
        f"emulator makes it, the lab provides it, or it stays inert."
    )
