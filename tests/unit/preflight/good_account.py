"""An account in which `prod` can be deployed, as its services would answer.

Each answer has the shape of botocore's service model (checked by `FakeAccount`) and the values of the
documented example or default that stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.support.fake_account import Refuse, Reply

ACCOUNT = "111122223333"
NOW = datetime(2026, 11, 22, tzinfo=UTC).timestamp()

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"

QUOTAS = {
    # Amazon VPC User Guide, "Amazon VPC quotas": the defaults.
    "L-0263D0A3": 5.0,
    "L-F678F1CE": 5.0,
    "L-A4707A72": 5.0,
    "L-FE5A380F": 5.0,
    "L-1B52E74A": 20.0,
    "L-29B6F2EB": 50.0,
    # Amazon MSK Developer Guide, "Amazon MSK quota".
    "L-EDD31C36": 90.0,
    # Amazon Aurora User Guide, "Quotas in Amazon Aurora".
    "L-952B80B8": 40.0,
}
DEFAULTS = {
    # Amazon ECS Developer Guide, "AWS Fargate service quotas"; a new account has 6.
    "L-3032A538": 4000.0,
}


def zones(region: str) -> list[str]:
    """The names that the region's zones have in an account."""
    letters = {HOME: "abd", RECOVERY: "abc", WITNESS: "abc"}[region]
    return [f"{region}{letter}" for letter in letters]


def said(body: Mapping[str, Any]) -> Reply:
    """The same answer always."""
    return lambda _region, _parameters: body


def refused(code: str, message: str = "", status: int = 400) -> Reply:
    """The same refusal always."""
    return lambda _region, _parameters: Refuse(code, message, status)


def _no_stack(_region: str, parameters: Mapping[str, Any]) -> Refuse:
    # AWS CloudFormation API Reference, DescribeStacks: "If the stack does not exist, a ValidationError".
    return Refuse("ValidationError", f"Stack with id {parameters['StackName']} does not exist")


def _quota(_region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any] | Refuse:
    # Service Quotas API Reference, GetServiceQuota: NoSuchResourceException where no applied value is kept.
    code = parameters["QuotaCode"]
    if code not in QUOTAS:
        return Refuse("NoSuchResourceException", "The request failed because the specified quota…")
    return {"Quota": {"QuotaCode": code, "Value": QUOTAS[code]}}


