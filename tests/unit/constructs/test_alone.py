"""What a user may take alone: in a plain stack, in her own `ec2.Vpc`, with her names, two side by side."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Match, Template

from lifeline.application.edge_identity import EdgeIdentity
from lifeline.application.edge_shield import EdgeShield
from lifeline.application.events_api import EventsApi
from lifeline.application.private_balancer import PrivateBalancer
from lifeline.application.services import Services
from lifeline.compliance.physical_names import NAME_PROPERTIES
from lifeline.data.database_credentials import DatabaseCredentials
from lifeline.data.database_member import GlobalDatabaseAttributes, IGlobalDatabase
from lifeline.data.global_database import GlobalDatabase
from lifeline.data.session_cache import SecondaryCache, SessionCache
from lifeline.data.shared_files import ISharedFiles, SharedFiles, SharedFilesAttributes
from lifeline.foundation.alert_topics import AlertTargets, AlertTopics, Severity
from lifeline.foundation.audit import AuditTrail
from lifeline.foundation.bucket import BucketEmptying
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.foundation.images import ImageRepositories
from lifeline.foundation.keys import RegionKeys
from lifeline.observability.alarms import Alarms, AlarmSpec, Operator
from lifeline.observability.dashboards import Dashboard
from lifeline.observability.lifeline_metrics import LogLineMetrics
from lifeline.observability.metric_specs import MetricSpec
from lifeline.regions import CATALOG
from lifeline.settings import Settings
from lifeline.site import Site
from lifeline.streaming.edge_stream import EdgeStream
from lifeline.streaming.event_stream import EventStreamAttributes
from lifeline.streaming.kafka_log import IReplicatedLog, ReplicatedLogAttributes
from lifeline.streaming.mirror_maker import MirrorMaker
from lifeline.streaming.peer_log import PeerLog
from lifeline.streaming.replicated_log import ReplicatedLog
from lifeline.streaming.schema_registry import SchemaRegistry
from lifeline.streaming.stream_bridge import StreamBridge
from tests.unit.constructs.test_idiom import constructs

ZONES = ["a", "b", "c"]
CLUSTER = "arn:aws:kafka:eu-west-1:123456789012:cluster/orders/1111-2"
Maker = Callable[[cdk.Stack, str, ec2.Vpc], object]


def plain_stack(region: str | None = "eu-west-1") -> cdk.Stack:
    app = cdk.App(analytics_reporting=False)
    return cdk.Stack(app, "Orders", env=cdk.Environment(region=region))


def own_vpc(stack: cdk.Stack, **properties: Any) -> ec2.Vpc:
    return ec2.Vpc(stack, "Vpc", **{"availability_zones": ZONES, **properties})


def own_log(stack: cdk.Stack, name: str) -> IReplicatedLog:
    """A cluster that she has already."""
    return ReplicatedLog.from_replicated_log_attributes(
        stack,
        f"{name}Log",
        ReplicatedLogAttributes(
            cluster_arn=CLUSTER,
            cluster_name="orders",
            bootstrap="b-1.example.org:9098",
            partitions={"orders": 3, "error.dlq": 1},
            security_group=ec2.SecurityGroup.from_security_group_id(
                stack, f"{name}Brokers", "sg-12345678"
            ),
        ),
    )


def site_of(name: str) -> Site:
    """Of an application whose home is the plain stack's region, which our catalogue does not have."""
    here = replace(CATALOG["ca-central-1"], name="eu-west-1", code="euw1")
    settings = Settings(
        environment_suffix=name.lower(),
        account="123456789012",
        home_region="eu-west-1",
        catalog={**CATALOG, "eu-west-1": here},
        data_country=None,
    )
    return Site.of_region(settings, "eu-west-1")


