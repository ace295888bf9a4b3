"""Start the files' replication when its resource is created, and end it when that is deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from lifeline.lambdas.custom_resource.answer import answer_with
from lifeline.lambdas.file_replication.decision import Action
from lifeline.lambdas.file_replication.service import Pair, RegionFiles, now

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
logger = Logger()


class PairNotReplaced(Exception):
    """An update names another pair, and its replication must not be started."""


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lambda's entry."""
    answer_with(provide, event)


def provide(event: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """The attribute `Outcome`: what was done, or why nothing was.

    The physical id is the pair: a file system made anew is another replication. A new id makes
    CloudFormation delete the old pair's, so it is answered only when the new pair replicates; raises
    PairNotReplaced otherwise.
    """
    asked = event["ResourceProperties"]
    pair = Pair(
        source_id=asked["SourceId"],
        destination_id=asked["DestinationId"],
        destination_region=asked["DestinationRegion"],
        home=_files(asked["SourceRegion"]),
        recovery=_files(asked["DestinationRegion"]),
    )
    physical_id = f"{pair.source_id}-to-{pair.destination_id}"
    if event["RequestType"] == "Delete":
        outcome = pair.remove(now, time.sleep)
        logger.info("replication removed", outcome=outcome)
        return event.get("PhysicalResourceId", physical_id), {}
    new = event["RequestType"] == "Create" or event["PhysicalResourceId"] != physical_id
    decision = pair.ensure(creating=new)
    logger.info("replication considered", action=decision.action, reason=decision.reason)
    replacing = new and event["RequestType"] == "Update"
    if replacing and decision.action is Action.LEAVE and not decision.as_asked:
        raise PairNotReplaced(
            f"The replication cannot change from {event['PhysicalResourceId']} to {physical_id}: "
            f"{decision.reason}. End the old replication first, or keep the pair."
        )
    return physical_id, {"Outcome": f"{decision.action}: {decision.reason}"}


def _files(region: str) -> RegionFiles:
    make: Any = boto3.client
    return RegionFiles(make("efs", region_name=region, config=CONFIG))
