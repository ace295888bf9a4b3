"""One PostgreSQL and one log a session; each test starts with an empty, migrated database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.services.shared.database import connect

ROOT = Path(__file__).resolve().parents[3]
HOME, RECOVERY = "ca-central-1", "ca-west-1"
DAYS_PAST_THE_WINDOW = """
    SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'
    AND relname ~ '^event_[0-9]{8}$'
    AND relname > 'event_' || to_char((clock_timestamp() AT TIME ZONE 'UTC')::date + 2, 'YYYYMMDD')
"""
"""Partitions that an earlier test added to those of `migrate`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder needs the server, and most of it waits for clocks."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.postgres)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseAddress]:
    """A migrated server."""
    from tests.integration.datapath.engines import LOOPBACK, postgres
    from tests.support.certificates import ca_file

    with postgres(tmp_path_factory.mktemp("postgres") / "data") as port:
        settings = DatabaseAddress(LOOPBACK, port, "lifeline", "lifeline", "none", HOME, ca_file())
        both = [_command("migrate", settings) for _ in range(2)]  # twice at once
        assert [one.wait(60) for one in both] == [0, 0]
        yield settings


@pytest.fixture
def sql(database: DatabaseAddress) -> Iterator[Callable[..., list[Any]]]:
    """Run a statement; the rows. Before each test the tables are as `migrate` leaves them, empty."""
    with psycopg.connect(
        host=database.host, port=database.port, dbname="lifeline", user="lifeline", autocommit=True
    ) as connection:

        def run(statement: str, *values: object) -> list[Any]:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

        for (name,) in run(DAYS_PAST_THE_WINDOW):
            run(f"DROP TABLE {name}")
        run(
            "TRUNCATE event, unexpected_event, dead_letter, aggregate, applied_marker, applied_position, "
            "stream_shard, heartbeat, vital_sign, observation_correction, quality_flag, correction_version, "
            "archive_restore, detached_partition, event_source, accepted_gap "
            "RESTART IDENTITY"
        )
        run("UPDATE event_floor SET day = '-infinity', noted_from = '-infinity'")
        run("UPDATE authority SET epoch = 0, holder = '', renewals = 0, renewed_from = 'epoch'")
        yield run


@pytest.fixture
def serve_here(sql: Callable[..., list[Any]]) -> Callable[..., None]:
    """Write the authority row as the keeper would after a renewal."""

    def renewed(epoch: int = 1, holder: str = HOME) -> None:
        sql(
            "UPDATE authority SET epoch = %s, holder = %s, renewals = renewals + 1, "
            "renewed_from = clock_timestamp()",
            epoch,
            holder,
        )

    return renewed


@pytest.fixture
def placed(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[tuple[int, int]]]:
    """Of each placing: how many partitions by an own position, how many from the beginning."""
    text = ""

    def lines() -> list[tuple[int, int]]:
        nonlocal text
        text += capsys.readouterr().out
        told = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        found = [line for line in told if line.get("message") == "placed"]
        return [(line["own"], line["from_beginning"]) for line in found]

    return lines


@pytest.fixture
def connection(database: DatabaseAddress) -> Iterator[psycopg.Connection[Any]]:
    """The applier's own kind of connection."""
    with connect(database, purpose="test") as one:
        yield one


@pytest.fixture
def command() -> Callable[..., subprocess.Popen[bytes]]:
    """Start `python -m lifeline.services.event_applier …`."""
    return _command


def _command(name: str, database: DatabaseAddress, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "lifeline.services.event_applier", name],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "constructs"),
            "AWS_REGION": HOME,
            "PEER_REGION": RECOVERY,
            "SUFFIX": "test",
            "DATABASE_HOST": database.host,
            "DATABASE_PORT": str(database.port),
            "DATABASE_NAME": database.name,
            "DATABASE_USER": database.user,
            "DATABASE_AUTH": "none",
            "DATABASE_CA_FILE": database.ca_file,
            **environment,
        },
    )
