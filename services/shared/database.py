"""Connections to the region's own database, every wait bounded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg

from lifeline.lambdas.certificates.database_tls import libpq_settings
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.protocol import TRANSACTION_TIMEOUT_SECONDS

Connection = psycopg.Connection[Any]

_LIMITS = """
SELECT set_config(name, %s, false) FROM pg_settings
WHERE name IN ('transaction_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout')
"""  # by pg_settings: `transaction_timeout` does not exist before PostgreSQL 17


def connect(settings: DatabaseAddress, *, purpose: str, limited: bool = True) -> Connection:
    """An autocommit connection to the first host that answers. Raises psycopg.Error.

    `limited` sets the server-side timeouts. libpq reads the admin's password from PGPASSWORD (migrations).
    """
    *others, last = settings.host.split(",")
    for host in others:
        try:
            return _connect_to(replace(settings, host=host), purpose, limited)
        except psycopg.OperationalError:  # not there (yet): the next one says whether anything is
            continue
    return _connect_to(replace(settings, host=last), purpose, limited)


def _connect_to(settings: DatabaseAddress, purpose: str, limited: bool) -> Connection:
    connection = psycopg.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.name,
        user=settings.user,
        password=_iam_token(settings) if settings.auth == "iam" else None,
        **libpq_settings(settings.ca_file),
        application_name=f"lifeline-{purpose}",
        connect_timeout=3,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=5_000,
        options="-c timezone=UTC",
        autocommit=True,
    )
    if limited:
        connection.execute(_LIMITS, (f"{TRANSACTION_TIMEOUT_SECONDS}s",))
    return connection


def connection_url(settings: DatabaseAddress) -> str:
    """The same address as a URL, for the migration library."""
    from urllib.parse import quote, urlencode

    password = f":{quote(_iam_token(settings), safe='')}" if settings.auth == "iam" else ""
    user, name = quote(settings.user, safe=""), quote(settings.name, safe="")
    server, tls = f"{settings.host}:{settings.port}", urlencode(libpq_settings(settings.ca_file))
    return f"postgresql+psycopg://{user}{password}@{server}/{name}?{tls}"


def _iam_token(settings: DatabaseAddress) -> str:
    """Signed locally from the task role's credentials; valid for 15 minutes of connecting.

    Raises psycopg.OperationalError without credentials: their endpoint may fail, as a server may.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        client = boto3.client("rds", region_name=settings.region)
        token = client.generate_db_auth_token(
            DBHostname=settings.host, Port=settings.port, DBUsername=settings.user
        )
    except BotoCoreError as error:
        raise psycopg.OperationalError(
            f"no token for the database: {type(error).__name__}"
        ) from error
    return str(token)
