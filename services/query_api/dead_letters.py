"""`dead-letters REQUEST`: a one-off task's answer to `lifeline dlq`, in the region of its log and stream.

It runs on the query API's task definition: that role reads every topic and puts into the stream already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson

from lifeline.lambdas.contracts.query_api import DeadLettersTask
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.dead_letters import (
    ANSWER,
    LIST,
    MAX_REPLAYED,
    REPLAY,
    REPLAYED,
    REVEALED,
    Letter,
    Request,
)
from lifeline.lambdas.failover.sealed import seal
from lifeline.services.query_api.dead_letter_reader import letters
from lifeline.services.query_api.dead_letter_replay import PutRecords, replay
from lifeline.services.query_api.stream_client import StreamClient
from lifeline.services.shared import one_off_task
from lifeline.services.shared.log_lines import say

MOST_BYTES_HELD = 256 * 1024 * 1024
ENVELOPE = (
    "eventId", "eventType", "aggregateType", "aggregateId", "occurredOn", "version", "sequence",
    "payload", "metadata",
)  # fmt: skip


def main(argument: str = "") -> int:
    """The command. 2 for an argument that is no request."""
    return one_off_task.run("dead-letters", argument, Request.from_json, _answer)


def _answer(request: Request) -> int:
    told = DeadLettersTask.from_env()
    stream = StreamClient(told.stream_name, told.log.region)
    # The group is the watermark reader's, whose topics these are; nobody joins it by reading offsets.
    found = letters(told.log, f"watermark-{told.suffix}", request.since_ms)
    answer = answered(request, found, stream.put_each, SYSTEM_CLOCK)
    return one_off_task.tell(ANSWER, request.run, answer)


def answered(
    request: Request, found: Iterable[Letter], put: PutRecords, clock: Clock
) -> dict[str, Any]:
    """What is said of the letters that match, and for `replay` what was done with them."""
    reasons: Counter[str] = Counter()
    kept: list[Letter] = []
    most = MAX_REPLAYED if request.do == REPLAY else request.limit
    held = 0
    for letter in found:
        if not request.matches(letter):
            continue
        reasons[letter.reason] += 1
        if len(kept) < most and held < MOST_BYTES_HELD:
            kept.append(letter)
            held += 0 if request.do == LIST else len(letter.value)
    total = sum(reasons.values())
    answer: dict[str, Any] = {"total": total, "reasons": dict(reasons)}
    if request.do == REPLAY:
        return answer | _replayed(request, kept, total, put, clock)
    answer["letters"] = [_shown(letter, request) for letter in kept]
    if request.reveal_to:
        say(REVEALED, who=request.who, run=request.run, ids=[one.id for one in kept])
    return answer


def _replayed(
    request: Request, kept: list[Letter], total: int, put: PutRecords, clock: Clock
) -> dict[str, Any]:
    if len(kept) < total:
        return {"refused": f"{total} letters match; a replay takes {len(kept)} of them at most"}
    if request.expect is None:
        return {"replayed": 0}
    if request.expect != total:
        return {"refused": f"{total} letters match, {request.expect} were expected"}
    taken = replay(kept, put, clock)
    say(REPLAYED, who=request.who, run=request.run, matched=total, taken=taken)
    return {"replayed": taken}


def _shown(letter: Letter, request: Request) -> dict[str, Any]:
    shown = letter.described()
    if request.do == LIST:
        return shown
    shown["headers"] = {
        name: text for name, text in letter.headers.items() if name not in ("id", "reason")
    }
    shown["event"] = _redacted(letter.value)
    if request.reveal_to:
        shown["sealed"] = seal(letter.value, request.reveal_to)
    return shown


def _redacted(value: bytes) -> dict[str, str]:
    """Which of the envelope's fields are there, and of what kind. Other names may be a patient's data."""
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(event, dict):
        return {}
    return {name: _kind(event[name]) for name in ENVELOPE if name in event}


def _kind(value: object) -> str:
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, dict | list):
        return f"{'object' if isinstance(value, dict) else 'list'} of {len(value)}"
    return "null" if value is None else type(value).__name__
