"""Secrets Manager's entry: one step of a rotation a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from lifeline.lambdas.contracts.rotate_admin import RotateAdmin
from lifeline.lambdas.rotate_admin.adapters import ManagedSecret, Server
from lifeline.lambdas.rotate_admin.rotation import Rotation

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3})
logger = Logger()


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Run the step. Raises ValueError for a secret that is not the admin's, else what the step raised."""
    told = RotateAdmin.from_env()
    own = told.secret_arn
    if event["SecretId"] != own:
        raise ValueError(f"asked to rotate {event['SecretId']}, but this function rotates {own}")
    server = Server(
        host=told.database_host,
        port=told.database_port,
        database=told.database_name,
        ca_file=told.database_ca_file,
    )
    rotation = Rotation(
        ManagedSecret(boto3.client("secretsmanager", config=CONFIG), own),
        server.sign_in,
        str(event["ClientRequestToken"]),
    )
    logger.info("rotation step done", step=event["Step"], did=rotation.run(str(event["Step"])))
