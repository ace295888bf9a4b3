"""The gateway that stands for API Gateway: its templates' world, its limits, its receipts."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.gateway import Api, ApiDefinition, Handler, Refusal, Server

ROOT = Path(__file__).resolve().parents[3]
MAPPING = ROOT / "constructs" / "lifeline" / "application" / "mapping"


def api(request: str, response: str) -> Api:
    return Api(
        ApiDefinition(
            region="ca-central-1",
            account="000000000000",
            port=0,
            stream_url_port=1,
            query_api_port=1,
            query_api_ca_file="",
            request_template=request,
            responses=(("200", 202, response), ("", 503, '{"error": "no"}')),
            stage_variables={"stream": "s", "region": "ca-central-1", "incarnation": "17"},
            user_pool="pool",
            write_scope="events/write",
            read_scope="events/read",
        )
    )


@pytest.fixture
def sent() -> list[bytes]:
    return []


@pytest.fixture
def gateway(sent: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Api:
    made = api(_named("Records"), _named("FailedRecordCount"))

    def stream(
        _method: str, _path: str, body: bytes, _headers: dict[str, str]
    ) -> tuple[int, bytes]:
        sent.append(body)
        records = orjson.loads(body)["Records"]
        taken: list[dict[str, Any]] = [
            {"ShardId": "shardId-000000000000", "SequenceNumber": str(n)}
            if b"refuse" not in base64.b64decode(record["Data"])
            else {"ErrorCode": "ProvisionedThroughputExceededException"}
            for n, record in enumerate(records)
        ]
        failed = sum("ErrorCode" in each for each in taken)
        return 200, orjson.dumps({"FailedRecordCount": failed, "Records": taken})

    monkeypatch.setattr(made._stream, "call", stream)
    return made


def _named(content: str) -> str:
    """The mapping template that mentions `content` first of all."""
    for path in sorted(MAPPING.glob("*.vtl")):
        text = path.read_text()
        if f'"{content}"' in text or f"$.{content}" in text:
            return text
    raise AssertionError(f"no mapping template with {content}")


def test_each_event_becomes_one_record_with_its_own_bytes(gateway: Api, sent: list[bytes]) -> None:
    events = [{"aggregateId": "patient-1", "note": 'it\'s "so" é'}, {"note": "no aggregate"}]
    status, answer = gateway.post_events(json.dumps({"events": events}).encode())
    assert status == 202
    request = orjson.loads(sent[0])
    assert request["StreamName"] == "s"
    assert [r["PartitionKey"] for r in request["Records"]] == ["e:patient-1", "e:-"]
    assert [orjson.loads(base64.b64decode(r["Data"])) for r in request["Records"]] == events
    assert orjson.loads(answer) == {
        "region": "ca-central-1",
        "incarnation": "17",
        "results": [
            {"status": 202, "shard": "shardId-000000000000", "sequence": "0"},
            {"status": 202, "shard": "shardId-000000000000", "sequence": "1"},
        ],
    }


def test_an_aggregate_id_cannot_break_out_of_its_key(gateway: Api, sent: list[bytes]) -> None:
    awkward = "a\"b\\c'd"
    gateway.post_events(json.dumps({"events": [{"aggregateId": awkward}]}).encode())
    assert orjson.loads(sent[0])["Records"][0]["PartitionKey"] == f"e:{awkward}"


def test_a_record_that_failed_is_not_accepted(gateway: Api) -> None:
    body = json.dumps({"events": [{"aggregateId": "a"}, {"aggregateId": "refuse"}]}).encode()
    status, answer = gateway.post_events(body)
    assert status == 207
    results = orjson.loads(answer)["results"]
    assert [row["status"] for row in results] == [202, 500]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b"[]", 400),
        (b'{"events": []}', 400),
        (json.dumps({"events": [{}] * 501}).encode(), 400),
        (json.dumps({"events": [{"aggregateId": "a", "x": "y" * 1_100_000}]}).encode(), 413),
    ],
)
def test_what_the_services_would_refuse_is_refused(
    gateway: Api, sent: list[bytes], body: bytes, status: int
) -> None:
    with pytest.raises(Refusal) as refused:
        gateway.post_events(body)
    assert refused.value.status == status
    assert sent == []


def test_a_stream_out_of_reach_is_503() -> None:
    with pytest.raises(Refusal) as refused:
        api(_named("Records"), "{}").post_events(b'{"events": [{"aggregateId": "a"}]}')
    assert refused.value.status == 503


def test_without_a_token_nothing_is_written_or_read(sent: list[bytes], gateway: Api) -> None:
    handler = type("Region", (Handler,), {"api": gateway})
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
        for verb, path, body in (
            ("POST", "/v1/events", b'{"events": [{"aggregateId": "a"}]}'),
            ("GET", "/v1/watermark", None),
            ("GET", "/v1/events/17", None),
        ):
            connection.request(verb, path, body=body)
            answer = connection.getresponse()
            answer.read()
            assert (path, answer.status) == (path, 401)
        connection.request("GET", "/health")
        # Open to all: what answers is the query API, which does not run here.
        assert connection.getresponse().status == 503
    finally:
        server.shutdown()
        server.server_close()
    assert sent == []