def bridge(stack: cdk.Stack, name: str, vpc: ec2.Vpc) -> StreamBridge:
    stream = EdgeStream.from_event_stream_attributes(
        stack, f"{name}Stream", EventStreamAttributes(stream_name="orders", incarnation="1")
    )
    return StreamBridge(stack, name, vpc=vpc, stream=stream, log=own_log(stack, name))


def own_database(stack: cdk.Stack, name: str, **more: Any) -> IGlobalDatabase:
    """A member that she has already."""
    return GlobalDatabase.from_global_database_attributes(
        stack,
        f"{name}Database",
        GlobalDatabaseAttributes(
            identifier="orders-primary",
            global_identifier="orders",
            hosts="writer.example.org,reader.example.org",
            cluster_resource_id="cluster-ABC",
            database_name="orders",
            user="clerk",
            **more,
        ),
    )


def services(
    stack: cdk.Stack,
    name: str,
    vpc: ec2.Vpc,
    site: Site | None = None,
    database: IGlobalDatabase | None = None,
) -> Services:
    return Services(
        stack,
        name,
        site=site,
        vpc=vpc,
        database=database or GlobalDatabase(stack, f"{name}Database", vpc=vpc),
        stream=EdgeStream(stack, f"{name}Stream"),
        log=own_log(stack, name),
    )


def own_service(stack: cdk.Stack, name: str, vpc: ec2.Vpc) -> ecs.FargateService:
    task = ecs.FargateTaskDefinition(stack, f"{name}Task")
    image = ecs.ContainerImage.from_registry("example/serve")
    task.add_container(
        "Serve",
        image=image,
        port_mappings=[ecs.PortMapping(container_port=port) for port in (8080, 8443)],
    )
    cluster = ecs.Cluster(stack, f"{name}Cluster", vpc=vpc)
    return ecs.FargateService(stack, f"{name}Service", cluster=cluster, task_definition=task)


def api(stack: cdk.Stack, name: str, vpc: ec2.Vpc) -> EventsApi:
    return EventsApi(
        stack,
        name,
        vpc=vpc,
        stream=EdgeStream(stack, f"{name}Stream"),
        query_api=own_service(stack, name, vpc),
        identity=EdgeIdentity(stack, f"{name}Identity"),
    )


def mirror(stack: cdk.Stack, name: str, vpc: ec2.Vpc) -> MirrorMaker:
    return MirrorMaker(
        stack,
        name,
        site=site_of(name),
        cluster=ecs.Cluster(stack, f"{name}Cluster", vpc=vpc),
        log=own_log(stack, name),
        peer=PeerLog(cluster_arn=CLUSTER, bootstrap="b-1.example.com:9098"),
    )


MAKERS: dict[str, Maker] = {
    "SessionCache": lambda stack, name, vpc: SessionCache(stack, name, vpc=vpc),
    "SecondaryCache": lambda stack, name, vpc: SecondaryCache(
        stack, name, vpc=vpc, global_id="abcde-orders"
    ),
    "SharedFiles": lambda stack, name, vpc: SharedFiles(stack, name, vpc=vpc),
    "ReplicatedLog": lambda stack, name, vpc: ReplicatedLog(stack, name, vpc=vpc),
    "StreamBridge": bridge,
    "Services": lambda stack, name, vpc: services(stack, name, vpc, site_of(name)),
    "PrivateBalancer": lambda stack, name, vpc: PrivateBalancer(
        stack, name, vpc=vpc, query_api=own_service(stack, name, vpc)
    ),
    "EventsApi": api,
    "MirrorMaker": mirror,
    "GlobalDatabase": lambda stack, name, vpc: GlobalDatabase(stack, name, vpc=vpc),
    "ClosedDefaultGroup": lambda stack, name, vpc: ClosedDefaultGroup(
        stack, name, vpc=ec2.Vpc(stack, f"{name}Vpc")
    ),
    "EdgeStream": lambda stack, name, vpc: EdgeStream(stack, name),
    "RegionKeys": lambda stack, name, vpc: RegionKeys(stack, name),
    "AlertTopics": lambda stack, name, vpc: AlertTopics(stack, name),
    "EdgeIdentity": lambda stack, name, vpc: EdgeIdentity(stack, name),
    "SchemaRegistry": lambda stack, name, vpc: SchemaRegistry(stack, name),
    "BucketEmptying": lambda stack, name, vpc: BucketEmptying(stack, name),
    "ImageRepositories": lambda stack, name, vpc: ImageRepositories(stack, name),
    "DatabaseCredentials": lambda stack, name, vpc: DatabaseCredentials(stack, name),
    "EdgeShield": lambda stack, name, vpc: EdgeShield(
        stack, name, stage_arn="arn:aws:apigateway:eu-west-1::/restapis/a1/stages/live"
    ),
    "Dashboard": lambda stack, name, vpc: Dashboard(stack, name, name="orders", rows=[]),
    "LogLineMetrics": lambda stack, name, vpc: LogLineMetrics(
        stack,
        name,
        services_logs=logs.LogGroup(stack, f"{name}Services", log_group_name=f"{name}Services"),
        bridge_logs=logs.LogGroup(stack, f"{name}Bridge", log_group_name=f"{name}Bridge"),
    ),
    "AuditTrail": lambda stack, name, vpc: AuditTrail(
        stack, name, emptying=BucketEmptying(stack, f"{name}Emptying")
    ),
}


