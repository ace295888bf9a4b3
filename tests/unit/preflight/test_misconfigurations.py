"""Misconfigurations of an account: each is found by its probe, and comes with the command that mends it.

Each changes one answer of the good account; answers keep the shapes of botocore's service models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.preflight.assembly import Assembly
from lifeline.preflight.probe import Certificate, Place, Result, Verdict
from lifeline.preflight.probes import PROBES
from tests.support.fake_account import Refuse, Reply
from tests.unit.preflight.good_account import (
    ACCOUNT,
    HOME,
    NOW,
    RECOVERY,
    WITNESS,
    refused,
    role,
    said,
    zones,
)

Preflight = Callable[..., list[Result]]


@dataclass(frozen=True)
class Misconfiguration:
    """What AWS answers instead, and what must be found: where, in which words, with which command."""

    name: str
    probe: str
    operation: tuple[str, str]
    reply: Reply
    where: str
    sentence: str
    mend: str


def in_region(region: str, body: Mapping[str, Any] | Refuse, otherwise: Mapping[str, Any]) -> Reply:
    """`body` there, `otherwise` elsewhere."""
    return lambda asked, _parameters: body if asked == region else otherwise


def quota(code: str, value: float) -> Reply:
    """One quota's applied value, the others far away."""
    return lambda _region, parameters: {
        "Quota": {
            "QuotaCode": parameters["QuotaCode"],
            "Value": value if parameters["QuotaCode"] == code else 9999.0,
        }
    }


def settings(**changed: Any) -> Mapping[str, Any]:
    """API Gateway's account."""
    return {
        "cloudwatchRoleArn": f"arn:aws:iam::{ACCOUNT}:role/logs",
        "throttleSettings": {"rateLimit": 10000.0, "burstLimit": 5000},
        **changed,
    }


def cluster(brokers: int) -> Mapping[str, Any]:
    """An MSK cluster as kafka:ListClustersV2 lists it."""
    return {
        "ClusterInfoList": [
            {
                "ClusterName": "somebody-elses",
                "ClusterType": "PROVISIONED",
                "Provisioned": {
                    "NumberOfBrokerNodes": brokers,
                    "BrokerNodeGroupInfo": {
                        "ClientSubnets": ["subnet-1"],
                        "InstanceType": "kafka.m5.large",
                    },
                },
            }
        ]
    }


def stack_is(status: str) -> Reply:
    """The environment's first stack in that status."""
    return lambda region, parameters: (
        {
            "Stacks": [
                {
                    "StackName": parameters["StackName"],
                    "CreationTime": datetime(2026, 11, 1, tzinfo=UTC),
                    "StackStatus": status,
                }
            ]
        }
        if parameters["StackName"] == "foundation-cac1-test"
        else Refuse("ValidationError", "does not exist")
    )


def secret(region: str, **facts: Any) -> Reply:
    """A secret of ours in one region."""
    entry = {"Name": "database-admin-test", **facts}
    return in_region(region, {"SecretList": [entry]}, {"SecretList": []})


def certificates(**facts: Any) -> Mapping[str, Any]:
    """The region's default certificate authority."""
    return {
        "DefaultCertificateForNewLaunches": "rds-ca-rsa2048-g1",
        "Certificates": [
            {
                "CertificateIdentifier": "rds-ca-rsa2048-g1",
                "Thumbprint": "ab" * 20,
                "ValidTill": datetime(2061, 5, 25, tzinfo=UTC),
                **facts,
            }
        ],
    }


def zone(name: str, state: str = "available") -> Mapping[str, Any]:
    """A zone as ec2:DescribeAvailabilityZones lists it."""
    return {"ZoneName": name, "State": state}


