"""What the path world's checker sees by itself: it shares nothing with the code that it checks."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.path.truth import Truth
from simulator.twins.kafka import Log, Message
from simulator.twins.kinesis import Record, Stream

REGION, TOPIC = "ca-central-1", "events"


class Told:
    """A stream with three events in one shard, and a log that has those of `held`."""

    def __init__(self, *held: int) -> None:
        self.violations: list[str] = []
        truth = self.truth = Truth(self.violations.append)
        self.stream = Stream(17.0, lambda: 18.0, self._taken, shards=1)
        self.log = Log("ca-west-1", "log-1", {TOPIC: 1}, truth.landed)
        records = [{"PartitionKey": "e:p", "Data": b"%d" % one} for one in range(3)]
        answers = self.stream.put_records(Records=records)["Records"]
        self.sequences = [int(one["SequenceNumber"]) for one in answers]
        [self.shard] = self.stream.shards
        for one in held:
            told = {"origin": REGION, "incarnation": "17", "shard": self.shard}
            told["sequence"] = str(self.sequences[one])
            headers = [(name, value.encode()) for name, value in told.items()]
            self.log.append((TOPIC, 0), [(None, b"%d" % one, headers, 0)])

    def _taken(self, stream: Stream, shard: str, record: Record) -> None:
        self.truth.accepted(REGION, stream, shard, record)

    def row(self, after: int, until: int) -> dict[str, Any]:
        """The vector: the events behind the one of number `after`, up to that of `until`."""
        names = {"region": REGION, "incarnation": "17", "shard": self.shard}
        reached = {"after": self._sequence(after), "sequence": self._sequence(until)}
        return {**names, **{name: str(value) for name, value in reached.items()}}

    def _sequence(self, number: int) -> int:
        return -1 if number < 0 else self.sequences[number]


@pytest.mark.parametrize(("held", "seen"), [((1, 2), True), ((0, 1, 2), False)])
def test_a_base_that_falls_must_be_held_to_what_it_covers_then(
    held: tuple[int, ...], seen: bool
) -> None:
    told = Told(*held)
    told.truth.claimed(told.log, [told.row(0, 2)])
    assert told.violations == [], "what lies at the base is not claimed"
    told.truth.claimed(told.log, [told.row(-1, 2)])
    assert bool(told.violations) is seen


def test_an_entry_that_claims_nothing_is_held_to_nothing() -> None:
    told = Told(1, 2)
    told.truth.claimed(told.log, [told.row(0, 2)])
    told.truth.claimed(told.log, [told.row(-1, -1)])
    assert told.violations == []


def test_an_open_shard_is_claimed_by_the_last_vector_and_a_closed_one_by_any() -> None:
    told = Told(0, 1, 2)
    truth, log = told.truth, told.log
    truth.claimed(log, [told.row(-1, 2)])
    assert truth.unclaimed(REGION, told.stream, log, [told.row(-1, 2)]) == 0
    assert truth.unclaimed(REGION, told.stream, log, [told.row(-1, 0)]) == 2
    told.stream.split(told.shard)
    assert truth.unclaimed(REGION, told.stream, log, []) == 0
    fresh: list[Message] = []
    other = Log("ca-west-1", "log-2", {TOPIC: 1}, lambda _log, message: fresh.append(message))
    assert truth.unclaimed(REGION, told.stream, other, []) == 3