def shared_names(template: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The physical names that more than one resource of a type has."""
    names = Counter(
        (one["Type"], json.dumps(one["Properties"][known.property]))
        for one in template["Resources"].values()
        if (known := NAME_PROPERTIES.get(one["Type"])) is not None
        and known.property in one.get("Properties", {})
    )
    return [name for name, count in names.items() if count > 1]


@pytest.mark.parametrize("region", ["eu-west-1", None])
@pytest.mark.parametrize("kind", MAKERS)
def test_two_stand_side_by_side_in_her_vpc(kind: str, region: str | None) -> None:
    stack = plain_stack(region)
    vpc = own_vpc(stack)
    for name in ("Orders", "Wards"):
        MAKERS[kind](stack, name, vpc)
    template = Template.from_stack(stack).to_json()
    assert shared_names(template) == []
    assert len({one["Type"] for one in template["Resources"].values()} & set(NAME_PROPERTIES)) > 0


@pytest.mark.parametrize("kind", ["SessionCache", "SecondaryCache", "SharedFiles", "ReplicatedLog"])
def test_a_store_lets_nobody_in_by_itself(kind: str) -> None:
    stack = plain_stack()
    MAKERS[kind](stack, "Store", own_vpc(stack))
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::EC2::SecurityGroupIngress", 0)
    for group in template.find_resources("AWS::EC2::SecurityGroup").values():
        assert "SecurityGroupIngress" not in group["Properties"]


def own_alarms(stack: cdk.Stack, name: str, topics: AlertTargets | None = None) -> Alarms:
    spec = AlarmSpec(
        name="too-many",
        description="Too many orders.",
        metric=MetricSpec(namespace="Orders", metric_name="Count"),
        operator=Operator.ABOVE,
        threshold=5,
        severity=Severity.CRITICAL,
        runbook="orders",
    )
    return Alarms(stack, name, specs=[spec], alert_topics=topics)


def test_her_alarms_tell_nobody_but_whom_she_names() -> None:
    """The application's topics are known by their names: a plain stack has none of them."""
    stack = plain_stack()
    own_alarms(stack, "Silent")
    topic = sns.Topic(stack, "Mine")
    own_alarms(stack, "Told", {Severity.CRITICAL: topic})
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    told = [one["Properties"].get("AlarmActions") for one in found]
    assert told == [None, [stack.resolve(topic.topic_arn)]]
    assert len({one["Properties"]["AlarmName"] for one in found}) == 2


PUBLIC = [ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)]