def all_zones_but(region: str, missing: int, key: str) -> Reply:
    """Interface endpoints, or instances, in all zones of `region` but its last `missing`."""

    def reply(asked: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        there = zones(asked)[: -missing if asked == region else None]
        if key == "endpoints":
            names = parameters["Filters"][0]["Values"]
            return {
                "ServiceDetails": [
                    {"ServiceName": name, "AvailabilityZones": there} for name in names
                ]
            }
        if key == "instances":
            option = {"AvailabilityZones": [{"Name": name} for name in there]}
            return {"OrderableDBInstanceOptions": [option]}
        machines = parameters["Filters"][0]["Values"]
        return {
            "InstanceTypeOfferings": [
                {"InstanceType": machine, "Location": name}
                for machine in machines
                for name in there
            ]
        }

    return reply


BUCKET = f"audit-cac1-{ACCOUNT}-test"

KEEPER = "KeeperFunction7330A899"
OBSERVATIONS_TOPIC = "LogClinicalObservationRecordedTopicBB161D34"
CLUSTER = "LogCluster68CA22AB"


def deployed(
    logical_id: str,
    kind: str,
    properties: Mapping[str, Any],
    stack: str = "streaming-caw1-test",
) -> Reply:
    """The stack stands, recovery's streaming one as a rule, with this resource in its template."""
    body = {"Resources": {logical_id: {"Type": kind, "Properties": properties}}}
    return lambda _region, parameters: (
        {"TemplateBody": json.dumps(body), "StagesAvailable": ["Original"]}
        if parameters["StackName"] == stack
        else Refuse("ValidationError", "does not exist")
    )


def keeper(**variables: str) -> Reply:
    """Home's keeper as it was deployed; what is not said is as the templates want it."""
    told = {"PEER_REGION": RECOVERY, "WITNESS_REGION": WITNESS, **variables}
    properties = {"Environment": {"Variables": told}}
    return deployed(KEEPER, "AWS::Lambda::Function", properties, "failover-cac1-test")


def shards(count: int) -> Mapping[str, Any]:
    """The edge buffer as kinesis:DescribeStreamSummary tells it."""
    return {
        "StreamDescriptionSummary": {
            "StreamName": "edge-events-test",
            "StreamARN": f"arn:aws:kinesis:{RECOVERY}:{ACCOUNT}:stream/edge-events-test",
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 72,
            "StreamCreationTimestamp": datetime(2026, 11, 1, tzinfo=UTC),
            "EnhancedMonitoring": [],
            "OpenShardCount": count,
        }
    }


MISCONFIGURATIONS = (
    Misconfiguration(
        "a load that triples the shards that stand",
        "shards-change",
        ("kinesis", "describe_stream_summary"),
        lambda region, _parameters: (
            shards(4) if region == RECOVERY else Refuse("ResourceNotFoundException")
        ),
        RECOVERY,
        "has 4 shards and the templates want 12: one change at most doubles or halves them",
        f"aws kinesis update-shard-count --region {RECOVERY} --stream-name edge-events-test "
        "--target-shard-count 8 ",
    ),
    Misconfiguration(
        "a load that moves partitions",
        "partitions-change",
        ("cloudformation", "get_template"),
        deployed(OBSERVATIONS_TOPIC, "AWS::MSK::Topic", {"PartitionCount": 4}),
        RECOVERY,
        "has 4 partitions and the templates want 12: the number is fixed (B9)",
        "-c observationPartitions=4",
    ),
    Misconfiguration(
        "a standby for an environment without one",
        "lease-moves-by-deploy",
        ("cloudformation", "get_template"),
        keeper(PEER_REGION="none"),
        HOME,
        "was deployed with PEER_REGION none and the templates say ca-west-1",
        "deploy with the strategy and the witnessRegion that stand",
    ),
    Misconfiguration(
        "a witness for an environment without one",
        "lease-moves-by-deploy",
        ("cloudformation", "get_template"),
        keeper(WITNESS_REGION=HOME),
        HOME,
        "was deployed with WITNESS_REGION ca-central-1 and the templates say us-east-2",
        "make a new environment under another suffix",
    ),
    Misconfiguration(
        "a load that shrinks a volume",
        "broker-volume-change",
        ("cloudformation", "get_template"),
        deployed(
            CLUSTER,
            "AWS::MSK::Cluster",
            {
                "BrokerNodeGroupInfo": {
                    "StorageInfo": {"EBSStorageInfo": {"VolumeSize": 2_000}},
                }
            },
        ),
        RECOVERY,
        "have volumes of 2000 GiB and the templates want 1610: a volume never shrinks",
        "raise it to need 2000 GiB or more",
    ),
    Misconfiguration(
        "the root user",
        "credentials",
        ("sts", "get_caller_identity"),
        said({"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}),
        HOME,
        "root user",
        "aws sso login",
    ),
    Misconfiguration(
        "Calgary is not opted in",
        "region-enabled",
        ("account", "get_region_opt_status"),
        lambda _region, parameters: {
            "RegionOptStatus": "DISABLED" if parameters["RegionName"] == RECOVERY else "ENABLED"
        },
        RECOVERY,
        "ca-west-1 is DISABLED",
        "aws account enable-region --region-name ca-west-1",
    ),
    Misconfiguration(
        "Calgary is being opted in",
        "region-enabled",
        ("account", "get_region_opt_status"),
        lambda _region, parameters: {
            "RegionOptStatus": "ENABLING" if parameters["RegionName"] == RECOVERY else "ENABLED"
        },
        RECOVERY,
        "ca-west-1 is ENABLING",
        "aws account get-region-opt-status --region-name ca-west-1     # until ENABLED",
    ),
    Misconfiguration(
        "the witness region is not bootstrapped",
        "bootstrap",
        ("ssm", "get_parameter"),
        in_region(
            WITNESS,
            Refuse("ParameterNotFound"),
            {"Parameter": {"Value": "30"}},
        ),
        WITNESS,
        "us-east-2 is not bootstrapped",
        f"cdk bootstrap aws://{ACCOUNT}/us-east-2",
    ),
    Misconfiguration(
        "an old bootstrap",
        "bootstrap",
        ("ssm", "get_parameter"),
        in_region(HOME, {"Parameter": {"Value": "5"}}, {"Parameter": {"Value": "6"}}),
        HOME,
        "version 5; the stacks need 6",
        f"cdk bootstrap aws://{ACCOUNT}/ca-central-1",
    ),
    Misconfiguration(
        "the bootstrap's bucket was deleted",
        "bootstrap-bucket",
        ("s3", "head_bucket"),
        in_region(RECOVERY, Refuse("404", "Not Found", 404), {"BucketRegion": HOME}),
        RECOVERY,
        f"cdk-hnb659fds-assets-{ACCOUNT}-ca-west-1 is gone",
        "aws cloudformation delete-stack --region ca-west-1 --stack-name CDKToolkit",
    ),
    Misconfiguration(
        "a stack that could not be deleted",
        "stacks",
        ("cloudformation", "describe_stacks"),
        stack_is("DELETE_FAILED"),
        HOME,
        "foundation-cac1-test is DELETE_FAILED",
        "aws cloudformation delete-stack --region ca-central-1 --stack-name foundation-cac1-test",
    ),
    Misconfiguration(
        "a stack whose rollback failed",
        "stacks",
        ("cloudformation", "describe_stacks"),
        stack_is("UPDATE_ROLLBACK_FAILED"),
        HOME,
        "UPDATE_ROLLBACK_FAILED",
        "aws cloudformation continue-update-rollback --region ca-central-1",
    ),
    Misconfiguration(
        "somebody deploys now",
        "stacks",
        ("cloudformation", "describe_stacks"),
        stack_is("UPDATE_IN_PROGRESS"),
        HOME,
        "somebody deploys it",
        "aws cloudformation describe-stack-events",
    ),
    Misconfiguration(
        "ECS was never used here",
        "service-linked-roles",
        ("iam", "list_roles"),
        said(
            {
                "Roles": [
                    role(f"AWSServiceRoleFor{name}")
                    for name in ("RDS", "ElastiCache", "ElasticLoadBalancing", "Kafka")
                ]
            }
        ),
        HOME,
        "AWSServiceRoleForECS",
        "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
    ),
    Misconfiguration(
        "API Gateway has no log role (N2)",
        "api-log-role",
        ("apigateway", "get_account"),
        in_region(RECOVERY, {"throttleSettings": {}}, settings()),
        RECOVERY,
        "CloudWatch Logs role ARN must be set in account settings",
        "make account ACCOUNT_REGIONS=ca-west-1",
    ),
    Misconfiguration(
        "API Gateway's log role went with an environment (N2)",
        "api-log-role",
        ("iam", "get_role"),
        refused("NoSuchEntity", status=404),
        HOME,
        "does not exist any more",
        "make account ACCOUNT_REGIONS=ca-central-1",
    ),
    Misconfiguration(
        "AWS Backup passes Aurora over",
        "backup-opt-in",
        ("backup", "describe_region_settings"),
        said({"ResourceTypeOptInPreference": {"EFS": True}}),
        RECOVERY,
        "AWS Backup passes Aurora over",
        "aws backup update-region-settings --region ca-west-1 "
        "--resource-type-opt-in-preference Aurora=true",
    ),
    Misconfiguration(
        "the registry replicates for somebody else",
        "registry-replication",
        ("ecr", "describe_registry"),
        said(
            {
                "replicationConfiguration": {
                    "rules": [{"destinations": [{"region": HOME, "registryId": ACCOUNT}]}]
                }
            }
        ),
        HOME,
        "this deployment would overwrite it",
        "aws ecr put-replication-configuration --region ca-central-1",
    ),
    Misconfiguration(
        "a new account's concurrency (N7)",
        "lambda-concurrency",
        ("lambda", "get_account_settings"),
        said({"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}),
        RECOVERY,
        "runs 10 functions at once, of which 0 can still be reserved",
        "aws service-quotas request-service-quota-increase --region ca-west-1 --service-code lambda "
        "--quota-code L-B99A9384 --desired-value 1000",
    ),
    Misconfiguration(
        "addresses are used up (N7)",
        "quota-elastic-ips",
        ("ec2", "describe_addresses"),
        said({"Addresses": [{"PublicIp": f"203.0.113.{n}"} for n in range(3)]}),
        HOME,
        "may have 5, has 3, and 3 more are wanted",
        "--service-code ec2 --quota-code L-0263D0A3 --desired-value 6",
    ),
    Misconfiguration(
        "five networks already (N7)",
        "quota-vpcs",
        ("ec2", "describe_vpcs"),
        said({"Vpcs": [{"VpcId": f"vpc-{n}"} for n in range(5)]}),
        HOME,
        "may have 5, has 5, and 1 more are wanted",
        "--service-code vpc --quota-code L-F678F1CE --desired-value 6",
    ),
    Misconfiguration(
        "five internet gateways already",
        "quota-internet-gateways",
        ("ec2", "describe_internet_gateways"),
        said({"InternetGateways": [{"InternetGatewayId": f"igw-{n}"} for n in range(5)]}),
        HOME,
        "may have 5, has 5, and 1 more are wanted",
        "--quota-code L-A4707A72 --desired-value 6",
    ),
    Misconfiguration(
        "gateway endpoints are used up",
        "quota-gateway-endpoints",
        ("ec2", "describe_vpc_endpoints"),
        said({"VpcEndpoints": [{"VpcEndpointId": f"vpce-{n}"} for n in range(19)]}),
        HOME,
        "may have 20, has 19, and 2 more are wanted",
        "--quota-code L-1B52E74A --desired-value 21",
    ),
    Misconfiguration(
        "few interface endpoints a network",
        "quota-interface-endpoints",
        ("service-quotas", "get_service_quota"),
        quota("L-29B6F2EB", 10),
        HOME,
        "may have 10, has 0, and 14 more are wanted",
        "--quota-code L-29B6F2EB --desired-value 14",
    ),
    Misconfiguration(
        "NAT gateways fill a zone (N7)",
        "quota-nat-gateways",
        ("ec2", "describe_nat_gateways"),
        said(
            {
                "NatGateways": [
                    {"SubnetId": f"subnet-{HOME}b", "State": "available"} for _ in range(5)
                ]
            }
        ),
        HOME,
        "ca-central-1b has 5 NAT gateways of 5",
        "--service-code vpc --quota-code L-FE5A380F --desired-value 6",
    ),
    Misconfiguration(
        "brokers are used up (N7)",
        "quota-brokers",
        ("kafka", "list_clusters_v2"),
        said(cluster(88)),
        RECOVERY,
        "may have 90, has 88, and 3 more are wanted",
        "--service-code kafka --quota-code L-EDD31C36 --desired-value 91",
    ),
    Misconfiguration(
        "databases are used up",
        "quota-database-clusters",
        ("rds", "describe_db_clusters"),
        said({"DBClusters": [{"DBClusterIdentifier": f"db-{n}"} for n in range(40)]}),
        HOME,
        "may have 40, has 40, and 1 more are wanted",
        "--service-code rds --quota-code L-952B80B8 --desired-value 41",
    ),
    Misconfiguration(
        "a new account's vCPUs on Fargate",
        "quota-fargate",
        ("service-quotas", "get_service_quota"),
        quota("L-3032A538", 2),
        RECOVERY,
        "may have 2",
        "--service-code fargate --quota-code L-3032A538",
    ),
    Misconfiguration(
        "shards are used up (N7)",
        "quota-shards",
        ("kinesis", "describe_limits"),
        said(
            {
                "ShardLimit": 6,
                "OpenShardCount": 3,
                "OnDemandStreamCount": 0,
                "OnDemandStreamCountLimit": 50,
            }
        ),
        HOME,
        "may have 6 shards, has 3, and 12 more are wanted",
        "raise 'Shards per Region' to 15",
    ),
    Misconfiguration(
        "the account throttles below the stage",
        "quota-api-requests",
        ("apigateway", "get_account"),
        said(settings(throttleSettings={"rateLimit": 1.0, "burstLimit": 5000})),
        HOME,
        "the account in ca-central-1 only 1",
        "--service-code apigateway --quota-code L-8A5B8E43",
    ),
    Misconfiguration(
        "the account's burst is below the stage's",
        "quota-api-requests",
        ("apigateway", "get_account"),
        said(settings(throttleSettings={"rateLimit": 10000.0, "burstLimit": 1})),
        HOME,
        "ThrottlingBurstLimit",
        "lower ThrottlingBurstLimit of the stage to 1",
    ),
    Misconfiguration(
        "five trails already",
        "quota-trails",
        ("cloudtrail", "describe_trails"),
        said({"trailList": [{"Name": f"trail{n}"} for n in range(5)]}),
        HOME,
        "has 5 trails",
        "aws cloudtrail delete-trail --region ca-central-1",
    ),
    Misconfiguration(
        "log delivery's policies are used up",
        "quota-log-policies",
        ("logs", "describe_resource_policies"),
        said({"resourcePolicies": [{"policyName": f"p{n}"} for n in range(10)]}),
        HOME,
        "10 resource policies",
        "aws logs delete-resource-policy --region ca-central-1",
    ),
    Misconfiguration(
        "roles are used up",
        "quota-iam",
        ("iam", "get_account_summary"),
        said(
            {
                "SummaryMap": {
                    "Roles": 990,
                    "RolesQuota": 1000,
                    "Policies": 0,
                    "PoliciesQuota": 1500,
                }
            }
        ),
        HOME,
        "may have 1000 roles, has 990",
        "--service-code iam --quota-code L-FE177D64",
    ),
    Misconfiguration(
        "a zone without a default subnet",
        "zones",
        ("ec2", "describe_subnets"),
        lambda region, _parameters: {
            "Subnets": [
                {"SubnetId": f"s{name}", "AvailabilityZone": name} for name in zones(region)[:2]
            ]
        },
        HOME,
        "CloudFormation sees 2 zones in ca-central-1",
        "aws ec2 create-default-subnet --region ca-central-1 --availability-zone ca-central-1d",
    ),
    Misconfiguration(
        "a zone is impaired",
        "zones",
        ("ec2", "describe_availability_zones"),
        lambda region, _parameters: {
            "AvailabilityZones": [
                zone(name, "unavailable" if name == f"{RECOVERY}c" else "available")
                for name in zones(region)
            ]
        },
        RECOVERY,
        "2 zones that are available",
        "aws ec2 describe-availability-zones --region ca-west-1",
    ),
    Misconfiguration(
        "an endpoint that a zone lacks",
        "endpoint-zones",
        ("ec2", "describe_vpc_endpoint_services"),
        all_zones_but(RECOVERY, 1, "endpoints"),
        RECOVERY,
        "does not stand in ca-west-1c",
        "aws ec2 describe-vpc-endpoint-services --region ca-west-1",
    ),
    Misconfiguration(
        "an endpoint that a region lacks",
        "endpoint-zones",
        ("ec2", "describe_vpc_endpoint_services"),
        said({"ServiceDetails": []}),
        RECOVERY,
        "offers no interface endpoint com.amazonaws.ca-west-1.ecr.api",
        "--service-names com.amazonaws.ca-west-1.ecr.api",
    ),
    Misconfiguration(
        "the database's version is retired in one region",
        "database-version",
        ("rds", "describe_db_engine_versions"),
        in_region(
            RECOVERY,
            {"DBEngineVersions": []},
            {"DBEngineVersions": [{"SupportsGlobalDatabases": True}]},
        ),
        RECOVERY,
        "ca-west-1 does not offer it",
        "aws rds describe-db-engine-versions --region ca-west-1 --engine aurora-postgresql",
    ),
    Misconfiguration(
        "the version has no global databases",
        "database-version",
        ("rds", "describe_db_engine_versions"),
        said({"DBEngineVersions": [{"SupportsGlobalDatabases": False}]}),
        HOME,
        "offers it without global databases",
        "aws rds describe-db-engine-versions",
    ),
    Misconfiguration(
        "the class is sold in one zone only",
        "database-class",
        ("rds", "describe_orderable_db_instance_options"),
        all_zones_but(RECOVERY, 2, "instances"),
        RECOVERY,
        "can be ordered in 1 of the zones",
        "aws rds describe-orderable-db-instance-options --region ca-west-1",
    ),
    Misconfiguration(
        "Kafka's version is deprecated",
        "kafka-version",
        ("kafka", "list_kafka_versions"),
        in_region(
            RECOVERY,
            {
                "KafkaVersions": [
                    {"Version": "3.9.x", "Status": "DEPRECATED"},
                    {"Version": "4.1.x", "Status": "ACTIVE"},
                ]
            },
            {"KafkaVersions": [{"Version": "3.9.x", "Status": "ACTIVE"}]},
        ),
        RECOVERY,
        "Kafka 3.9.x is not ACTIVE in ca-west-1; it has 4.1.x",
        "aws kafka list-kafka-versions --region ca-west-1",
    ),
    Misconfiguration(
        "the brokers' machine is missing in a zone",
        "broker-class",
        ("ec2", "describe_instance_type_offerings"),
        all_zones_but(RECOVERY, 1, "machines"),
        RECOVERY,
        "EC2 has no m5.large in ca-west-1c",
        "aws ec2 describe-instance-type-offerings --region ca-west-1",
    ),
    Misconfiguration(
        "the cache's version is not offered",
        "cache-version",
        ("elasticache", "describe_cache_engine_versions"),
        said({"CacheEngineVersions": []}),
        HOME,
        "valkey 8.2 is not offered",
        "aws elasticache describe-cache-engine-versions --region ca-central-1 --engine valkey",
    ),
    Misconfiguration(
        "the cache's node type is not sold",
        "cache-class",
        ("elasticache", "describe_reserved_cache_nodes_offerings"),
        said({"ReservedCacheNodesOfferings": []}),
        HOME,
        "cache.r7g.large is not sold",
        "aws elasticache describe-reserved-cache-nodes-offerings --region ca-central-1",
    ),
    Misconfiguration(
        "a log group was left",
        "names-log-groups",
        ("logs", "describe_log_groups"),
        said({"logGroups": [{"logGroupName": "/aws/lambda/keeper-test"}]}),
        RECOVERY,
        "the log group /aws/lambda/keeper-test exists in ca-west-1",
        "aws logs delete-log-group --region ca-west-1 --log-group-name /aws/lambda/keeper-test",
    ),
    Misconfiguration(
        "a key's alias was left",
        "names-key-aliases",
        ("kms", "list_aliases"),
        said({"Aliases": [{"AliasName": "alias/data-key-test"}]}),
        HOME,
        "the key alias alias/data-key-test exists",
        "aws kms delete-alias --region ca-central-1 --alias-name alias/data-key-test",
    ),
    Misconfiguration(
        "a role was left",
        "names-roles",
        ("iam", "list_roles"),
        said({"Roles": [role("keeper-caw1-test")]}),
        HOME,
        "the role keeper-caw1-test exists",
        "aws iam delete-role --role-name keeper-caw1-test",
    ),
    Misconfiguration(
        "the lease's table was left",
        "names-tables",
        ("dynamodb", "list_tables"),
        said({"TableNames": ["lease-test"]}),
        WITNESS,
        "the table lease-test exists in us-east-2",
        "aws dynamodb delete-table --region us-east-2 --table-name lease-test",
    ),
    Misconfiguration(
        "a stream was left",
        "names-streams",
        ("kinesis", "list_streams"),
        said({"StreamNames": ["edge-events-test"], "HasMoreStreams": False}),
        HOME,
        "the stream edge-events-test exists",
        "aws kinesis delete-stream --region ca-central-1 --stream-name edge-events-test",
    ),
    Misconfiguration(
        "a function was left",
        "names-functions",
        ("lambda", "list_functions"),
        said({"Functions": [{"FunctionName": "probe-test"}]}),
        WITNESS,
        "the function probe-test exists in us-east-2",
        "aws lambda delete-function --region us-east-2 --function-name probe-test",
    ),
    Misconfiguration(
        "a repository was left",
        "names-repositories",
        ("ecr", "describe_repositories"),
        said({"repositories": [{"repositoryName": "processor-test"}]}),
        HOME,
        "the repository processor-test exists",
        "aws ecr delete-repository --region ca-central-1 --repository-name processor-test --force",
    ),
    Misconfiguration(
        "a database was left",
        "names-database-clusters",
        ("rds", "describe_db_clusters"),
        said({"DBClusters": [{"DBClusterIdentifier": "database-caw1-test"}]}),
        RECOVERY,
        "the database cluster database-caw1-test exists",
        "aws rds delete-db-cluster --region ca-west-1 --db-cluster-identifier database-caw1-test",
    ),
    Misconfiguration(
        "a global database was left",
        "names-global-database",
        ("rds", "describe_global_clusters"),
        said({"GlobalClusters": [{"GlobalClusterIdentifier": "global-test"}]}),
        HOME,
        "the global database global-test exists",
        "aws rds delete-global-cluster --region ca-central-1 --global-cluster-identifier global-test",
    ),
    Misconfiguration(
        "a cache was left",
        "names-caches",
        ("elasticache", "describe_replication_groups"),
        said({"ReplicationGroups": [{"ReplicationGroupId": "cache-test"}]}),
        RECOVERY,
        "the replication group cache-test exists",
        "aws elasticache delete-replication-group --region ca-west-1 --replication-group-id cache-test",
    ),
    Misconfiguration(
        "a log was left",
        "names-logs",
        ("kafka", "list_clusters_v2"),
        said({"ClusterInfoList": [{"ClusterName": "log-test"}]}),
        RECOVERY,
        "the MSK cluster log-test exists",
        "aws kafka delete-cluster --region ca-west-1",
    ),
    Misconfiguration(
        "a backup vault was left",
        "names-vaults",
        ("backup", "list_backup_vaults"),
        said({"BackupVaultList": [{"BackupVaultName": "backup-test"}]}),
        HOME,
        "the backup vault backup-test exists",
        "aws backup delete-backup-vault --region ca-central-1 --backup-vault-name backup-test",
    ),
    Misconfiguration(
        "a schema registry was left",
        "names-registries",
        ("glue", "list_registries"),
        said({"Registries": [{"RegistryName": "events-test"}]}),
        HOME,
        "the schema registry events-test exists",
        "aws glue delete-registry --region ca-central-1 --registry-id RegistryName=events-test",
    ),
    Misconfiguration(
        "a bucket of another account",
        "names-buckets",
        ("s3", "head_bucket"),
        lambda _region, parameters: Refuse(
            "403" if parameters["Bucket"] == BUCKET else "404", "Forbidden", 403
        ),
        HOME,
        f"the bucket {BUCKET} is another account's",
        "choose another suffix",
    ),
    Misconfiguration(
        "a secret waits for its deletion",
        "names-secrets",
        ("secretsmanager", "list_secrets"),
        secret(HOME, DeletedDate=datetime(2026, 11, 20, tzinfo=UTC)),
        HOME,
        "scheduled for deletion",
        "aws secretsmanager restore-secret --region ca-central-1 --secret-id database-admin-test",
    ),
    Misconfiguration(
        "a replica of a secret was left",
        "names-secrets",
        ("secretsmanager", "list_secrets"),
        secret(RECOVERY, PrimaryRegion=HOME),
        HOME,
        "a replica of the secret database-admin-test stands in ca-west-1",
        "aws secretsmanager stop-replication-to-replica --region ca-west-1",
    ),
    Misconfiguration(
        "a secret was left",
        "names-secrets",
        ("secretsmanager", "list_secrets"),
        secret(RECOVERY),
        HOME,
        "the secret database-admin-test exists in ca-west-1",
        "aws secretsmanager delete-secret --region ca-west-1 --secret-id database-admin-test "
        "--force-delete-without-recovery",
    ),
    Misconfiguration(
        "an environment left its network",
        "leftovers",
        ("resourcegroupstaggingapi", "get_resources"),
        in_region(
            RECOVERY,
            {
                "ResourceTagMappingList": [
                    {"ResourceARN": f"arn:aws:ec2:ca-west-1:{ACCOUNT}:natgateway/nat-1"},
                    {"ResourceARN": f"arn:aws:kms:ca-west-1:{ACCOUNT}:key/1"},
                ]
            },
            {"ResourceTagMappingList": []},
        ),
        RECOVERY,
        "1 resources with its tags",
        "aws resourcegroupstaggingapi get-resources --region ca-west-1",
    ),
    Misconfiguration(
        "an image was not pushed",
        "images",
        ("ecr", "describe_images"),
        in_region(RECOVERY, Refuse("ImageNotFoundException"), {"imageDetails": []}),
        RECOVERY,
        "ca-west-1 has no image",
        "make images SUFFIX=test PROFILE=prod",
    ),
    Misconfiguration(
        "there is no repository yet",
        "images",
        ("ecr", "describe_images"),
        refused("RepositoryNotFoundException"),
        HOME,
        "ca-central-1 has no image",
        "make images SUFFIX=test PROFILE=prod",
    ),
    Misconfiguration(
        "the bundle lacks the region's authority",
        "certificates",
        ("rds", "describe_certificates"),
        in_region(RECOVERY, certificates(Thumbprint="CD" * 20), certificates()),
        RECOVERY,
        "the bundle lacks rds-ca-rsa2048-g1 of ca-west-1",
        "curl -fsO https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
    ),
    Misconfiguration(
        "the authority ends",
        "certificates",
        ("rds", "describe_certificates"),
        said(certificates(ValidTill=datetime(2027, 1, 1, tzinfo=UTC))),
        HOME,
        "ends in 40 days",
        "aws rds modify-certificates --region ca-central-1",
    ),
)


@pytest.mark.parametrize("one", MISCONFIGURATIONS, ids=lambda one: f"{one.probe}: {one.name}")
def test_a_misconfiguration_is_found_with_what_mends_it(
    one: Misconfiguration, preflight: Preflight
) -> None:
    results = preflight({one.operation: one.reply}, ids=(one.probe,))
    (there,) = [result for result in results if result.region == one.where]
    assert there.verdict is Verdict.WRONG, there
    found = [finding for finding in there.findings if one.sentence in finding.sentence]
    assert found, there.findings
    assert any(one.mend in finding.mend for finding in found), found


def test_every_probe_has_a_misconfiguration_that_it_finds() -> None:
    assert {probe.id for probe in PROBES} == {one.probe for one in MISCONFIGURATIONS}


def test_an_own_bucket_that_was_left_is_found(preflight: Preflight) -> None:
    changes = {
        ("s3", "head_bucket"): lambda _region, parameters: (
            {} if parameters["Bucket"] == BUCKET else Refuse("404", "Not Found", 404)
        ),
        ("s3", "list_buckets"): said({"Buckets": [{"Name": BUCKET}]}),
    }
    (home,) = [one for one in preflight(changes, ids=("names-buckets",)) if one.region == HOME]
    assert [finding.mend for finding in home.findings] == [
        f"aws s3 rb s3://{BUCKET} --force     # if nobody needs what it holds"
    ]


def test_a_default_quota_counts_where_none_was_ever_raised(preflight: Preflight) -> None:
    """GetServiceQuota answers NoSuchResourceException where no applied value is kept: not UNKNOWN."""
    changes = {
        ("service-quotas", "get_service_quota"): refused("NoSuchResourceException"),
        ("service-quotas", "get_aws_default_service_quota"): quota("L-3032A538", 6),
    }
    results = preflight(changes, ids=("quota-fargate",))
    assert {one.verdict for one in results} == {Verdict.WRONG}


def test_a_bundle_with_an_ended_certificate_is_found(
    preflight: Preflight, everywhere: Place
) -> None:
    bundle = (*(everywhere.bundle or ()), Certificate("Amazon RDS Root 2015", "00", NOW - 1))
    results = preflight(ids=("certificates",), place=replace(everywhere, bundle=bundle))
    assert {one.verdict for one in results} == {Verdict.WRONG}
    assert "such as Amazon RDS Root 2015" in results[0].findings[0].sentence


def test_a_third_zone_that_is_not_used_is_not_asked_for(
    preflight: Preflight, prod: Assembly
) -> None:
    """Two instances need two zones, whatever the third offers."""
    changes = {
        ("rds", "describe_orderable_db_instance_options"): all_zones_but(RECOVERY, 1, "instances")
    }
    assert {one.verdict for one in preflight(changes, ids=("database-class",))} == {Verdict.OK}
