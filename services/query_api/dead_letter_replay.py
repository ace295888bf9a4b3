"""Letters into the region's own stream: they take the way of every event, never straight to a topic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from lifeline.lambdas.failover.clock import Clock
from lifeline.lambdas.failover.dead_letters import Letter
from lifeline.lambdas.failover.markers import EVENT_PREFIX

MOST_RECORDS = 500
MOST_BYTES = 4_000_000
"""PutRecords takes 10 MiB and a shard 1 MB a second: less a call leaves room for the edges."""
ATTEMPTS = 8
PAUSE_SECONDS = 1.0
NO_AGGREGATE = "-"
"""What the door writes for an event without an aggregate's id."""

PutRecords = Callable[[list[dict[str, Any]]], list[bool]]
"""One call; whether each record was taken, in order."""


def partition_key(letter: Letter) -> str:
    """As the door had it: the order of an aggregate's events is its shard's."""
    if not letter.by_applier:
        return EVENT_PREFIX + letter.key.decode(errors="replace")
    # The event applier's letters have their id for a key.
    try:
        read = orjson.loads(letter.value)
    except orjson.JSONDecodeError:
        read = None
    name = read.get("aggregateId") if isinstance(read, dict) else None
    return EVENT_PREFIX + (name if isinstance(name, str) and name else NO_AGGREGATE)


def replay(letters: Iterable[Letter], put: PutRecords, clock: Clock) -> int:
    """How many the stream took: all but those that it went on refusing. Stops after the first such call."""
    taken = 0
    for batch in _batches(letters):
        left = [{"PartitionKey": partition_key(letter), "Data": letter.value} for letter in batch]
        for attempt in range(ATTEMPTS):
            if attempt:
                clock.sleep(PAUSE_SECONDS)
            answers = put(left)
            taken += sum(answers)
            left = [one for one, good in zip(left, answers, strict=True) if not good]
            if not left:
                break
        else:
            return taken
        clock.sleep(PAUSE_SECONDS)  # the edges' events go first
    return taken


def _batches(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    batch: list[Letter] = []
    size = 0
    for letter in letters:
        if batch and (len(batch) == MOST_RECORDS or size + len(letter.value) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += len(letter.value)
    if batch:
        yield batch
