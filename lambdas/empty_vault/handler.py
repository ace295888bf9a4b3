"""Empty a backup vault when its stack is deleted: the service refuses to delete one that is not empty."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from lifeline.lambdas.custom_resource.answer import answer_with
from lifeline.lambdas.custom_resource.stack import is_going
from lifeline.lambdas.empty_vault.vault import BackupVault, empty

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3})
logger = Logger()


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lambda's entry."""
    answer_with(provide, event)


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
