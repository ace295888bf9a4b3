"""Reading what is stored through the API: found, missing and not answered are three things."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from drill import ledger, served
from drill.envelope import Event, seal
from drill.stored import Stored
from tests.support.http_server import Answer, Request, http_server

HOLDER = "ca-west-1"


def event(number: int) -> Event:
    return seal(
        number=number, publisher="edge-1", event_id=f"id-{number}", correlation_id="c",
        aggregate_id="patient-1", sequence=number, occurred_us=1_790_000_000_123_456 + number,
        payload={"value": 72.5},
    )  # fmt: skip


def body(one: Event) -> dict[str, object]:
    """As the query API answers it: the envelope, and where it lies."""
    said = orjson.loads(one.raw)
    return {**said, "origin": HOLDER, "shard": "shardId-0", "appliedEpoch": 2}


def asked(answer: Callable[[Request], Answer], ids: list[str]) -> list[Stored]:
    ticks = itertools.count()
    with http_server(answer) as server:
        return list(
            served.rows(
                server.url, ids, settle_seconds=2,
                clock=lambda: float(next(ticks)), pause=lambda _seconds: None,
            )
        )  # fmt: skip


def test_a_stored_event_is_what_its_edge_sent() -> None:
    one = event(7)
    (row,) = asked(lambda _request: (200, body(one)), [one.event_id])
    assert (row.event_id, row.occurred_us, row.sequence) == (one.event_id, one.occurred_us, 7)
    assert (row.digest, row.origin) == (one.digest, HOLDER)


def test_another_content_is_another_digest() -> None:
    one = event(7)
    (row,) = asked(lambda _request: (200, {**body(one), "payload": {}}), [one.event_id])
    assert row.digest != one.digest


def test_a_number_that_lost_a_digit_is_another_content() -> None:
    """C8: 72.0 is not 72, though both are one number."""
    whole = seal(
        number=1, publisher="edge-1", event_id="id-1", correlation_id="c",
        aggregate_id="patient-1", sequence=1, occurred_us=1_790_000_000_123_456,
        payload={"value": 72.0},
    )  # fmt: skip
    (row,) = asked(lambda _request: (200, body(whole)), ["id-1"])
    assert row.digest == whole.digest
    (row,) = asked(lambda _request: (200, {**body(whole), "payload": {"value": 72}}), ["id-1"])
    assert row.digest != whole.digest


def test_an_event_that_comes_late_is_found_and_a_missing_one_is_left_out() -> None:
    seen: dict[str, int] = {}

    def answer(request: Request) -> Answer:
        number = int(request.path.rsplit("-", 1)[1])
        seen[request.path] = seen.get(request.path, 0) + 1
        late = number == 2 and seen[request.path] == 1
        return (404, {}) if number == 3 or late else (200, body(event(number)))

    found = asked(answer, [event(number).event_id for number in (1, 2, 3)])
    assert sorted(row.event_id for row in found) == ["id-1", "id-2"]


def test_no_answer_is_neither_a_yes_nor_a_no() -> None:
    with pytest.raises(served.NotAnswered, match="1 events were neither found nor missing"):
        asked(lambda _request: (503, {}), ["id-1"])


def test_every_event_that_was_sent_is_asked_for_once(tmp_path: Path) -> None:
    lines = [
        ["s", 1, [[1, "id-1", 5, "p", 1, "d", ""], [2, "", 5, "p", 2, "d", "malformed"]]],
        ["a", 2, HOLDER, "100", [[1, "s", "9"]]],
        ["s", 3, [[3, "id-3", 5, "p", 3, "d", ""]]],
    ]
    (tmp_path / ledger.NAME).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert served.sent_ids([tmp_path, tmp_path]) == ["id-1", "id-3"]
