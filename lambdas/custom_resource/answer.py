"""Answer a custom resource's request, whatever happened: an unanswered one blocks the stack.

The answer goes to the address in the request with urllib, with a deadline and a few attempts.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger

ANSWER_TIMEOUT_SECONDS = 10
ANSWER_ATTEMPTS = 3
REASON_CHARACTERS = 500

logger = Logger()

Provide = Callable[[Mapping[str, Any]], tuple[str, Mapping[str, str]]]
"""From the request to (physical id, attributes)."""


def answer_with(provide: Provide, event: Mapping[str, Any]) -> None:
    """Run `provide` and tell CloudFormation how it ended. Raises OSError if that cannot be told."""
    body: dict[str, Any] = {
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "PhysicalResourceId": event.get("PhysicalResourceId", event["LogicalResourceId"]),
    }
    try:
        physical_id, attributes = provide(event)
        body |= {"Status": "SUCCESS", "PhysicalResourceId": physical_id, "Data": dict(attributes)}
    except Exception as error:  # whatever it is, CloudFormation must hear of it
        logger.exception("the custom resource failed", request_type=event.get("RequestType"))
        body |= {
            "Status": "FAILED",
            "Reason": f"{type(error).__name__}: {error}"[:REASON_CHARACTERS],
        }
    _put(event["ResponseURL"], json.dumps(body).encode())


def _put(url: str, body: bytes) -> None:
    request = urllib.request.Request(
        url, data=body, method="PUT", headers={"Content-Type": "", "Content-Length": str(len(body))}
    )
    for attempt in range(1, ANSWER_ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_SECONDS):
                return
        except OSError:  # refused, reset, closed without an answer, an error status, too late
            if attempt == ANSWER_ATTEMPTS:
                raise
            time.sleep(attempt)