@pytest.mark.parametrize("kind", ["SessionCache", "SharedFiles", "ReplicatedLog"])
def test_a_store_does_not_stand_in_public_subnets(kind: str) -> None:
    stack = plain_stack()
    with pytest.raises(ValueError, match=r"Orders/Store found only public subnets in its VPC"):
        MAKERS[kind](stack, "Store", own_vpc(stack, subnet_configuration=PUBLIC))


@pytest.mark.parametrize(
    ("kind", "least"), [("SessionCache", 2), ("SharedFiles", 2), ("ReplicatedLog", 3)]
)
def test_a_store_says_how_many_zones_it_needs(kind: str, least: int) -> None:
    stack = plain_stack()
    vpc = own_vpc(stack, availability_zones=ZONES[: least - 1])
    with pytest.raises(ValueError, match=f"in {least - 1} availability zones; .* least {least}"):
        MAKERS[kind](stack, "Store", vpc)


@pytest.mark.parametrize("kind", ["StreamBridge", "PrivateBalancer", "MirrorMaker"])
def test_a_workload_says_that_it_needs_a_way_out(kind: str) -> None:
    stack = plain_stack()
    with pytest.raises(ValueError, match=r"found no private subnet with a way out in its VPC"):
        MAKERS[kind](stack, "Workload", own_vpc(stack, subnet_configuration=PUBLIC))


def test_a_store_takes_one_subnet_a_zone_and_the_log_no_more_than_three() -> None:
    stack = plain_stack()
    isolated = ec2.SubnetType.PRIVATE_ISOLATED
    twice = [
        ec2.SubnetConfiguration(name=name, subnet_type=isolated, cidr_mask=24) for name in "AB"
    ]
    vpc = own_vpc(stack, subnet_configuration=twice, availability_zones=["a", "b", "c", "d"])
    SharedFiles(stack, "Files", vpc=vpc)
    ReplicatedLog(stack, "Log", vpc=vpc)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::EFS::MountTarget", 4)
    (cluster,) = template.find_resources("AWS::MSK::Cluster").values()
    assert len(cluster["Properties"]["BrokerNodeGroupInfo"]["ClientSubnets"]) == 3


def test_she_chooses_the_subnets() -> None:
    stack = plain_stack()
    vpc = own_vpc(stack)
    chosen = ec2.SubnetSelection(subnets=vpc.private_subnets[:2])
    SharedFiles(stack, "Files", vpc=vpc, vpc_subnets=chosen)
    targets = Template.from_stack(stack).find_resources("AWS::EFS::MountTarget").values()
    assert sorted(one["Properties"]["SubnetId"]["Ref"][:21] for one in targets) == [
        "VpcPrivateSubnet1Subn",
        "VpcPrivateSubnet2Subn",
    ]


def test_she_chooses_names_and_sizes() -> None:
    stack = plain_stack()
    vpc = own_vpc(stack)
    SessionCache(stack, "C", vpc=vpc, identifier="orders", node_type="cache.r7g.xlarge", replicas=3)
    SharedFiles(stack, "F", vpc=vpc, file_system_name="orders")
    ReplicatedLog(stack, "L", vpc=vpc, cluster_name="orders", partitions={"orders": 6})
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::ElastiCache::ReplicationGroup",
        {
            "ReplicationGroupId": "orders",
            "CacheNodeType": "cache.r7g.xlarge",
            "NumCacheClusters": 4,
        },
    )
    template.has_resource_properties(
        "AWS::EFS::FileSystem", {"FileSystemTags": [{"Key": "Name", "Value": "orders"}]}
    )
    template.has_resource_properties("AWS::MSK::Cluster", {"ClusterName": "orders"})
    topics = template.find_resources("AWS::MSK::Topic").values()
    counts = {one["Properties"]["TopicName"]: one["Properties"]["PartitionCount"] for one in topics}
    assert counts == {"orders": 6, "system.watermark": 1}


