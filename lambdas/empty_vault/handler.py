"""Empty a backup vault when its stack is deleted: the service refuses to delete one that is not empty."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from lifeline.lambdas.custom_resource.long_run import LongRun, answer_when_done
from lifeline.lambdas.custom_resource.stack import is_going
from lifeline.lambdas.empty_vault.vault import BackupVault, NotEmpty, empty

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3})
logger = Logger()


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Lambda's entry. A vault that takes longer than one run is emptied by several."""
    name = event["ResourceProperties"]["VaultName"]
    patience = float(event["ResourceProperties"].get("PatienceSeconds", 0))
    run = LongRun(
        act=lambda _until: emptied(event),
        patience_seconds=patience,
        physical_id=f"empty-{name}",
        late=NotEmpty(f"{name} still holds recovery points after {patience:.0f} s; delete again."),
    )
    answer_when_done(run, event, context)


def emptied(event: Mapping[str, Any]) -> bool:
    """Whether this run did all that the request asks."""
    try:
        provide(event)
    except NotEmpty as left:
        logger.warning("the vault is not empty yet", left=str(left))
        return False
    return True


def provide(event: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """Nothing on create and update; on delete everything deleted, if the stack itself goes.

    Raises what the question for the stack raises: a vault is never emptied on a guess.
    """
    name = event["ResourceProperties"]["VaultName"]
    if event["RequestType"] == "Delete":
        if is_going(event["StackId"]):
            vault = BackupVault(boto3.client("backup", config=CONFIG), name)
            points = empty(vault, clock=time.monotonic, sleep=time.sleep)
            logger.info("vault emptied", points=points)
        else:
            logger.warning("the stack stays: the vault was not emptied", vault=name)
    return f"empty-{name}", {}
