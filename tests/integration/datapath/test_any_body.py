"""Any body is stored with every character as sent, or rejected with a reason; nothing is raised (B23, C8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.validation import Accepted, judge
from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.store import Store
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.applying import HOME
from tests.support.awkward_events import directed, fuzzed, sound
from tests.support.bedside_observations import SHAPES
from tests.unit.stream_bridge.test_judgement_is_total import mutated_events
from tests.unit.stream_bridge.test_validation import ARRIVED

Sql = Callable[..., list[Any]]
SCHEMAS = load_schemas(schemas_folder())
BATCH = 500
HEADERS = [("origin", b"r"), ("incarnation", b"1"), ("shard", b"s"), ("sequence", b"9")]


@pytest.fixture
def store(connection: psycopg.Connection[Any], serve_here: Callable[..., None]) -> Store:
    serve_here()
    guard = ServingGuard(HOME, 3_600.0)
    guard.epoch = 1
    return Store(connection, HOME, guard)


def judged_and_stored(
    store: Store, sql: Sql, bodies: Iterable[bytes], now: datetime
) -> tuple[int, int]:
    """(stored, rejected); fails where a verdict is a defect, or what is stored is not what was sent."""
    accepted, rejected = [], 0
    for raw in bodies:
        found = judge(raw, now, SCHEMAS)
        if isinstance(found, Accepted):
            accepted.append(LogRecord(found.topic, 0, 0, 0, raw, HEADERS))
        else:
            assert found.reason != "defect", (found, raw[:2_000])
            assert found.detail.endswith(".")
            rejected += 1
    for start in range(0, len(accepted), BATCH):
        batch = batch_of(accepted[start : start + BATCH])
        assert batch.unreadable == []
        store.apply(batch, heartbeat=False)
    assert_verbatim(sql, [one.value for one in accepted])
    return len(accepted), rejected


def assert_verbatim(sql: Sql, raws: list[bytes]) -> None:
    rows = sql("SELECT event_id::text, payload_text::text, metadata_text::text FROM event")
    held: dict[str, set[tuple[str, str]]] = {}
    for event_id, *texts in rows:
        held.setdefault(event_id, set()).add((texts[0], texts[1]))
    for raw in raws:
        parts = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        sent = tuple(bytes(parts[name]).decode() for name in ("payload", "metadata"))
        assert sent in held[orjson.loads(raw)["eventId"].lower()], raw[:2_000]


def unique(bodies: Iterable[bytes]) -> list[bytes]:
    """Without a second body of an id: that one is another rule's (C2)."""
    kept: dict[object, bytes] = {}
    for raw in bodies:
        try:
            kept.setdefault(orjson.loads(raw)["eventId"].lower(), raw)
        except Exception:
            kept[raw] = raw
    return list(kept.values())


def test_each_directed_body_is_stored_as_sent_or_rejected(store: Store, sql: Sql) -> None:
    now = datetime.now(UTC)
    bodies = directed(now)
    assert len(bodies) > 300
    taken, rejected = judged_and_stored(store, sql, unique(bodies), now)
    assert taken > 40
    assert rejected > 200


def test_each_shape_of_a_bedside_observation_is_stored_as_sent(store: Store, sql: Sql) -> None:
    now = datetime.now(UTC)
    bodies = [
        orjson.dumps(sound(number, now) | {"version": 2, "payload": payload})
        for number, payload in enumerate(SHAPES.values())
    ]
    assert judged_and_stored(store, sql, bodies, now) == (len(SHAPES), 0)


def test_sixty_thousand_fuzzed_bodies_are_stored_as_sent_or_rejected(
    store: Store, sql: Sql
) -> None:
    now = datetime.now(UTC)
    bodies = unique(fuzzed(60_000, 7, now))
    taken, rejected = judged_and_stored(store, sql, bodies, now)
    assert taken > 1_000
    assert rejected > 30_000


@given(raw=mutated_events())
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_what_the_bridge_accepts_the_database_takes(store: Store, sql: Sql, raw: bytes) -> None:
    sql("TRUNCATE event, aggregate")
    judged_and_stored(store, sql, [raw], ARRIVED)


def test_bad_bodies_take_less_than_twice_the_time_of_good_ones() -> None:
    now = datetime.now(UTC)
    good = [orjson.dumps(sound(number, now)) for number in range(3_000)]
    bad = [one for one in fuzzed(3_000, 11, now) if len(one) < 10_000]

    def seconds(bodies: list[bytes]) -> float:
        began = time.process_time()
        for raw in bodies:
            judge(raw, now, SCHEMAS)
        return (time.process_time() - began) / len(bodies)

    rounds = [(seconds(good), seconds(bad)) for _ in range(5)]
    assert min(one for _, one in rounds) < 2 * min(one for one, _ in rounds)
