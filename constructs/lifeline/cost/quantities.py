"""How much of everything stands, by region, read from an assembly. What follows from use is named only.

Tasks are as many as the strategy keeps while home is active and nothing happens. A database counts with the
capacity units that it never goes below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lifeline.cost import items
from lifeline.cost.items import HOURS_PER_MONTH, Item
from lifeline.preflight.assembly import Assembly, Resource, of_type
from lifeline.settings import Settings

DAY_HOURS = 24
MIB = 1024
ZONES = 3

BY_USE = {
    "AWS::ApiGateway::RestApi": "API Gateway: requests",
    "AWS::Backup::BackupVault": "Backup: stored copies and copies between regions",
    "AWS::CloudTrail::Trail": "CloudTrail: events of a further trail",
    "AWS::CodeBuild::Project": "CodeBuild and CodePipeline: runs",
    "AWS::Cognito::UserPool": "Cognito: tokens",
    "AWS::DynamoDB::Table": "DynamoDB: reads and writes",
    "AWS::ECR::Repository": "ECR: stored images",
    "AWS::EFS::FileSystem": "EFS: stored files",
    "AWS::Lambda::Function": "Lambda: run time, also of keepers, probes and meters, which never stop",
    "AWS::Logs::LogGroup": "CloudWatch: log lines and the metrics in them, Container Insights",
    "AWS::MSK::Replicator": "MSK Replicator: hours and bytes",
    "AWS::RDS::GlobalCluster": "Aurora: storage, I/O and replicated writes",
    "AWS::SNS::Topic": "SNS: messages",
    "AWS::S3::Bucket": "S3: stored objects and replication",
    "AWS::StepFunctions::StateMachine": "Step Functions: transitions",
}
"""What is billed by use; bytes between zones, regions and through NAT come on top."""


@dataclass(frozen=True)
class Quantity:
    """`amount` of an item's unit in a month, in one region."""

    region: str
    item: Item
    amount: float


def quantities(assembly: Assembly, settings: Settings) -> list[Quantity]:
    """What stands, summed by region and item."""
    found: defaultdict[tuple[str, Item], float] = defaultdict(float)
    for region, item, count in _standing(assembly.resources, settings):
        found[region, item] += count * (HOURS_PER_MONTH if item.hourly else 1)
    return [Quantity(region, item, amount) for (region, item), amount in found.items() if amount]


def not_counted(assembly: Assembly) -> list[str]:
    """What the assembly has and the bill leaves out, as it follows from use."""
    there = {one.type for one in assembly.resources}
    return sorted(words for kind, words in BY_USE.items() if kind in there)


def _standing(
    resources: Sequence[Resource], settings: Settings
) -> Iterator[tuple[str, Item, float]]:
    for kind, read in SIMPLE.items():
        for one in of_type(resources, kind):
            yield from ((one.region, item, count) for item, count in read(one))
    yield from _secrets(resources)
    yield from _tasks(resources, settings)
    yield from _cache(resources)
    yield from _database(resources)


Read = Callable[[Resource], list[tuple[Item, float]]]


def _stream(one: Resource) -> list[tuple[Item, float]]:
    shards = one.number("ShardCount")
    longer = one.number("RetentionPeriodHours", DAY_HOURS) > DAY_HOURS
    return [(items.SHARD, shards), *([(items.RETENTION, shards)] if longer else [])]


def _log(one: Resource) -> list[tuple[Item, float]]:
    nodes, group = one.number("NumberOfBrokerNodes"), one.properties["BrokerNodeGroupInfo"]
    volume = float(group["StorageInfo"]["EBSStorageInfo"]["VolumeSize"])
    return [
        (items.broker(str(group["InstanceType"])), nodes),
        (items.BROKER_STORAGE, nodes * volume),
    ]


def _endpoint(one: Resource) -> list[tuple[Item, float]]:
    if one.text("VpcEndpointType") != "Interface":
        return []
    return [(items.ENDPOINT, len(one.properties.get("SubnetIds", [])) or ZONES)]


