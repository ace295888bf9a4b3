"""What `lifeline rewind` asks of a region: for the command, its task and the step that writes.

The applied markers of the database say where each partition of the log is read from (B13). To rewind is to
lower those that are younger than a moment to the last ones before it, in the transaction that raises the
epoch: an event applier of the epoch before writes nothing any more, and the new one reads from there. Events
are stored once by their id, so what comes again changes nothing that is right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lifeline.lambdas.failover.markers import Pair, Place

ANSWER = "rewind-answer"
"""The `message` of the task's lines that carry its answer."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """`to_ms`: the moment, by the time of the log's records, in milliseconds. `run` names the answer."""

    run: str
    to_ms: int

    def to_json(self) -> str:
        """One argument of a command line."""
        return json.dumps({"run": self.run, "to_ms": self.to_ms})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError for text that `to_json` did not write."""
        read = json.loads(text)
        try:
            return cls(run=str(read["run"]), to_ms=int(read["to_ms"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no request: {error}") from error


@dataclass(frozen=True)
class Lowered:
    """What the applied marker of a pair in a partition is lowered to.

    `sequence` and `born_ms` are None where the log has no marker of the pair before the moment: the pair is
    younger. Then only its time is lowered.
    """

    place: Place
    pair: Pair
    sequence: int | None
    born_ms: int | None
    record_time_ms: int

    def to_row(self) -> dict[str, Any]:
        """As JSON; the names are those of the table's columns."""
        return {
            "topic": self.place[0],
            "partition": self.place[1],
            "origin": self.pair.origin,
            "incarnation": self.pair.incarnation,
            "shard": self.pair.shard,
            "sequence": None if self.sequence is None else str(self.sequence),
            "born_ms": self.born_ms,
            "record_time_ms": self.record_time_ms,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Raises ValueError for what `to_row` did not make."""
        try:
            return cls(
                (str(row["topic"]), int(row["partition"])),
                Pair(str(row["origin"]), str(row["incarnation"]), str(row["shard"])),
                None if row["sequence"] is None else int(row["sequence"]),
                None if row["born_ms"] is None else int(row["born_ms"]),
                int(row["record_time_ms"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{row!r} is no row of a rewind: {error!r}") from error


@dataclass(frozen=True)
class PlaceFound:
    """A partition as it would be read: `records` again, from `offset` on.

    `first`: the first offset that the log still has. `gone`: what lies behind the moment is not all there.
    """

    place: Place
    first: int
    offset: int
    records: int
    gone: bool
    from_beginning: bool
    lowered: tuple[Lowered, ...]

    def to_row(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "topic": self.place[0],
            "partition": self.place[1],
            "first": self.first,
            "offset": self.offset,
            "records": self.records,
            "gone": self.gone,
            "from_beginning": self.from_beginning,
            "lowered": [one.to_row() for one in self.lowered],
        }
