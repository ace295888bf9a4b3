"""`GET /v1/events/{id}` against a real server: right, bounded, and only while this region serves (A1)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.services.event_applier.batch import batch_of
from lifeline.services.event_applier.store import Store
from lifeline.services.query_api import event_lookup
from lifeline.services.query_api.event_lookup import EventLookup
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.applying import HOME, RECOVERY, region_settings
from tests.integration.datapath.log_records import TOPIC, event_body, event_record
from tests.support.http_server import closed_port, silent_port

Sql = Callable[..., list[Any]]
Renewed = Callable[..., None]
BODY = event_body(7)


@pytest.fixture
def stored(connection: psycopg.Connection[Any], serve_here: Renewed) -> None:
    """One event, applied as the applier does."""
    serve_here()
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    records = [event_record(3, BODY)]
    Store(connection, HOME, guard).apply(batch_of(records), heartbeat=False)


@pytest.fixture
def lookup(database: DatabaseAddress) -> EventLookup:
    """With one worker: what holds it up holds the next question up."""
    return EventLookup(database, region_settings(), workers=1)


def test_an_event_is_answered_as_it_was_accepted(stored: None, lookup: EventLookup) -> None:
    status, body = lookup.find(BODY["eventId"])
    assert status == 200
    body = orjson.loads(orjson.dumps(body))
    assert {name: body[name] for name in BODY if name != "occurredOn"} == {
        name: value for name, value in BODY.items() if name != "occurredOn"
    }
    assert body["occurredOn"].endswith("Z")
    assert (body["origin"], body["incarnation"], body["shard"]) == (HOME, "100", "shardId-0")
    assert (body["shardSequence"], body["topic"], body["appliedEpoch"]) == (
        str(10**50 + 3),
        TOPIC,
        1,
    )


@pytest.mark.parametrize("asked", ["0190f2a1-0000-4000-8000-000000000001", "no-id", "", "1;2"])
def test_what_is_not_there_is_404(stored: None, lookup: EventLookup, asked: str) -> None:
    assert lookup.find(asked)[0] == 404


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE authority SET holder = '{RECOVERY}'",
        "UPDATE authority SET holder = ''",
        "UPDATE authority SET renewed_from = clock_timestamp() - interval '20.1 s'",
    ],
)
def test_a_region_that_may_not_serve_answers_no_event(
    stored: None, sql: Sql, lookup: EventLookup, change: str
) -> None:
    """Neither a state that may be old, nor a 404 that would say it was never stored."""
    assert lookup.find(BODY["eventId"])[0] == 200
    sql(change)
    for asked in (BODY["eventId"], "0190f2a1-0000-4000-8000-000000000001"):
        status, body = lookup.find(asked)
        assert status == 503
        assert body["error"].startswith("this region does not serve: ")


def test_an_epoch_that_fell_is_not_served(stored: None, sql: Sql, lookup: EventLookup) -> None:
    sql("UPDATE authority SET epoch = 5")
    assert lookup.find(BODY["eventId"])[0] == 200
    sql("UPDATE authority SET epoch = 4")
    assert lookup.find(BODY["eventId"])[0] == 503


def test_a_database_that_refuses_is_said_and_found_again(
    stored: None, sql: Sql, lookup: EventLookup
) -> None:
    assert lookup.find(BODY["eventId"])[0] == 200
    sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'lifeline-lookup'"
    )
    status, body = lookup.find(BODY["eventId"])
    assert status == 503
    assert body["error"].startswith("the database failed: ")
    assert lookup.find(BODY["eventId"])[0] == 200


def test_a_database_that_is_not_there_is_said(database: DatabaseAddress) -> None:
    lookup = EventLookup(replace(database, port=closed_port()), region_settings(), workers=1)
    assert lookup.find(BODY["eventId"]) == (
        503,
        {"error": "the database failed: OperationalError"},
    )


def test_a_database_that_hangs_holds_no_request_up(
    database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_lookup, "WAIT_SECONDS", 0.3)
    with silent_port() as port:
        lookup = EventLookup(replace(database, port=port), region_settings(), workers=1)
        began = time.monotonic()
        for _ in range(2):  # the second question waits behind the first
            assert lookup.find(BODY["eventId"]) == (503, {"error": "the database does not answer"})
        assert time.monotonic() - began < 1.5


def test_questions_that_waited_too_long_are_dropped_and_the_worker_goes_on(
    stored: None, database: DatabaseAddress, lookup: EventLookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_lookup, "WAIT_SECONDS", 0.3)
    with psycopg.connect(
        host=database.host, port=database.port, dbname="lifeline", user="lifeline"
    ) as locking:
        locking.execute("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
        for _ in range(3):
            assert lookup.find(BODY["eventId"])[0] == 503
        locking.rollback()
    monkeypatch.setattr(event_lookup, "WAIT_SECONDS", 3.0)
    assert lookup.find(BODY["eventId"])[0] == 200


def test_a_worker_outlives_whatever_its_question_raises(
    database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that no driver takes: each question is answered, none kills the worker for good."""
    no_host: Any = 3
    lookup = EventLookup(replace(database, host=no_host), region_settings(), workers=1)
    for _ in range(2):
        failed = {"error": "the database failed: AttributeError"}
        assert lookup.find(BODY["eventId"]) == (503, failed)
