"""The step `call`: a step of the user's own. It calls their function, and answers for it."""

from __future__ import annotations

import json
from typing import Any

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover.plan import CALL_ENDS_BEFORE_SECONDS
from lifeline.lambdas.failover_step.context import StepContext

ANSWER_BYTES = 1_024
"""What is kept of an answer, or of an error: it goes through every state behind this one."""
OWN_FIELDS = frozenset({"step", "further_step", "function_arn", "timeout_seconds"})


class FurtherStepFailed(Exception):
    """The user's function raised; the message begins with the step's name."""


def call(context: StepContext) -> str:
    """Call the function with the payload of every step; answer the beginning of what it answered.

    The state machine does not call it: an answer above its limit of 256 KiB would end the execution, and
    each run after it, past `States.ALL`; a catch that names the error does not see an answer just below
    it. What is above Lambda's own limit is an error of the function's. The way there is the NAT gateway, as
    to the witness: nothing in the payload is patient data. Raises FurtherStepFailed, or botocore's errors.
    """
    event = context.event
    name = str(event["further_step"])
    payload = {key: value for key, value in event.items() if key not in OWN_FIELDS}
    seconds = float(event["timeout_seconds"]) - CALL_ENDS_BEFORE_SECONDS
    answer = client("lambda", context.region, seconds).invoke(
        FunctionName=str(event["function_arn"]),
        Payload=json.dumps({"step": name, **payload}).encode(),
    )
    said = _beginning(answer["Payload"])
    if answer.get("FunctionError"):
        raise FurtherStepFailed(f"{name}: {said}")
    return said


def _beginning(body: Any) -> str:
    """The first bytes of a body as text; the rest is not read."""
    try:
        read: bytes = body.read(ANSWER_BYTES + 1)
    finally:
        body.close()
    text = read[:ANSWER_BYTES].decode(errors="replace")
    return f"{text}…" if len(read) > ANSWER_BYTES else text
