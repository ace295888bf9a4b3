"""The simulator's database against PostgreSQL: the same calls of the deployed adapter, the same answers.

What the twin gets wrong here, ten thousand simulated runs would get wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.contracts.database import DatabaseAddress
from simulator.scheduler import Machine, Scheduler
from simulator.twins.postgresql import Rows, Server, Session

HOME, RECOVERY = "ca-central-1", "ca-west-1"
REGIONS = st.sampled_from([HOME, RECOVERY])
EPOCHS = st.integers(0, 3)
STAMPS = st.sampled_from(["2026-01-01 00:00:00+00", "2026-01-01 00:00:01+00"])

calls = st.lists(
    st.one_of(
        st.tuples(st.just("view"), st.just(())),
        st.tuples(st.just("bump"), st.tuples(REGIONS, EPOCHS, st.integers(0, 3), STAMPS)),
        st.tuples(st.just("open_epoch"), st.tuples(REGIONS, EPOCHS, STAMPS)),
        st.tuples(st.just("fence_epoch"), st.tuples(EPOCHS)),
        st.tuples(st.just("heartbeat_epoch"), st.tuples(REGIONS)),
        st.tuples(st.just("progress"), st.tuples(REGIONS)),
        st.tuples(st.just("newest_applied_born"), st.tuples(REGIONS)),
    ),
    min_size=1,
    max_size=12,
)


class TwinDatabase(RegionDatabase):
    """The deployed adapter, whose connection leads to the twin."""

    def __init__(self, address: DatabaseAddress, server: Server) -> None:
        super().__init__(address)
        self._server = server

    def _connect(self) -> Any:
        session = Session(self._server)

        class Connection:
            def run(self, sql: str, **values: Any) -> Any:
                if "stamp" in values:
                    values["stamp"] = 1.0 if values["stamp"].endswith("01+00") else 0.0
                return session.run(sql, values)

            def close(self) -> None:
                session.close()

        return Connection()


def answer(database: RegionDatabase, name: str, given: tuple[Any, ...]) -> Any:
    """What the adapter answers."""
    match name:
        case "view":
            # Its age is by each server's own clock.
            return replace(database.view(), renewed_seconds_ago=None)
        case "bump":
            region, epoch, renewals, stamp = given
            return database.bump(region=region, epoch=epoch, renewals=renewals, renewed_from=stamp)
        case "open_epoch":
            region, epoch, stamp = given
            return database.open_epoch(region=region, epoch=epoch, renewed_from=stamp)
        case "fence_epoch":
            return database.fence_epoch(epoch=given[0])
        case "heartbeat_epoch":
            return database.heartbeat_epoch(given[0], 60.0)
        case "progress":
            # Its age is by each server's own clock, too.
            found = database.progress(given[0])
            return found.beat_seconds_ago is None, found.newest_applied
        case _:
            return database.newest_applied_born(given[0])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(asked=calls)
def test_the_twin_answers_as_the_server_does(
    database: DatabaseAddress,
    sql: Callable[..., list[Any]],
    asked: list[tuple[str, tuple[Any, ...]]],
) -> None:
    sql("UPDATE authority SET epoch = 0, holder = '', renewals = 0, renewed_from = 'epoch'")
    sql("TRUNCATE heartbeat, applied_marker")
    sql(
        "INSERT INTO heartbeat (region, role, epoch, at) VALUES (%s, 'apply', 2, clock_timestamp())",
        HOME,
    )
    real = RegionDatabase(database)
    server = Server(HOME, Machine(HOME), Scheduler(1), 1_000.0)
    server.rows = Rows(heartbeats={HOME: (2, server.clock())})
    twin = TwinDatabase(database, server)
    try:
        for name, given_values in asked:
            found, expected = answer(twin, name, given_values), answer(real, name, given_values)
            assert found == expected, (name, given_values)
        row = sql("SELECT epoch, holder, renewals FROM authority")[0]
        assert (server.rows.epoch, server.rows.holder, server.rows.renewals) == tuple(row)
    finally:
        real.close()


def test_a_statement_that_the_twin_does_not_know_ends_the_run(database: DatabaseAddress) -> None:
    session = Session(Server(HOME, Machine(HOME), Scheduler(1), 1_000.0))
    with pytest.raises(BaseException, match="SELECT 1"):
        session.run("SELECT 1", {})
