"""The step `call`: a function of the user's own is called, and whatever it answers, the run goes on (A17)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover.further_steps import LEAST_TIMEOUT_SECONDS, MOST_FURTHER_STEPS
from lifeline.lambdas.failover.plan import CALL_ENDS_BEFORE_SECONDS
from lifeline.lambdas.failover_step import handler as function
from lifeline.lambdas.failover_step.further_step import ANSWER_BYTES, FurtherStepFailed
from tests.support.step_runs import EPOCH, OWN
from tests.unit.failover_step.test_store_steps import ENVIRONMENT, credentials

__all__ = ["credentials"]

YOURS = "arn:aws:lambda:ca-west-1:111111111111:function:promote-search"
TIMEOUT_SECONDS = 7
SHARED = {
    "epoch": EPOCH,
    "from_epoch": 1,
    "region": OWN,
    "results": {"acquire": {"step": "acquire"}},
    "entered_at": "2026-11-21T12:00:00Z",
    "execution": "arn:execution-7",
    "execution_started_at": "2026-11-21T11:59:00Z",
}
EVENT = {
    "step": "call",
    "further_step": "search",
    "function_arn": YOURS,
    "timeout_seconds": TIMEOUT_SECONDS,
    **SHARED,
}


@pytest.fixture(autouse=True)
def environment(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


class Body(io.BytesIO):
    """Counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.taken += len(found)
        return found


@contextmanager
def answering(body: bytes, **more: Any) -> Iterator[Body]:
    """The user's function answers `body`."""
    stream = Body(body)
    answer = {"StatusCode": 200, "Payload": StreamingBody(stream, len(body)), **more}
    asked = {"FunctionName": YOURS, "Payload": json.dumps({"step": "search", **SHARED}).encode()}
    lambdas = client("lambda", OWN, TIMEOUT_SECONDS - CALL_ENDS_BEFORE_SECONDS)
    with Stubber(lambdas) as stubbed:
        stubbed.add_response("invoke", answer, asked)
        yield stream
        stubbed.assert_no_pending_responses()


def test_the_users_function_gets_the_payload_of_every_step_and_its_answer_is_kept() -> None:
    with answering(b'{"promoted": true}'):
        answer = function.handler(EVENT, None)
    assert (answer["step"], answer["outcome"]) == ("search", "done")
    assert answer["detail"] == '{"promoted": true}'
    assert answer["started_at"] == SHARED["entered_at"]


@pytest.mark.parametrize("size", [300_000, 6_000_000])
def test_an_answer_above_the_services_limit_is_cut_and_barely_read(size: int) -> None:
    with answering(b'"' + b"a" * size + b'"') as stream:
        answer = function.handler(EVENT, None)
    assert stream.taken <= 2 * ANSWER_BYTES
    assert answer["outcome"] == "done"
    assert len(json.dumps(answer)) < 2_000
    assert answer["detail"].endswith("…")


@pytest.mark.parametrize(
    "body", [b"\x00" * 300_000, "é".encode() * 300_000, b"\xff" * 300_000, b""]
)
def test_any_bytes_are_a_short_answer(body: bytes) -> None:
    with answering(body):
        answer = function.handler(EVENT, None)
    longest = 7 * ANSWER_BYTES  # six characters for a control character
    assert len(json.dumps(answer)) < longest
    assert MOST_FURTHER_STEPS * longest < 0.6 * 256 * 1024


def test_a_function_that_raised_is_a_failed_attempt_with_a_short_reason() -> None:
    told = json.dumps({"errorType": "NotMine", "errorMessage": "x" * 300_000}).encode()
    with (
        answering(told, FunctionError="Unhandled"),
        pytest.raises(FurtherStepFailed, match=r"search: .*NotMine") as failed,
    ):
        function.handler(EVENT, None)
    assert len(str(failed.value)) < 2_000
    assert type(failed.value).__name__ != "NotMine", "only our own look at the lease ends a run"


def test_the_call_ends_before_the_task_that_waits_for_it() -> None:
    config = client("lambda", OWN, TIMEOUT_SECONDS - CALL_ENDS_BEFORE_SECONDS).meta.config
    assert (config.read_timeout, config.retries) == (5, {"total_max_attempts": 1, "mode": "legacy"})
    assert LEAST_TIMEOUT_SECONDS - CALL_ENDS_BEFORE_SECONDS >= 1
