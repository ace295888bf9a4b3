"""What AWS bills for standing there: each item by the name that its price list gives it."""

from __future__ import annotations

from dataclasses import dataclass, field

HOURS_PER_MONTH = 730
"""As AWS's own calculator counts a month: 8,760 hours of a year in twelve parts."""


@dataclass(frozen=True)
class Item:
    """`service_code` and `usage_type` are those of the Price List API; a region's prefix stands before the
    usage type (`CAN1-NatGateway-Hours`). `attributes` tell products of one usage type apart. An empty usage
    type is one that could not be looked up: only a table of one's own has the price."""

    id: str
    service: str
    service_code: str
    usage_type: str
    unit: str
    attributes: tuple[tuple[str, str], ...] = field(default=())

    @property
    def hourly(self) -> bool:
        """Whether the price is for an hour, else for a month."""
        return self.unit.endswith("hour")


NAT = Item("nat-gateway", "VPC", "AmazonEC2", "NatGateway-Hours", "gateway-hour")
IPV4 = Item("public-ipv4", "VPC", "AmazonVPC", "PublicIPv4:InUseAddress", "address-hour")
ENDPOINT = Item("interface-endpoint", "VPC", "AmazonVPC", "VpcEndpoint-Hours", "endpoint-zone-hour")
BALANCER = Item(
    "network-load-balancer", "Elastic Load Balancing", "AWSELB", "LoadBalancerUsage",
    "balancer-hour", (("operation", "LoadBalancing:Network"),),
)  # fmt: skip
TASK_CPU = Item("fargate-cpu", "ECS", "AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU", "vCPU-hour")
TASK_MEMORY = Item("fargate-memory", "ECS", "AmazonECS", "Fargate-ARM-GB-Hours", "GB-hour")
SHARD = Item("kinesis-shard", "Kinesis", "AmazonKinesis", "Storage-ShardHour", "shard-hour")
RETENTION = Item("kinesis-retention", "Kinesis", "AmazonKinesis", "", "shard-hour")
BROKER_STORAGE = Item("msk-storage", "MSK", "AmazonMSK", "Kafka.Storage.GP2", "GB-month")
CAPACITY_UNIT = Item(
    "aurora-capacity-unit", "Aurora", "AmazonRDS", "Aurora:ServerlessV2Usage", "ACU-hour",
    (("databaseEngine", "Aurora PostgreSQL"),),
)  # fmt: skip
CAPACITY_UNIT_IO = Item(
    "aurora-capacity-unit-io-optimized", "Aurora", "AmazonRDS", "Aurora:ServerlessV2IOOptimizedUsage",
    "ACU-hour", (("databaseEngine", "Aurora PostgreSQL"),),
)  # fmt: skip
KEY = Item("kms-key", "KMS", "awskms", "KMS-Keys", "key-month")
SECRET = Item(
    "secret", "Secrets Manager", "AWSSecretsManager", "AWSSecretsManager-Secrets", "secret-month"
)
ALARM = Item(
    "alarm-metric", "CloudWatch", "AmazonCloudWatch", "CW:AlarmMonitorUsage", "metric-month"
)
COMPOSITE_ALARM = Item("composite-alarm", "CloudWatch", "AmazonCloudWatch", "", "alarm-month")
DASHBOARD = Item("dashboard", "CloudWatch", "AmazonCloudWatch", "", "dashboard-month")
WEB_ACL = Item("web-acl", "WAF", "awswaf", "WebACLV2", "web-acl-month")
WEB_RULE = Item("web-acl-rule", "WAF", "awswaf", "RuleV2", "rule-month")


def broker(instance_class: str) -> Item:
    """A broker of a class such as `kafka.t3.small`."""
    usage = "Kafka." + instance_class.removeprefix("kafka.")
    return Item(f"msk-broker-{instance_class}", "MSK", "AmazonMSK", usage, "broker-hour")


def cache_node(node_type: str) -> Item:
    """A node with Valkey of a type such as `cache.m6g.large`."""
    return Item(
        f"cache-node-{node_type}",
        "ElastiCache",
        "AmazonElastiCache",
        f"NodeUsage:{node_type}",
        "node-hour",
        (("cacheEngine", "Valkey"),),
    )
