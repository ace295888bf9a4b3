"""The task that answers `lifeline dlq`: what it says of letters, and how it sends their events again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lifeline.lambdas.failover.dead_letters import REPLAYED, REVEALED, Letter, Request, letter_of
from lifeline.lambdas.failover.sealed import Opener
from lifeline.services.query_api.dead_letter_replay import ATTEMPTS, MOST_BYTES, partition_key
from lifeline.services.query_api.dead_letters import answered, main
from tests.support.clocks import ManualClock

PATIENT = "patient-4711"
NAME = "Anna Keller"


def letter(number: int, reason: str = "schema", value: bytes | None = None, **more: str) -> Letter:
    body = {"eventId": str(number), "aggregateId": PATIENT, NAME: 1, "payload": {"name": NAME}}
    headers = {
        "origin": "ca-central-1", "incarnation": "100", "shard": "s", "sequence": str(number),
        "reason": reason, "detail": "a sentence", **more,
    }  # fmt: skip
    raw = json.dumps(body).encode() if value is None else value
    key = more.get("id", PATIENT).encode()
    return letter_of(number, key, raw, [(name, text.encode()) for name, text in headers.items()])


class Stream:
    """Refuses every second record in its first `refuse` calls."""

    def __init__(self, refuse: int = 0) -> None:
        self.taken: list[dict[str, Any]] = []
        self.calls: list[int] = []
        self._refuse = refuse

    def put(self, records: list[dict[str, Any]]) -> list[bool]:
        self.calls.append(len(records))
        good = [len(self.calls) > self._refuse or n % 2 == 0 for n in range(len(records))]
        self.taken += [one for one, taken in zip(records, good, strict=True) if taken]
        return good


class Closed(Stream):
    """Takes nothing."""

    def put(self, records: list[dict[str, Any]]) -> list[bool]:
        self.calls.append(len(records))
        return [False] * len(records)


def ask(do: str, letters: list[Letter], stream: Stream | None = None, **given: Any) -> Any:
    request = Request(run="r", do=do, since_ms=0, until_ms=10**9, **given)
    return answered(request, letters, (stream or Stream()).put, ManualClock())


@pytest.mark.parametrize("do", ["list", "show"])
def test_no_value_of_an_event_is_said(do: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = ask(do, [letter(1), letter(2, value=f"{{{NAME}".encode())])
    said = json.dumps(answer) + capsys.readouterr().out
    assert PATIENT not in said
    assert NAME not in said
    assert [one["id"] for one in answer["letters"]] == [f"ca-central-1/100/s/{n}" for n in (1, 2)]
    assert answer["reasons"] == {"schema": 2}


def test_a_letter_that_is_shown_tells_which_fields_it_has() -> None:
    [shown] = ask("show", [letter(1)])["letters"]
    assert shown["event"] == {
        "eventId": "text of 1 characters",
        "aggregateId": f"text of {len(PATIENT)} characters",
        "payload": "object of 1",
    }


def test_what_is_revealed_is_sealed_and_audited(capsys: pytest.CaptureFixture[str]) -> None:
    opener = Opener()
    answer = ask("show", [letter(1)], reveal_to=opener.public, who="arn:somebody")
    assert NAME not in json.dumps(answer)
    assert opener.open(answer["letters"][0]["sealed"]) == letter(1).value
    [line] = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    assert (line["message"], line["who"], line["ids"]) == (
        REVEALED, "arn:somebody", ["ca-central-1/100/s/1"],
    )  # fmt: skip


def test_a_list_ends_at_its_limit_and_counts_on() -> None:
    answer = ask("list", [letter(n, "schema" if n % 2 else "defect") for n in range(10)], limit=3)
    assert len(answer["letters"]) == 3
    assert (answer["total"], answer["reasons"]) == (10, {"defect": 5, "schema": 5})


@pytest.mark.parametrize("expect", [None, 1, 3])
def test_nothing_is_replayed_unless_as_many_match_as_were_expected(expect: int | None) -> None:
    stream = Stream()
    answer = ask("replay", [letter(1), letter(2)], stream, expect=expect)
    assert stream.taken == []
    assert answer["total"] == 2
    assert ("refused" in answer) is (expect is not None)


def test_a_replay_puts_the_bytes_as_they_were_sent(capsys: pytest.CaptureFixture[str]) -> None:
    stream, given = Stream(), [letter(1), letter(2), letter(3, "too-old")]
    answer = ask("replay", given, stream, expect=2, reasons=("schema",), who="arn:somebody")
    assert answer["replayed"] == 2
    key = f"e:{PATIENT}"
    assert stream.taken == [{"PartitionKey": key, "Data": one.value} for one in given[:2]]
    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["who"], line["taken"]) == (REPLAYED, "arn:somebody", 2)


@pytest.mark.parametrize(
    ("one", "key"),
    [
        (letter(1), f"e:{PATIENT}"),
        (letter(1, value=b"{no json"), f"e:{PATIENT}"),
        (letter(1, id="x", kind="quarantined"), f"e:{PATIENT}"),
        (letter(1, id="x", kind="quarantined", value=b"{no json"), "e:-"),
        (letter(1, id="x", kind="quarantined", value=b'{"aggregateId": 4}'), "e:-"),
    ],
)
def test_an_event_goes_to_the_shard_of_its_aggregate(one: Letter, key: str) -> None:
    assert partition_key(one) == key


def test_what_the_stream_refuses_is_sent_again_alone() -> None:
    stream = Stream(refuse=2)
    answer = ask("replay", [letter(n) for n in range(8)], stream, expect=8)
    assert (answer["replayed"], stream.calls) == (8, [8, 4, 2])
    assert len({one["Data"] for one in stream.taken}) == len(stream.taken) == 8


def test_a_stream_that_goes_on_refusing_ends_the_replay_and_says_how_far() -> None:
    closed = Closed()
    answer = ask("replay", [letter(n) for n in range(600)], closed, expect=600)
    assert (answer["replayed"], closed.calls) == (0, [500] * ATTEMPTS)


def test_a_call_stays_below_what_a_shard_takes() -> None:
    stream, half = Stream(), b"x" * (MOST_BYTES // 2 + 1)
    assert ask("replay", [letter(n, value=half) for n in range(3)], stream, expect=3)["total"] == 3
    assert stream.calls == [1, 1, 1]


def test_an_argument_that_is_no_request_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("{}") == 2
    assert "dead-letters: no request" in capsys.readouterr().err
