"""What may change of a size that stands: the rules of AWS, and rule B9. Pure; asked by the preflight before
a deployment, and by the lab's table of refusals during one."""

from __future__ import annotations

DOUBLE = 2
"""One UpdateShardCount at most doubles the shards, and at most halves them, rounded up (Amazon Kinesis Data
Streams API Reference, UpdateShardCount)."""


def shards_more_than_double(before: float, now: float) -> bool:
    """Kinesis refuses it in one step."""
    return now > DOUBLE * before


def shards_less_than_halve(before: float, now: float) -> bool:
    """Kinesis refuses it in one step."""
    return now * DOUBLE < before


def shard_steps(before: int, now: int) -> list[int]:
    """The counts on the way, `now` included: each step is one that Kinesis takes."""
    steps = []
    while before != now:
        before = min(now, DOUBLE * before) if now > before else max(now, -(-before // DOUBLE))
        steps.append(before)
    return steps


def partitions_move(before: float, now: float) -> bool:
    """Rule B9: a key's events would go on in another partition, which no marker covers."""
    return before != now


def volume_shrinks(before: float, now: float) -> bool:
    """MSK refuses it: a broker's volume grows only (Amazon MSK API Reference, UpdateBrokerStorage)."""
    return now < before
