"""The heartbeat row as a keeper reads it of a real, migrated database (A5, A6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.lag import Applied, vetoes
from lifeline.lambdas.failover.replication_signal import HeartbeatSignal

HOME, RECOVERY = "ca-central-1", "ca-west-1"
Sql = Callable[..., list[Any]]


@pytest.fixture
def signal(database: DatabaseAddress, sql: Sql) -> Iterator[HeartbeatSignal]:
    """By a server whose tables are empty."""
    address = replace(database, region=RECOVERY)
    opened = RegionDatabase(address)
    yield HeartbeatSignal(opened, own_api=lambda: None)
    opened.close()


def beat(sql: Sql, region: str, *, ago: float, role: str = "event-applier") -> None:
    sql(
        "INSERT INTO heartbeat VALUES (%s, %s, 1, clock_timestamp() - make_interval(secs => %s)) "
        "ON CONFLICT (region, role) DO UPDATE SET at = excluded.at",
        region,
        role,
        ago,
    )


def test_no_row_is_not_known(signal: HeartbeatSignal, sql: Sql) -> None:
    beat(sql, RECOVERY, ago=0)
    assert signal.complete_until(HOME) is None


def test_the_newest_row_of_the_region_counts(signal: HeartbeatSignal, sql: Sql) -> None:
    beat(sql, HOME, ago=40)
    beat(sql, HOME, ago=90, role="other")
    beat(sql, RECOVERY, ago=0)
    assert signal.complete_until(HOME) == pytest.approx(time.time() - 40, abs=5)
    assert signal.applied_until(HOME) == signal.complete_until(HOME)


def test_the_keepers_renewal_is_a_heartbeat_of_the_holder_only(
    signal: HeartbeatSignal, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here(holder=HOME)
    assert signal.complete_until(HOME) == pytest.approx(time.time(), abs=5)
    assert signal.complete_until(RECOVERY) is None


def test_a_fence_does_not_take_the_last_renewal_away(
    signal: HeartbeatSignal, sql: Sql, serve_here: Callable[..., None]
) -> None:
    """A16: the fence leaves the row to nobody, and it replicates; what was here is here still."""
    serve_here(holder=HOME)
    sql("UPDATE authority SET epoch = epoch + 1, holder = ''")
    assert signal.complete_until(HOME) == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize(("row_ago", "renewal_ago"), [(40, 90), (90, 40)])
def test_the_newer_of_row_and_renewal_counts(
    signal: HeartbeatSignal, sql: Sql, row_ago: float, renewal_ago: float
) -> None:
    beat(sql, HOME, ago=row_ago)
    sql(
        "UPDATE authority SET epoch = 1, holder = %s, "
        "renewed_from = clock_timestamp() - make_interval(secs => %s)",
        HOME,
        renewal_ago,
    )
    assert signal.complete_until(HOME) == pytest.approx(time.time() - 40, abs=5)


@pytest.mark.parametrize(("advances", "vetoed"), [(True, True), (False, False)])
def test_a_row_that_advances_vetoes(
    signal: HeartbeatSignal, sql: Sql, advances: bool, vetoed: bool
) -> None:
    """Twelve seconds of an active, told in rows; only the keeper's clock is made up."""
    now = time.time()
    history = []
    for second in range(0, 13, 3):
        beat(sql, HOME, ago=12 - second if advances else 12)
        born = signal.applied_until(HOME)
        assert born is not None
        history.append(Applied(now - 12 + second, born))
    found = vetoes(history, rate=0.5, window_seconds=10.0, moved_at=0.0, now=now)
    assert found is vetoed
