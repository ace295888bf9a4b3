"""A custom resource whose work takes longer than a function may run.

A run that is not done calls the function again with the same request and the time at which the waiting ends;
CloudFormation hears of the last run only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from lifeline.lambdas.custom_resource.answer import answer_with

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 5})
RUN_SECONDS = 240
"""A run looks for so long: a minute less than the function may take."""
UNTIL = "WaitUntil"
"""The key, in the repeated request, of the epoch second at which the waiting ends."""


@dataclass(frozen=True)
class LongRun:
    """What is waited for. `act` works until the epoch second it is given; whether it is done then."""

    act: Callable[[float], bool]
    patience_seconds: float
    physical_id: str
    late: Exception | None
    """What CloudFormation hears when the patience is over; None: success."""


def answer_when_done(run: LongRun, event: Mapping[str, Any], context: Any) -> None:
    """Lambda's entry: answer CloudFormation, or go on in another run."""
    until = float(event.get(UNTIL, 0)) or time.time() + run.patience_seconds
    try:
        finished = run.act(min(until, time.time() + RUN_SECONDS))
    except Exception as error:  # whatever it is, CloudFormation must hear of it
        failure = error
        answer_with(lambda _event: _fail(failure), event)
        return
    if not finished and time.time() < until:
        _go_on(context.invoked_function_arn, {**event, UNTIL: until})
    elif not finished and run.late is not None:
        late = run.late
        answer_with(lambda _event: _fail(late), event)
    else:
        answer_with(lambda _event: (run.physical_id, {}), event)


def _go_on(function: str, event: Mapping[str, Any]) -> None:
    boto3.client("lambda", config=CONFIG).invoke(
        FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
    )


def _fail(error: Exception) -> tuple[str, Mapping[str, str]]:
    raise error
