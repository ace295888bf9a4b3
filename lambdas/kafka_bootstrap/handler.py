"""The bootstrap brokers of an MSK cluster, which CloudFormation does not return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from lifeline.lambdas.custom_resource.answer import answer_with

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 5})


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lambda's entry."""
    answer_with(provide, event)


def provide(event: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """The attribute `Brokers` (IAM over TLS) on create and update."""
    cluster = event["ResourceProperties"]["ClusterArn"]
    if event["RequestType"] == "Delete":
        return event.get("PhysicalResourceId", cluster), {}
    kafka = boto3.client("kafka", config=CONFIG)
    brokers = kafka.get_bootstrap_brokers(ClusterArn=cluster)["BootstrapBrokerStringSaslIam"]
    return f"brokers-of-{cluster}", {"Brokers": brokers}
