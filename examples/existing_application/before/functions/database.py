"""The application's database: the first of its hosts that answers."""

from __future__ import annotations

import os
import ssl

import boto3
import pg8000.native


def connect() -> pg8000.native.Connection:
    """Sign in with IAM. Raises what the last host raised."""
    *others, last = os.environ["DB_HOSTS"].split(",")
    for host in others:
        try:
            return _connect_to(host)
        except Exception:  # a member that was never promoted has no writer
            continue
    return _connect_to(last)


def _connect_to(host: str) -> pg8000.native.Connection:
    port, signed = int(os.environ["DB_PORT"]), os.environ["DB_SIGN_IN"] == "iam"
    token = boto3.client("rds").generate_db_auth_token(host, port, "vitals") if signed else None
    return pg8000.native.Connection(
        "vitals",
        host=host,
        port=port,
        database="vitals",
        password=token,
        ssl_context=ssl.create_default_context(cafile=os.environ["DB_CA_FILE"]),
        timeout=3,
    )
