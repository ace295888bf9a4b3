"""The incarnation of a Kinesis stream: its creation time in whole epoch seconds, as a string (B2).

A stream that was deleted and made again has the same name and reuses shard ids; a receipt must not be
taken for one of its predecessor. Asking twice gives the same answer, as long as it is the same stream.
"""

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
    """The attribute `Incarnation` on create and update."""
    stream = event["ResourceProperties"]["StreamName"]
    if event["RequestType"] == "Delete":
        return event.get("PhysicalResourceId", stream), {}
    found = incarnation(boto3.client("kinesis", config=CONFIG), stream)
    return f"incarnation-of-{stream}", {"Incarnation": found}


def incarnation(kinesis: Any, stream: str) -> str:
    """Whole seconds since 1970 of the stream's creation."""
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    return str(int(summary["StreamCreationTimestamp"].timestamp()))
