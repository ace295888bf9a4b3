"""A throw-away PostgreSQL from the wheel with the platform's own migrations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drill.dead_letters import TOPIC
from tests.integration.conftest import NewLog
from tests.integration.datapath.engines import LOOPBACK, postgres
from tests.support.certificates import ca_file

OBSERVATIONS = "clinical.observation.recorded"
MIGRATIONS = Path(__file__).resolve().parents[3] / "services" / "event_applier" / "migrations"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a running server's `postgres` database."""
    with postgres(tmp_path_factory.mktemp("pg") / "data", timezone="UTC") as port:
        verified = f"sslmode=verify-full sslrootcert={ca_file()}"
        yield f"host={LOOPBACK} port={port} user=lifeline {verified}"


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A fresh `lifeline`-like database, migrated."""
    name = f"t{abs(hash(request.node.nodeid)) % 10**9}"
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(f"{server} dbname={name}", autocommit=True) as connection:
        for path in sorted(MIGRATIONS.glob("*.sql")):
            if not path.name.endswith(".rollback.sql"):
                connection.execute(path.read_text())
        connection.execute("SELECT extend_event_partitions()")
        yield connection


@pytest.fixture
def bootstrap(new_log: NewLog) -> str:
    """A log with the topics of observations and of dead letters."""
    return new_log({OBSERVATIONS: 2, TOPIC: 2})
