"""A custom resource that works longer than a function may run: it goes on in another run, and answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lifeline.lambdas.custom_resource.long_run import UNTIL, LongRun, answer_when_done
from tests.unit.custom_resource.test_answer import AnswerServer

FUNCTION = "arn:aws:lambda:ca-west-1:123456789012:function:cache-membership-test"


class Context:
    """What Lambda says of the run."""

    invoked_function_arn = FUNCTION


@pytest.fixture
def invoked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """The client that calls the function again, held against the service's model."""
    make: Any = boto3.client
    client = make(
        "lambda", region_name="ca-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    monkeypatch.setattr(boto3, "client", lambda *_a, **_k: client)
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def asked(url: str, **more: Any) -> dict[str, Any]:
    """A request of CloudFormation."""
    known = {"RequestType": "Delete", "ResponseURL": url, "StackId": "s", "RequestId": "r"}
    return {**known, "LogicalResourceId": "Left", **more}


def run(act: Callable[[float], bool], late: Exception | None = None) -> LongRun:
    """A run that is waited for for a minute."""
    return LongRun(act=act, patience_seconds=60, physical_id="it", late=late)


def test_what_is_done_is_answered() -> None:
    with AnswerServer(closes=0) as server:
        answer_when_done(run(lambda _until: True), asked(server.url), Context())
    assert [one["Status"] for one in server.heard] == ["SUCCESS"]


def test_what_is_not_done_goes_on_with_the_first_runs_deadline(invoked: Stubber) -> None:
    request = asked("http://127.0.0.1:1/", **{UNTIL: 4_000_000_000.0})
    payload = json.dumps(request).encode()
    invoked.add_response(
        "invoke",
        {"StatusCode": 202},
        {"FunctionName": FUNCTION, "InvocationType": "Event", "Payload": payload},
    )
    answer_when_done(run(lambda _until: False), request, Context())


def test_what_is_late_fails_only_where_it_must() -> None:
    with AnswerServer(closes=0) as server:
        request = asked(server.url, **{UNTIL: 1.0})
        answer_when_done(run(lambda _until: False, TimeoutError("late")), request, Context())
        answer_when_done(run(lambda _until: False), request, Context())
    assert [one["Status"] for one in server.heard] == ["FAILED", "SUCCESS"]
    assert server.heard[0]["Reason"] == "TimeoutError: late"


def test_a_defect_is_told(invoked: Stubber) -> None:
    def broken(_until: float) -> bool:
        raise KeyError("x")

    with AnswerServer(closes=0) as server:
        answer_when_done(run(broken), asked(server.url), Context())
    assert server.heard[0]["Status"] == "FAILED"
