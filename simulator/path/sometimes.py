"""Rare states of the path world that a search must reach."""

from __future__ import annotations

PATH_SOMETIMES: frozenset[str] = frozenset(
    {
        "a batch is bridged twice at once",
        "a promotion lost commits",
        "a record of PutRecords is refused",
        "a region is promoted",
        "a repair used the log",
        "a repair used the stream",
        "an event is accepted again",
        "died before an effect in dynamodb",
        "died before an effect in kafka",
        "died before an effect in kinesis",
        "died before an effect in postgresql",
        "hole chain",
        "hole late-start",
        "hole missing",
        "said no checkpoint was written",
        "said no marker written",
        "said starting again",
        "said the renewal is older than the ttl",
        "the holes are closed",
    }
)
"""Reached by the first seeds on 2026-11-22."""
