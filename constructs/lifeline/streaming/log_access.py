"""Who may do what in the log: the statements that MSK's IAM authorization asks for."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam

from lifeline.foundation.function import allow
from lifeline.streaming.replicated_log import ReplicatedLog


def allow_writing(policy: iam.ManagedPolicy, log: ReplicatedLog, topics: Iterable[str]) -> None:
    """Idempotent production to `topics`."""
    allow(
        policy,
        "ProduceToTheLog",
        ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"],
        [log.cluster_arn],
    )
    allow(
        policy,
        "WriteTopics",
        ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"],
        log.topic_arns(topics),
    )


def allow_reading(
    policy: iam.ManagedPolicy, log: ReplicatedLog, topics: Iterable[str], *, group: str
) -> None:
    """Consumption of `topics` as `group`."""
    allow(
        policy,
        "ConsumeTheLog",
        ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"],
        [log.cluster_arn],
    )
    allow(
        policy,
        "ReadTopics",
        ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"],
        log.topic_arns(topics),
    )
    allow(
        policy,
        "JoinTheGroup",
        ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"],
        [log.group_arn(group)],
    )
