"""C8: what an edge wrote is what a reader gets, digit by digit: door, bridge, database, read API."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import orjson
import psycopg
import pytest

from lab.vtl import MappingTemplate
from lifeline.application.put_records import template
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.validation import Accepted, judge
from lifeline.services.event_applier.batch import batch_of
from lifeline.services.event_applier.store import Store
from lifeline.services.query_api.event_lookup import EventLookup
from lifeline.services.query_api.http_api import http_server
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.applying import HOME, region_settings
from tests.integration.datapath.log_records import event_body, event_record

Sql = Callable[..., list[Any]]
SCHEMAS = load_schemas(schemas_folder())
PLACE = '"@"'
NUMBERS = (
    *("80.00", "1.10", "0.30", "-0.0", "-0", "36.6", "1e2", "1.50E+1", "2.0e-7", "100"),
    *("3.141592653589793238462643383279502884197", "0.1000000000000000055511151231257827"),
    *("12345678901234567890123456789", "9007199254740993", "1E-300", "0e-308", "5e-324"),
)


def observation(number: str) -> tuple[str, str]:
    """An event's text and its payload's, the number as written; keys in no order, white space kept."""
    body = event_body(1)
    quantity = {"unit": "x", "code": "mm[Hg]", "system": "http://unitsofmeasure.org", "value": "@"}
    payload = {
        "valueQuantity": quantity,
        "status": "final",
        "resourceType": "Observation",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
        "subject": {"reference": "Patient/p-1"},
        "effectiveDateTime": body["occurredOn"],
        "note": 'tab\t "quoted" back\\slash é \u2028',
    }
    text = json.dumps(payload, indent=1).replace(PLACE, number)
    return json.dumps(body | {"payload": "@@"}).replace('"@@"', text), text


def through_the_door(text: str) -> bytes:
    """What Kinesis gets of the event: the deployed template's own words."""
    body = orjson.dumps({"events": [{"aggregateId": "p-1", "eventText": text}]})
    rendered = MappingTemplate(template("put_records.request")).render(
        body, orjson.loads(body), context={}, stage_variables={"stream": "s"}
    )
    [record] = orjson.loads(rendered)["Records"]
    assert record["PartitionKey"] == "e:p-1"
    return base64.b64decode(record["Data"])


@pytest.fixture
def store(connection: psycopg.Connection[Any], serve_here: Callable[..., None]) -> Store:
    serve_here()
    guard = ServingGuard(HOME, 20.0)
    guard.epoch = 1
    return Store(connection, HOME, guard)


@pytest.fixture
def read(database: DatabaseAddress) -> Iterator[Callable[[str], bytes]]:
    """`GET /v1/events/{id}` over HTTP: the raw answer."""
    lookup = EventLookup(database, region_settings(), workers=1)
    server = http_server("127.0.0.1", 0, {"/v1/events/": lookup.find})
    Thread(target=server.serve_forever, daemon=True).start()

    def asked(event_id: str) -> bytes:
        url = f"http://127.0.0.1:{server.server_address[1]}/v1/events/{event_id}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            content: bytes = answer.read()
        return content

    yield asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("number", NUMBERS)
def test_a_decimal_keeps_its_digits_from_the_edge_to_the_reader(
    store: Store, read: Callable[[str], bytes], number: str
) -> None:
    text, payload = observation(number)
    raw = through_the_door(text)
    assert raw == text.encode(), "the door hands on what it was given"
    assert isinstance(judge(raw, datetime.now(UTC), SCHEMAS), Accepted)
    batch = batch_of([event_record(1, {})._replace(value=raw)])
    assert store.apply(batch, heartbeat=False).inserted == 1
    answer = read(json.loads(text)["eventId"])
    assert b'"payload":' + payload.encode() in answer
    assert orjson.loads(answer)["metadata"] == {"correlationId": "c"}


def test_an_event_that_the_release_before_stored_is_read(
    store: Store, sql: Sql, read: Callable[[str], bytes]
) -> None:
    """It has no text of its own: its digits are those that jsonb kept."""
    text, _ = observation("80.00")
    store.apply(batch_of([event_record(1, {})._replace(value=text.encode())]), heartbeat=False)
    sql("UPDATE event SET payload_text = NULL, metadata_text = NULL")
    assert b'"value": 80.00' in read(json.loads(text)["eventId"])


def test_the_release_before_reads_what_this_one_stores(store: Store, sql: Sql) -> None:
    text, _ = observation("80.00")
    store.apply(batch_of([event_record(1, {})._replace(value=text.encode())]), heartbeat=False)
    [(payload, metadata)] = sql("SELECT payload, metadata FROM event")
    assert payload == json.loads(text)["payload"]
    assert metadata == {"correlationId": "c"}
