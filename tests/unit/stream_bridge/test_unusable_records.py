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
from lifeline.lambdas.failover.breaker import Breaker
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


def test_a_defect_is_said_by_its_class_and_the_batch_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def defective(*_: object) -> None:
        raise KeyError("Jane-Doe")

    log, said = LogInMemory(), io.StringIO()
    settings = StreamBridge(
        log=LogAddress("", "none", {"error.dlq": 1}, "ca-central-1"),
        stream_name="edge",
        counts_table="counts",
    )
    breaker, counts = Breaker(on=True), ShardCounts(CountsInMemory())
    parts = (settings, load_schemas(schemas_folder()), log, OneStream(), counts, breaker)
    monkeypatch.setattr(function, "_parts", lambda: parts)
    monkeypatch.setattr(function.logger.registered_handler, "stream", said)
    monkeypatch.setattr(validation, "_refused_kind", defective)
    records = [
        {
            "eventID": f"shardId-0:{number}",
            "kinesis": {
                "sequenceNumber": str(number),
                "partitionKey": "e:p",
                "data": base64.b64encode(b'{"name": "Jane-Doe"}').decode(),
            },
        }
        for number in range(2)
    ]
    assert function.handler({"Records": records}, None) == {"written": 2, "markers": 0}
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