def _alarm(one: Resource) -> list[tuple[Item, float]]:
    """An alarm on an expression is billed for each metric in it (Amazon CloudWatch pricing)."""
    metrics = one.properties.get("Metrics")
    counted = sum("MetricStat" in each for each in metrics or [])
    return [(items.ALARM, max(1, counted))]


def _web_acl(one: Resource) -> list[tuple[Item, float]]:
    return [(items.WEB_ACL, 1), (items.WEB_RULE, len(one.properties.get("Rules", [])))]


SIMPLE: dict[str, Read] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": lambda _one: [(items.COMPOSITE_ALARM, 1)],
    "AWS::CloudWatch::Dashboard": lambda _one: [(items.DASHBOARD, 1)],
    "AWS::EC2::EIP": lambda _one: [(items.IPV4, 1)],
    "AWS::EC2::NatGateway": lambda _one: [(items.NAT, 1)],
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": lambda _one: [(items.BALANCER, 1)],
    "AWS::KMS::Key": lambda _one: [(items.KEY, 1)],
    "AWS::Kinesis::Stream": _stream,
    "AWS::MSK::Cluster": _log,
    "AWS::WAFv2::WebACL": _web_acl,
}


def _secrets(resources: Sequence[Resource]) -> Iterator[tuple[str, Item, float]]:
    """A replica is billed as a secret (AWS Secrets Manager pricing)."""
    for one in of_type(resources, "AWS::SecretsManager::Secret"):
        yield one.region, items.SECRET, 1
        for replica in one.properties.get("ReplicaRegions", []):
            yield str(replica["Region"]), items.SECRET, 1


def _tasks(resources: Sequence[Resource], settings: Settings) -> Iterator[tuple[str, Item, float]]:
    definitions = {
        (one.stack, one.logical_id): one for one in of_type(resources, "AWS::ECS::TaskDefinition")
    }
    for one in of_type(resources, "AWS::ECS::Service"):
        task = definitions[one.stack, one.properties["TaskDefinition"]["Ref"]]
        count = _count(one, settings)
        yield one.region, items.TASK_CPU, count * task.number("Cpu") / 1024
        yield one.region, items.TASK_MEMORY, count * task.number("Memory") / MIB


def _count(service: Resource, settings: Settings) -> float:
    """Tasks of a service: the template's, and where it says none, what plan and strategy make of it."""
    if "DesiredCount" in service.properties:
        return service.number("DesiredCount")
    active = service.region == settings.home_region
    if service.text("ServiceName").startswith("query-api-"):
        return settings.profile.query_api_tasks if active else 0
    if active:
        return settings.capacity.applier_tasks
    return 0 if settings.strategy.services_rest else 1


def _cache(resources: Sequence[Resource]) -> Iterator[tuple[str, Item, float]]:
    """The second member of a global datastore takes the first one's node type."""
    groups = of_type(resources, "AWS::ElastiCache::ReplicationGroup")
    types = [one.text("CacheNodeType") for one in groups if one.text("CacheNodeType")]
    for one in groups:
        item = items.cache_node(one.text("CacheNodeType") or types[0])
        shards = one.number("NumNodeGroups", 1)
        yield (
            one.region,
            item,
            one.number("NumCacheClusters") or shards * (1 + one.number("ReplicasPerNodeGroup")),
        )


def _database(resources: Sequence[Resource]) -> Iterator[tuple[str, Item, float]]:
    for one in of_type(resources, "AWS::RDS::DBCluster"):
        instances = [
            each for each in of_type(resources, "AWS::RDS::DBInstance") if each.region == one.region
        ]
        least = float(one.properties["ServerlessV2ScalingConfiguration"]["MinCapacity"])
        optimized = one.text("StorageType") == "aurora-iopt1"
        item = items.CAPACITY_UNIT_IO if optimized else items.CAPACITY_UNIT
        yield one.region, item, least * len(instances)
