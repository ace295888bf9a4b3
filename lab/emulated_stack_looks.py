"""The command line's look at a stack that is being changed: answered when the change ends.

Runs in the emulator's process. `cdk` looks whether a stack is done, then sleeps five seconds; a stack takes
one here, and nine stacks come one after the other. Nobody else may be kept waiting: a custom resource looks
at its own stack, whose change waits for that custom resource.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

LONGEST_SECONDS = 20.0
EVERY_SECONDS = 0.05
COMMAND_LINE = "aws-cdk/"
UNDER_WAY, IN_REVIEW = b"_IN_PROGRESS</StackStatus>", b">REVIEW_IN_PROGRESS</StackStatus>"
"""A stack in review has a change set and no change under way."""


def answer_when_done(cloudformation: Any) -> None:
    """Hold back the answers to `cdk`'s `DescribeStacks`, at most LONGEST_SECONDS.

    `cloudformation`: `ministack.services.cloudformation`.
    """
    answer = cloudformation.handle_request

    async def answered(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        held = COMMAND_LINE in headers.get("user-agent", "") and b"Action=DescribeStacks&" in body
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            found = await answer(method, path, headers, body, query)
            if not held or not _is_under_way(found[2]) or time.monotonic() > deadline:
                return found
            await asyncio.sleep(EVERY_SECONDS)

    cloudformation.handle_request = answered


def _is_under_way(shown: bytes) -> bool:
    return shown.count(UNDER_WAY) > shown.count(IN_REVIEW)
