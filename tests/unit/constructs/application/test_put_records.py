"""The request and response mapping, rendered as the lab's gateway renders it."""

from __future__ import annotations

import base64
import json
from typing import Any

import airspeed
import pytest

from lifeline.application.put_records import template

STAGE = {"stream": "edge-events-dev", "incarnation": "1790000000", "region": "ca-central-1"}


class Input:
    """API Gateway's `$input` over a parsed body."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def path(self, place: str) -> Any:
        """The value at a simple JSONPath, None when it is missing."""
        value = self._body
        for part in place.removeprefix("$").replace("]", "").replace("[", ".").split("."):
            if part and isinstance(value, list):
                value = value[int(part)]
            elif part:
                value = value.get(part) if isinstance(value, dict) else None
        return value

    def json(self, place: str) -> str:
        """The JSON text at a simple JSONPath."""
        return json.dumps(self.path(place))


class Util:
    """API Gateway's `$util`."""

    @staticmethod
    def base64Encode(text: str) -> str:
        """Base64 of a text's UTF-8."""
        return base64.b64encode(text.encode()).decode()

    @staticmethod
    def escapeJavaScript(text: str) -> str:
        """As Java's: also quotes and slashes get a backslash."""
        return json.dumps(text)[1:-1].replace("'", "\\'").replace("/", "\\/")


def render(name: str, body: Any) -> tuple[Any, int | None]:
    """The rendered JSON and the status that the template overrides."""
    context: dict[str, Any] = {"responseOverride": {}}
    text = airspeed.Template(template(name)).merge(
        {"input": Input(body), "util": Util(), "stageVariables": STAGE, "context": context}
    )
    return json.loads(text), context["responseOverride"].get("status")


def test_one_record_an_event_with_the_prefix_that_keeps_markers_out() -> None:
    events = [{"aggregateId": "m:shard", "payload": {"value": 1.5}}, {"eventId": "x"}, "text"]
    made, _ = render("put_records.request", {"events": events})
    assert made["StreamName"] == STAGE["stream"]
    assert [one["PartitionKey"] for one in made["Records"]] == ["e:m:shard", "e:-", "e:-"]
    assert [json.loads(base64.b64decode(one["Data"])) for one in made["Records"]] == events


@pytest.mark.parametrize("key", ["a'b", 'a"b', "a\\b", "a/b", "été", 'x", "Data": "y', "line\n"])
def test_no_aggregate_id_breaks_out_of_its_string(key: str) -> None:
    made, _ = render("put_records.request", {"events": [{"aggregateId": key}]})
    (record,) = made["Records"]
    assert record["PartitionKey"] == f"e:{key}"


def test_all_taken_is_202() -> None:
    records = [{"ShardId": "shardId-0", "SequenceNumber": "49"}] * 2
    answer, status = render("put_records.response", {"FailedRecordCount": 0, "Records": records})
    assert status is None
    assert answer["region"] == "ca-central-1"
    assert answer["incarnation"] == STAGE["incarnation"]
    assert answer["results"] == [{"status": 202, "shard": "shardId-0", "sequence": "49"}] * 2


def test_rule_b3_one_failed_record_is_207() -> None:
    records = [
        {"ShardId": "shardId-0", "SequenceNumber": "49"},
        {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"},
    ]
    answer, status = render("put_records.response", {"FailedRecordCount": 1, "Records": records})
    assert status == 207
    assert answer["results"][1] == {
        "status": 500,
        "error": "ProvisionedThroughputExceededException",
    }


RECORD_TOO_LONG = (
    "1 validation error detected: Value at 'records.1.member.data' failed to satisfy constraint: "
    "Member must have length less than or equal to %d"
)
"""As in https://github.com/awslabs/amazon-kinesis-producer/issues/680."""


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"__type": "ValidationException", "message": RECORD_TOO_LONG % 1_048_576}, 413),
        ({"__type": "ValidationException", "message": RECORD_TOO_LONG % 10_485_760}, 413),
        ({"__type": "InvalidArgumentException", "message": "Records size exceeds 5 MB limit"}, 413),
        ({"__type": "InvalidArgumentException", "message": "Records size exceeds 10 MiB"}, 413),
        ({"__type": "KMSThrottlingException", "message": "1048576 requests exceed a size"}, 503),
        ({"__type": "ResourceNotFoundException", "message": "no stream of size 1048576"}, 503),
        ({"__type": "ValidationException", "message": "5242880 is no stream's name"}, None),
        ({"__type": "ValidationException", "message": "records may not be empty"}, None),
        ({"__type": "ResourceNotFoundException", "message": "no stream"}, 503),
        ({"__type": "KMSDisabledException", "Message": "no key"}, 503),
    ],
)
def test_refusals(body: dict[str, str], status: int | None) -> None:
    """None: the response's own status, 400."""
    answer, found = render("put_records.refused", body)
    assert found == status
    assert answer["error"]