def _default_quota(_region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    code = parameters["QuotaCode"]
    return {"Quota": {"QuotaCode": code, "Value": DEFAULTS[code]}}


def _zones(region: str, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    # Amazon EC2 API Reference, DescribeAvailabilityZones, Example 1.
    return {
        "AvailabilityZones": [
            {"ZoneName": name, "State": "available", "RegionName": region} for name in zones(region)
        ]
    }


def _subnets(region: str, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    # Amazon EC2 API Reference, DescribeSubnets: one default subnet a zone, as in a new account.
    return {
        "Subnets": [
            {"SubnetId": f"subnet-{name}", "AvailabilityZone": name, "DefaultForAz": True}
            for name in zones(region)
        ]
    }


def _endpoint_services(region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    # Amazon EC2 API Reference, DescribeVpcEndpointServices, the response's ServiceDetails.
    (names,) = (one["Values"] for one in parameters["Filters"] if one["Name"] == "service-name")
    return {
        "ServiceDetails": [
            {"ServiceName": name, "AvailabilityZones": zones(region)} for name in names
        ]
    }


def _engine(_region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    # Amazon RDS API Reference, DescribeDBEngineVersions.
    found = {"Engine": parameters["Engine"], "EngineVersion": parameters["EngineVersion"]}
    return {"DBEngineVersions": [{**found, "SupportsGlobalDatabases": True}]}


def _orderable(region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    # Amazon RDS API Reference, DescribeOrderableDBInstanceOptions, example.
    return {
        "OrderableDBInstanceOptions": [
            {
                "Engine": parameters["Engine"],
                "EngineVersion": parameters["EngineVersion"],
                "DBInstanceClass": parameters["DBInstanceClass"],
                "AvailabilityZones": [{"Name": name} for name in zones(region)],
            }
        ]
    }


def _machines(region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    # Amazon EC2 API Reference, DescribeInstanceTypeOfferings, LocationType=availability-zone.
    return {
        "InstanceTypeOfferings": [
            {
                "InstanceType": machine,
                "LocationType": "availability-zone",
                "Location": zone,
            }
            for machine in parameters["Filters"][0]["Values"]
            for zone in zones(region)
        ]
    }


def _node_types(_region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    # Amazon ElastiCache API Reference, DescribeReservedCacheNodesOfferings, example.
    return {
        "ReservedCacheNodesOfferings": [
            {"CacheNodeType": parameters["CacheNodeType"], "OfferingType": "No Upfront"}
        ]
    }


LINKED = (
    "AWSServiceRoleForECS",
    "AWSServiceRoleForElastiCache",
    "AWSServiceRoleForElasticLoadBalancing",
    "AWSServiceRoleForKafka",
    "AWSServiceRoleForRDS",
)


def role(name: str, path: str = "/") -> dict[str, Any]:
    """A role as IAM lists it (IAM API Reference, ListRoles)."""
    return {
        "Path": path,
        "RoleName": name,
        "RoleId": "AROAEXAMPLEEXAMPLE123",
        "Arn": f"arn:aws:iam::{ACCOUNT}:role{path}{name}",
        "CreateDate": datetime(2026, 1, 1, tzinfo=UTC),
    }


def _roles(_region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    if parameters.get("PathPrefix") != "/aws-service-role/":
        return {"Roles": [role("somebody-elses")]}
    return {"Roles": [role(name, f"/aws-service-role/{name}/") for name in LINKED]}


GOOD: dict[tuple[str, str], Reply] = {
    # AWS STS API Reference, GetCallerIdentity, example of an assumed role.
    ("sts", "get_caller_identity"): said(
        {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/me"}
    ),
    # AWS Account Management API Reference, GetRegionOptStatus.
    ("account", "get_region_opt_status"): lambda _region, parameters: {
        "RegionName": parameters["RegionName"],
        "RegionOptStatus": "ENABLED"
        if parameters["RegionName"] == RECOVERY
        else "ENABLED_BY_DEFAULT",
    },
    # AWS CDK Developer Guide, bootstrap template: CdkBootstrapVersion.
    ("ssm", "get_parameter"): lambda _region, parameters: {
        "Parameter": {"Name": parameters["Name"], "Value": "30"}
    },
    # Amazon S3 API Reference, HeadBucket: 404 without such a bucket.
    ("s3", "head_bucket"): lambda region, parameters: (
        {"BucketRegion": region}
        if parameters["Bucket"].startswith("cdk-")
        else Refuse("404", "Not Found", 404)
    ),
    ("s3", "list_buckets"): said({"Buckets": [{"Name": "somebody-elses"}]}),
    ("cloudformation", "describe_stacks"): _no_stack,
    ("cloudformation", "list_stack_resources"): _no_stack,
    # AWS CloudFormation API Reference, GetTemplate: ValidationError for a stack that does not exist.
    ("cloudformation", "get_template"): _no_stack,
    ("iam", "list_roles"): _roles,
    ("iam", "get_role"): lambda _region, parameters: {"Role": role(parameters["RoleName"])},
    # IAM API Reference, GetAccountSummary, example.
    ("iam", "get_account_summary"): said(
        {
            "SummaryMap": {
                "Roles": 60,
                "RolesQuota": 1000,
                "Policies": 8,
                "PoliciesQuota": 1500,
            }
        }
    ),
    # Amazon API Gateway REST API Reference, GetAccount, example.
    ("apigateway", "get_account"): said(
        {
            "cloudwatchRoleArn": f"arn:aws:iam::{ACCOUNT}:role/apigateway-logs-cac1",
            "throttleSettings": {"rateLimit": 2500.0, "burstLimit": 1250},
        }
    ),
    # AWS Backup API Reference, DescribeRegionSettings.
    ("backup", "describe_region_settings"): said(
        {"ResourceTypeOptInPreference": {"Aurora": True, "EFS": True, "DynamoDB": False}}
    ),
    ("backup", "list_backup_vaults"): said({"BackupVaultList": [{"BackupVaultName": "Default"}]}),
    # Amazon ECR API Reference, DescribeRegistry, example.
    ("ecr", "describe_registry"): said(
        {"registryId": ACCOUNT, "replicationConfiguration": {"rules": []}}
    ),
    ("ecr", "describe_repositories"): said({"repositories": []}),
    # Amazon ECR API Reference, DescribeImages, example.
    ("ecr", "describe_images"): lambda _region, parameters: {
        "imageDetails": [
            {
                "repositoryName": parameters["repositoryName"],
                "imageTags": [parameters["imageIds"][0]["imageTag"]],
            }
        ]
    },
    # AWS Lambda API Reference, GetAccountSettings, example.
    ("lambda", "get_account_settings"): said(
        {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}}
    ),
    ("lambda", "list_functions"): said({"Functions": []}),
    ("service-quotas", "get_service_quota"): _quota,
    ("service-quotas", "get_aws_default_service_quota"): _default_quota,
    ("ec2", "describe_addresses"): said({"Addresses": [{"PublicIp": "203.0.113.1"}]}),
    ("ec2", "describe_vpcs"): said({"Vpcs": [{"VpcId": "vpc-default", "IsDefault": True}]}),
    ("ec2", "describe_internet_gateways"): said(
        {"InternetGateways": [{"InternetGatewayId": "igw-default"}]}
    ),
    ("ec2", "describe_vpc_endpoints"): said({"VpcEndpoints": []}),
    ("ec2", "describe_nat_gateways"): said({"NatGateways": []}),
    ("ec2", "describe_availability_zones"): _zones,
    ("ec2", "describe_subnets"): _subnets,
    ("ec2", "describe_vpc_endpoint_services"): _endpoint_services,
    ("ec2", "describe_instance_type_offerings"): _machines,
    # Amazon Kinesis Data Streams API Reference, DescribeLimits, example.
    ("kinesis", "describe_limits"): said(
        {
            "ShardLimit": 200,
            "OpenShardCount": 4,
            "OnDemandStreamCount": 0,
            "OnDemandStreamCountLimit": 50,
        }
    ),
    # Amazon Kinesis Data Streams API Reference, DescribeStreamSummary, Errors.
    ("kinesis", "describe_stream_summary"): refused("ResourceNotFoundException"),
    ("kinesis", "list_streams"): said({"StreamNames": [], "HasMoreStreams": False}),
    ("cloudtrail", "describe_trails"): said({"trailList": [{"Name": "management"}]}),
    ("logs", "describe_resource_policies"): said({"resourcePolicies": []}),
    ("logs", "describe_log_groups"): said({"logGroups": []}),
    ("rds", "describe_db_engine_versions"): _engine,
    ("rds", "describe_orderable_db_instance_options"): _orderable,
    ("rds", "describe_db_clusters"): said({"DBClusters": []}),
    ("rds", "describe_global_clusters"): said({"GlobalClusters": []}),
    # Amazon RDS API Reference, DescribeCertificates; dates as for rds-ca-rsa2048-g1.
    ("rds", "describe_certificates"): said(
        {
            "DefaultCertificateForNewLaunches": "rds-ca-rsa2048-g1",
            "Certificates": [
                {
                    "CertificateIdentifier": "rds-ca-rsa2048-g1",
                    "CertificateType": "CA",
                    "Thumbprint": "ab" * 20,
                    "ValidTill": datetime(2061, 5, 25, tzinfo=UTC),
                }
            ],
        }
    ),
    # Amazon MSK API Reference, kafka-versions.
    ("kafka", "list_kafka_versions"): said(
        {"KafkaVersions": [{"Version": "3.9.x", "Status": "ACTIVE"}]}
    ),
    ("kafka", "list_clusters_v2"): said({"ClusterInfoList": []}),
    # Amazon ElastiCache API Reference, DescribeCacheEngineVersions.
    ("elasticache", "describe_cache_engine_versions"): lambda _region, parameters: {
        "CacheEngineVersions": [
            {"Engine": parameters["Engine"], "EngineVersion": parameters["EngineVersion"]}
        ]
    },
    ("elasticache", "describe_reserved_cache_nodes_offerings"): _node_types,
    ("elasticache", "describe_replication_groups"): said({"ReplicationGroups": []}),
    ("kms", "list_aliases"): said({"Aliases": [{"AliasName": "alias/aws/s3"}]}),
    ("dynamodb", "list_tables"): said({"TableNames": []}),
    ("glue", "list_registries"): said({"Registries": []}),
    ("secretsmanager", "list_secrets"): said({"SecretList": []}),
    ("resourcegroupstaggingapi", "get_resources"): said({"ResourceTagMappingList": []}),
}
