"""What the lag meter reads of a real, migrated database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.lag_meter.database import MeterDatabase

HOME = "ca-central-1"


@pytest.fixture
def meter(database: DatabaseAddress, sql: Callable[..., list[Any]]) -> Iterator[MeterDatabase]:
    address = replace(database, region=HOME)
    opened = MeterDatabase(address)
    yield opened
    opened.close()


def beat(sql: Callable[..., list[Any]], region: str, seconds: int) -> None:
    sql(
        "INSERT INTO heartbeat VALUES (%s, 'event-applier', 1, "
        "clock_timestamp() - make_interval(secs => %s))",
        region,
        seconds,
    )


def test_a_database_that_was_never_opened_has_no_age(meter: MeterDatabase) -> None:
    assert meter.heartbeat_age_seconds() is None
    assert meter.holder() == ""


def test_the_newest_sign_of_life_is_the_age(
    meter: MeterDatabase, sql: Callable[..., list[Any]]
) -> None:
    sql("UPDATE authority SET epoch = 1, holder = %s, renewed_from = now() - interval '50 s'", HOME)
    assert meter.heartbeat_age_seconds() == pytest.approx(50, abs=5)
    beat(sql, HOME, 20)
    beat(sql, "ca-west-1", 900)
    assert meter.heartbeat_age_seconds() == pytest.approx(20, abs=5)
    sql("UPDATE authority SET renewed_from = clock_timestamp()")
    assert meter.heartbeat_age_seconds() == pytest.approx(0, abs=5)
    assert meter.holder() == HOME


def test_the_counter_grows_with_what_is_taken_in_hand(
    meter: MeterDatabase, sql: Callable[..., list[Any]]
) -> None:
    before = meter.applied_count()
    sql("SELECT nextval('event_apply_no') FROM generate_series(1, 40)")
    assert meter.applied_count() >= before + 39


def test_patients_with_newer_events_are_counted_once_each(
    meter: MeterDatabase, sql: Callable[..., list[Any]]
) -> None:
    for kind, name, instant in (
        ("Patient", "a", 90),
        ("Patient", "b", 110),
        ("Patient", "c", 120),
        ("Appointment", "d", 130),
    ):
        sql(
            "INSERT INTO aggregate VALUES (%s, %s, 1, to_timestamp(%s), gen_random_uuid(), '{}')",
            kind,
            name,
            instant,
        )
    assert meter.patients_newer_than(100.0) == 2
