"""What Kinesis and MSK refuse."""

from __future__ import annotations

from lab.refusals.row import Known, On, Row
from lab.refusals.situation import Case
from lifeline.growth import (
    partitions_move,
    shards_less_than_halve,
    shards_more_than_double,
    volume_shrinks,
)

STREAM, CLUSTER, TOPIC = "AWS::Kinesis::Stream", "AWS::MSK::Cluster", "AWS::MSK::Topic"
KINESIS = "https://docs.aws.amazon.com/kinesis/latest/APIReference"
MSK = "https://docs.aws.amazon.com/msk/latest/developerguide"
NO_MULTI_VPC = "kafka.t3.small"
VOLUME = "BrokerNodeGroupInfo.StorageInfo.EBSStorageInfo.VolumeSize"
CONNECTIVITY = "BrokerNodeGroupInfo.ConnectivityInfo.VpcConnectivity.ClientAuthentication"


def _shards(case: Case) -> tuple[float, float] | None:
    """Before and now, if both are known."""
    before = case.before.number("ShardCount") if case.before else None
    now = case.resource.number("ShardCount")
    return None if before is None or now is None else (before, now)


def _change(case: Case, place: str) -> tuple[float, float] | None:
    before = case.before.number(place) if case.before else None
    now = case.resource.number(place)
    return None if before is None or now is None else (before, now)


def _said(change: tuple[float, float]) -> str:
    return f"from {change[0]:g} to {change[1]:g}"


def _provisioned(case: Case) -> bool:
    return case.resource.text("StreamModeDetails.StreamMode") == "PROVISIONED"


def _multi_vpc(case: Case) -> bool:
    return any(
        case.resource.true(f"{CONNECTIVITY}.{way}.Enabled")
        for way in ("Sasl.Iam", "Sasl.Scram", "Tls")
    )


def _broker_spread(case: Case) -> object:
    brokers = case.resource.number("NumberOfBrokerNodes")
    subnets = len(case.resource.items("BrokerNodeGroupInfo.ClientSubnets"))
    if not brokers or not subnets:
        return False
    return brokers % subnets != 0 and f"{brokers:g} in {subnets}"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _older(case: Case) -> object:
    before = case.before.text("KafkaVersion") if case.before else ""
    now = case.resource.text("KafkaVersion")
    return bool(before and now) and _version(now) < _version(before) and f"{now} after {before}"


ROWS = (
    Row(
        id="shards-more-than-doubled",
        types=(STREAM,),
        on=On.CHANGED,
        refuses=lambda case: (
            (s := _shards(case)) is not None and shards_more_than_double(*s) and _said(s)
        ),
        sentence="One change at most doubles the shards: grow in steps.",
        source=f"{KINESIS}/API_UpdateShardCount.html",
    ),
    Row(
        id="shards-less-than-halved",
        types=(STREAM,),
        on=On.CHANGED,
        refuses=lambda case: (
            (s := _shards(case)) is not None and shards_less_than_halve(*s) and _said(s)
        ),
        sentence="One change at most halves the shards: shrink in steps.",
        source=f"{KINESIS}/API_UpdateShardCount.html",
    ),
    Row(
        id="provisioned-stream-without-shards",
        types=(STREAM,),
        refuses=lambda case: _provisioned(case) and not case.resource.given("ShardCount"),
        sentence="A provisioned stream says how many shards it has.",
        source=f"{KINESIS}/API_CreateStream.html (ShardCount)",
    ),
    Row(
        id="provisioned-stream-that-spreads-by-itself",
        types=(STREAM,),
        refuses=lambda case: (
            _provisioned(case) and case.resource.given("RecordDistributionStrategy")
        ),
        sentence="Only an on-demand stream takes a RecordDistributionStrategy; others go by keys.",
        source=f"{KINESIS}/API_UpdateStreamRecordDistributionStrategy.html; registry schema of the type",
    ),
    Row(
        id="stream-encryption-without-a-key",
        types=(STREAM,),
        refuses=lambda case: (
            case.resource.known("StreamEncryption.EncryptionType") == "KMS"
            and not case.resource.given("StreamEncryption.KeyId")
        ),
        sentence="A stream that is encrypted names its key.",
        source=f"{KINESIS}/API_StartStreamEncryption.html (KeyId)",
    ),
    Row(
        id="partitions-lowered",
        types=(TOPIC,),
        on=On.CHANGED,
        refuses=lambda case: (
            (c := _change(case, "PartitionCount")) is not None and c[1] < c[0] and _said(c)
        ),
        sentence="Kafka takes no partition from a topic.",
        source="https://kafka.apache.org/documentation/#basic_ops_modify_topic",
    ),
    Row(
        id="partitions-changed",
        types=(TOPIC,),
        on=On.CHANGED,
        refuses=lambda case: (
            (c := _change(case, "PartitionCount")) is not None
            and c[1] > c[0]
            and partitions_move(*c)
            and _said(c)
        ),
        sentence="A topic's partitions are fixed (B9): a key would move to another, and its order be lost.",
        source="docs/mechanisms/rules.md, B9; AWS itself would change them in place",
        known=Known.INFERRED,
    ),
    Row(
        id="brokers-not-spread-evenly",
        types=(CLUSTER,),
        refuses=_broker_spread,
        sentence="The number of brokers is a multiple of the number of subnets.",
        source=f"{MSK}/msk-create-cluster.html",
    ),
    Row(
        id="broker-volume-shrunk",
        types=(CLUSTER,),
        on=On.CHANGED,
        refuses=lambda case: (
            (c := _change(case, VOLUME)) is not None and volume_shrinks(*c) and _said(c)
        ),
        sentence="Broker storage grows and never shrinks.",
        source=f"{MSK}/msk-update-storage.html",
    ),
    Row(
        id="private-links-at-creation",
        types=(CLUSTER,),
        on=On.CREATED,
        refuses=_multi_vpc,
        sentence="A cluster is made without private links (VpcConnectivity); an update turns them on.",
        source=f"{MSK}/aws-access-mult-vpc.html",
    ),
    Row(
        id="private-links-on-a-small-broker",
        types=(CLUSTER,),
        refuses=lambda case: (
            _multi_vpc(case)
            and case.resource.text("BrokerNodeGroupInfo.InstanceType") == NO_MULTI_VPC
        ),
        sentence="Brokers of kafka.t3.small take no private links.",
        source=f"{MSK}/aws-access-mult-vpc.html",
    ),
    Row(
        id="kafka-downgraded",
        types=(CLUSTER,),
        on=On.CHANGED,
        refuses=_older,
        sentence="A cluster's Kafka version goes up only.",
        source=f"{MSK}/version-upgrades.html",
    ),
)
