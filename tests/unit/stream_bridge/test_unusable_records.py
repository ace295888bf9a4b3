"""What the bridge's function says about records that it could not use: counts, never a record (B23)."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from lifeline.lambdas.contracts.log import LogAddress
from lifeline.lambdas.contracts.stream_bridge import StreamBridge
from lifeline.lambdas.failover.breaker import LEAST_EVENTS, Breaker, Stopped
from lifeline.lambdas.stream_bridge import handler as function
from lifeline.lambdas.stream_bridge import validation
from lifeline.lambdas.stream_bridge.batch import LogRecord
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from tests.support.counts import CountsInMemory


class LogInMemory:
    def __init__(self) -> None:
        self.records: list[LogRecord] = []

    def write(self, records: Iterable[LogRecord], _at_ms: int) -> None:
        self.records += records

    def write_marker(self, _marker: object, _at_ms: int) -> None:
        raise AssertionError("no marker is in the batch")


class OneStream:
    def incarnation(self, _named: set[str]) -> str:
        return "100"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> LogInMemory:
    """The function's log; judging any event raises."""

    def defective(*_: object) -> None:
        raise KeyError("Jane-Doe")

    made = LogInMemory()
    settings = StreamBridge(
        log=LogAddress("", "none", {"error.dlq": 1}, "ca-central-1"),
        stream_name="edge",
        counts_table="counts",
    )
    breaker, counts = Breaker(on=True), ShardCounts(CountsInMemory())
    parts = (settings, load_schemas(schemas_folder()), made, OneStream(), counts, breaker)
    monkeypatch.setattr(function, "_parts", lambda: parts)
    monkeypatch.setattr(validation, "_refused_kind", defective)
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the function logs."""
    made = io.StringIO()
    monkeypatch.setattr(function.logger.registered_handler, "stream", made)
    return made


def batch(*events: bytes) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventID": f"shardId-0:{number}",
                "kinesis": {
                    "sequenceNumber": str(number),
                    "partitionKey": "e:p",
                    "data": base64.b64encode(event).decode(),
                },
            }
            for number, event in enumerate(events)
        ]
    }


def test_a_defect_is_said_by_its_class_and_the_batch_is_done(
    log: LogInMemory, said: io.StringIO
) -> None:
    events = [b'{"name": "Jane-Doe"}'] * 2
    assert function.handler(batch(*events), None) == {"written": 2, "markers": 0}
    assert [one.topic for one in log.records] == ["error.dlq"] * 2
    lines: list[dict[str, Any]] = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("WARNING", "rejected"),
        ("ERROR", "defects"),
    ]
    assert lines[0]["rejected"] == {"defect": 2}
    assert lines[1]["defects"] == {"KeyError": 2}
    assert lines[1]["records"] == 2, "what the alarm counts"
    assert "Jane" not in said.getvalue()


def of_senders(*senders: str) -> list[bytes]:
    return [json.dumps({"metadata": {"userId": one}}).encode() for one in senders]


def test_when_nearly_everything_of_several_senders_would_be_set_aside_nothing_is(
    log: LogInMemory, said: io.StringIO
) -> None:
    """B23: our own fault. The batch comes again until a release without it; one alarm in a quarter hour."""
    everybody = of_senders(*(["a", "b", "c"] * (LEAST_EVENTS // 3 + 1)))
    for _ in range(2):
        with pytest.raises(Stopped):
            function.handler(batch(*everybody), None)
    assert log.records == []
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [(line["level"], line["message"], line["defects"]) for line in lines] == [
        ("ERROR", "stopped", {"KeyError": len(everybody)})
    ]


def test_one_sender_alone_stops_nothing_and_who_does_not_say_who_it_is_counts_as_one(
    log: LogInMemory, said: io.StringIO
) -> None:
    """Whatever stands in the sender's place: no name, another kind of name, no object, no JSON."""
    nobody = [b"{}", b'{"metadata": 7}', b'{"metadata": {"userId": 7}}', b'{"metadata": {}}', b"{"]
    events = [*nobody, b"[]", *of_senders(*["a"] * (2 * LEAST_EVENTS))]
    assert function.handler(batch(*events), None)["written"] == len(events)


def test_what_was_set_aside_before_counts_until_something_is_taken(
    log: LogInMemory, said: io.StringIO
) -> None:
    """A batch at night holds one or two events."""
    for number in range(LEAST_EVENTS - 1):
        function.handler(batch(*of_senders("abc"[number % 3])), None)
    assert len(log.records) == LEAST_EVENTS - 1
    with pytest.raises(Stopped):
        function.handler(batch(*of_senders("a")), None)
    assert len(log.records) == LEAST_EVENTS - 1