@pytest.mark.parametrize("replicas", [0, 6])
def test_a_cache_without_a_replica_is_refused(replicas: int) -> None:
    stack = plain_stack()
    with pytest.raises(ValueError, match=f"cannot have {replicas} replicas; allowed are 1, "):
        SessionCache(stack, "Cache", vpc=own_vpc(stack), replicas=replicas)


@pytest.mark.parametrize("migrates", [True, False])
def test_services_sign_in_to_a_database_that_is_not_ours(migrates: bool) -> None:
    stack = plain_stack()
    secret = secretsmanager.Secret(stack, "Admin") if migrates else None
    database = own_database(stack, "Orders", admin_secret=secret)
    services(stack, "Services", own_vpc(stack), site_of("orders"), database)
    template = Template.from_stack(stack)
    found = {
        one["Properties"]["Family"]: {
            variable["Name"]: variable["Value"]
            for variable in one["Properties"]["ContainerDefinitions"][0]["Environment"]
        }
        for one in template.find_resources("AWS::ECS::TaskDefinition").values()
    }
    here = {"event-applier-orders": "clerk", "query-api-orders": "clerk"}
    admin = {"migrate-orders": "lifeline_admin"} if migrates else {}
    assert {name: one["DATABASE_USER"] for name, one in found.items()} == here | admin
    assert {one["DATABASE_NAME"] for one in found.values()} == {"orders"}
    if migrates:
        assert found["migrate-orders"]["DATABASE_HOST"] == "writer.example.org"
        assert found["migrate-orders"]["WORKLOAD_USER"] == "clerk"


def test_services_say_that_they_need_to_know_the_other_region() -> None:
    stack = plain_stack()
    with pytest.raises(
        ValueError, match="knows of no recovery region; give the construct a `site`"
    ):
        services(stack, "Services", own_vpc(stack))


def test_counted_lines_are_of_groups_that_are_there() -> None:
    stack = plain_stack()
    with pytest.raises(ValueError, match="a plain stack has no log groups of the application's"):
        LogLineMetrics(stack, "Lines")


def test_every_construct_that_takes_a_vpc_is_proved_alone() -> None:
    """Not: a base class; the peering, which makes sense between two networks of the platform only.

    The failover's own constructs are proved where the failover is.
    """
    takers = {
        one.__name__
        for one in constructs()
        if "vpc" in inspect.signature(one.__init__).parameters
        and not one.__module__.startswith("lifeline.failover.")
    }
    assert takers - set(MAKERS) == {"CacheMember", "LogPeering"}


def test_the_bridge_is_let_in_by_a_log_that_is_not_ours() -> None:
    stack = plain_stack()
    bridge(stack, "Bridge", own_vpc(stack))
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::EC2::SecurityGroupIngress",
        {"GroupId": "sg-12345678", "FromPort": 9098, "SourceSecurityGroupId": Match.any_value()},
    )
    said = json.dumps(template.find_resources("AWS::IAM::ManagedPolicy"))
    assert "arn:aws:kafka:eu-west-1:123456789012:topic/orders/1111-2/orders" in said
    (function,) = (
        one["Properties"]["Environment"]["Variables"]
        for one in template.find_resources("AWS::Lambda::Function").values()
        if "Environment" in one["Properties"]
    )
    assert json.loads(function["KAFKA_PARTITIONS"]) == {"orders": 3, "error.dlq": 1}


def test_files_that_are_not_ours_are_mounted_by_their_own_names() -> None:
    stack = plain_stack()
    files: ISharedFiles = SharedFiles.from_shared_files_attributes(
        stack,
        "Files",
        SharedFilesAttributes(file_system_id="fs-12345678", access_point_id="fsap-12345678"),
    )
    assert files.grant_mount(iam.Role(stack, "R", assumed_by=iam.AccountRootPrincipal())).success
    said = json.dumps(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
    assert "file-system/fs-12345678" in said
    assert "access-point/fsap-12345678" in said
