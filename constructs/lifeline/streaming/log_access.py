"""Who may do what in the log: the statements that MSK's IAM authorization asks for."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam

from lifeline.foundation.function import allow
from lifeline.streaming.replicated_log import ReplicatedLog


def allow_writing(grantee: iam.IGrantable, log: ReplicatedLog, topics: Iterable[str]) -> iam.Grant:
    """Idempotent production to `topics`."""
    produce = allow(
        grantee,
        "ProduceToTheLog",
        ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"],
        [log.cluster_arn],
    )
    write = allow(
        grantee,
        "WriteTopics",
        ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"],
        log.topic_arns(topics),
    )
    return produce.combine(write)


def allow_reading(
    grantee: iam.IGrantable, log: ReplicatedLog, topics: Iterable[str], *, group: str
) -> iam.Grant:
    """Consumption of `topics` as `group`."""
    consume = allow(
        grantee,
        "ConsumeTheLog",
        ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"],
        [log.cluster_arn],
    )
    read = allow(
        grantee,
        "ReadTopics",
        ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"],
        log.topic_arns(topics),
    )
    join = allow(
        grantee,
        "JoinTheGroup",
        ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"],
        [log.group_arn(group)],
    )
    return consume.combine(read).combine(join)
