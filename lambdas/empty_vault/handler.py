"""Empty a backup vault when its stack is deleted: the service refuses to delete one that is not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from cloudformation.answer import answer_with

from empty_vault.vault import BackupVault, empty

CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"max_attempts": 5})
logger = Logger()


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lambda's entry."""
    answer_with(provide, event)


def provide(event: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """Nothing on create and update; everything deleted on delete."""
    name = event["ResourceProperties"]["VaultName"]
    if event["RequestType"] == "Delete":
        vault = BackupVault(boto3.client("backup", config=CONFIG), name)
        logger.info("vault emptied", points=empty(vault, clock=time.monotonic, sleep=time.sleep))
    return f"empty-{name}", {}
