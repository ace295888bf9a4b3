"""Everything that stands in the emulator, asked service by service: what a destroyed environment left.

CloudFormation's own word would not do: what it lost track of, what a function made beside it and what it
was told to retain are just what must be found.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import jmespath  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

from lab.places import ALL_REGIONS, HOME

Answer = TypeVar("Answer")
Observer = Callable[[str, str], Any]
Inventory = dict[str, str]
"""What stands, `service region what id`, with all that the listing says of it (as JSON)."""


@dataclass(frozen=True)
class Listing:
    """One call that lists things: where they are in the answer, and what tells one from another."""

    service: str
    call: str
    things: str
    identity: str = "@"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_global: bool = False


LISTINGS = (
    Listing("apigateway", "get_api_keys", "items", "id"),
    Listing("apigateway", "get_domain_names", "items", "domainName"),
    Listing("apigateway", "get_rest_apis", "items", "id", {"limit": 500}),
    Listing("apigateway", "get_usage_plans", "items", "id", {"limit": 500}),
    Listing("backup", "list_backup_plans", "BackupPlansList", "BackupPlanId"),
    Listing("backup", "list_backup_vaults", "BackupVaultList", "BackupVaultName"),
    Listing("cloudformation", "describe_stacks", "Stacks", "StackName"),
    Listing("cloudtrail", "list_trails", "Trails", "Name"),
    Listing("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    Listing("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    Listing("codebuild", "list_projects", "projects"),
    Listing("cognito-idp", "list_user_pools", "UserPools", "Id", {"MaxResults": 60}),
    Listing("dynamodb", "list_tables", "TableNames"),
    Listing("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    Listing("ec2", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    Listing("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    Listing("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    Listing("ec2", "describe_subnets", "Subnets", "SubnetId"),
    Listing("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    Listing("ec2", "describe_vpc_peering_connections",
            "VpcPeeringConnections[?Status.Code != 'deleted']", "VpcPeeringConnectionId"),
    Listing("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    Listing("ecr", "describe_repositories", "repositories", "repositoryName"),
    Listing("ecs", "list_clusters", "clusterArns"),
    Listing("ecs", "list_task_definitions", "taskDefinitionArns", "@", {"status": "ACTIVE"}),
    Listing("efs", "describe_access_points", "AccessPoints", "AccessPointId"),
    Listing("efs", "describe_file_systems", "FileSystems", "FileSystemId"),
    Listing("elasticache", "describe_cache_clusters", "CacheClusters", "CacheClusterId"),
    Listing("elasticache", "describe_cache_parameter_groups", "CacheParameterGroups",
            "CacheParameterGroupName"),
    Listing("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups", "CacheSubnetGroupName"),
    Listing("elasticache", "describe_global_replication_groups", "GlobalReplicationGroups",
            "GlobalReplicationGroupId"),
    Listing("elasticache", "describe_replication_groups", "ReplicationGroups", "ReplicationGroupId"),
    Listing("elasticache", "describe_user_groups", "UserGroups", "UserGroupId"),
    Listing("elasticache", "describe_users", "Users", "UserId"),
    Listing("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
    Listing("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
    Listing("events", "list_event_buses", "EventBuses", "Name"),
    Listing("events", "list_rules", "Rules", "Name"),
    Listing("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName", is_global=True),
    Listing("iam", "list_policies", "Policies", "Arn", {"Scope": "Local"}, is_global=True),
    Listing("iam", "list_roles", "Roles", "RoleName", is_global=True),
    Listing("iam", "list_users", "Users", "UserName", is_global=True),
    Listing("kafka", "list_clusters", "ClusterInfoList", "ClusterArn"),
    Listing("kafka", "list_configurations", "Configurations", "Arn"),
    Listing("kinesis", "list_streams", "StreamNames"),
    Listing("kms", "list_aliases", "Aliases", "AliasName"),
    Listing("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    Listing("lambda", "list_functions", "Functions", "FunctionName"),
    Listing("lambda", "list_layers", "Layers", "LayerName"),
    Listing("logs", "describe_log_groups", "logGroups", "logGroupName"),
    Listing("logs", "describe_metric_filters", "metricFilters", "filterName"),
    Listing("logs", "describe_resource_policies", "resourcePolicies", "policyName"),
    Listing("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups",
            "DBClusterParameterGroupName"),
    Listing("rds", "describe_db_cluster_snapshots", "DBClusterSnapshots", "DBClusterSnapshotIdentifier"),
    Listing("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
    Listing("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    Listing("rds", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"),
    Listing("rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
    Listing("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    Listing("rds", "describe_global_clusters", "GlobalClusters", "GlobalClusterIdentifier"),
    Listing("route53", "list_hosted_zones", "HostedZones", "Id", is_global=True),
    Listing("s3", "list_buckets", "Buckets", "Name", is_global=True),
    Listing("scheduler", "list_schedule_groups", "ScheduleGroups", "Name"),
    Listing("scheduler", "list_schedules", "Schedules", "Name"),
    Listing("secretsmanager", "list_secrets", "SecretList", "Name"),
    Listing("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    Listing("sns", "list_topics", "Topics", "TopicArn"),
    Listing("sqs", "list_queues", "QueueUrls"),
    Listing("ssm", "describe_parameters", "Parameters", "Name"),
    Listing("stepfunctions", "list_state_machines", "stateMachines", "name"),
    Listing("wafv2", "list_web_acls", "WebACLs", "Id", {"Scope": "REGIONAL"}),
)  # fmt: skip
"""Keys are asked one by one (`_keys`): those that wait for their deletion are deleted."""

ASK_AGAIN_SECONDS = (0.05, 0.2, 1.0)
"""Pauses after a failure inside the emulator."""


def take(observer: Observer) -> Inventory:
    """Everything that stands now. Raises what a listing raises: an unread service hides leftovers."""
    found: Inventory = {}
    for region in ALL_REGIONS:
        for listing in LISTINGS:
            if listing.is_global and region != HOME:
                continue
            client = observer(listing.service, region)
            answers = _answered(partial(_pages, client, listing))
            for thing in jmespath.search(f"[].{listing.things} | []", answers) or []:
                identity = jmespath.search(listing.identity, thing)
                key = f"{listing.service} {region} {listing.things} {identity}"
                found[key] = json.dumps(thing, default=str)
        found |= _answered(partial(_keys, observer("kms", region), region))
    return found


def _answered(ask: Callable[[], Answer]) -> Answer:
    """A listing's answer. Asked again where the emulator itself fails.

    It walks its tables while functions that still run write into them: "dictionary changed size".
    """
    for pause in ASK_AGAIN_SECONDS:
        try:
            return ask()
        except ClientError as error:
            if error.response["Error"]["Code"] != "InternalError":
                raise
        time.sleep(pause)
    return ask()


def _pages(client: Any, listing: Listing) -> list[dict[str, Any]]:
    if client.can_paginate(listing.call):
        return list(client.get_paginator(listing.call).paginate(**listing.arguments))
    return [getattr(client, listing.call)(**listing.arguments)]


def _keys(kms: Any, region: str) -> Inventory:
    found: Inventory = {}
    for key in kms.list_keys()["Keys"]:
        described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        if described["KeyState"] != "PendingDeletion":
            found[f"kms {region} Keys {key['KeyId']}"] = json.dumps(described, default=str)
    return found


def of_suffix(inventory: Inventory, suffix: str) -> list[str]:
    """What carries the suffix, as a word, in its identity or in anything said of it (tags included)."""
    word = re.compile(rf"(?<![A-Za-z0-9]){re.escape(suffix)}(?![A-Za-z0-9])")
    return sorted(key for key, said in inventory.items() if word.search(key) or word.search(said))
