"""What really happened, as the streams, logs and databases say it themselves; and what must hold of it.

It shares nothing with the code that it checks: no manifest, no marker, no position is looked at.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.twins.event_store import Server
from simulator.twins.kafka import Log, Message, Place
from simulator.twins.kinesis import Record, Stream

Shard = tuple[str, str, str]
"""Region, incarnation, shard."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that a stream took, at `at` epoch seconds."""

    shard: Shard
    sequence: int
    data: bytes
    at: float


class Truth:
    """Follows every stream and log. `violate` is told what does not hold, once each."""

    def __init__(self, violate: Callable[[str], None]) -> None:
        self._violate = violate
        self._streams: dict[tuple[str, str], list[Accepted]] = {}
        self._shards: dict[Shard, list[Accepted]] = {}
        self._data: dict[tuple[Shard, int], bytes] = {}
        self._landed: dict[str, dict[Shard, set[int]]] = {}
        """By a log's incarnation: which events it ever had, byte for byte."""
        self._checked: dict[tuple[str, Shard], int] = {}
        """How many of a shard's events a vector passed."""
        self._skipped: dict[tuple[str, Shard], list[int]] = {}
        """Those of them that lay at or under the base of each vector so far."""
        self._old: dict[tuple[str, str, str], int] = {}
        self._purged: dict[tuple[Shard, int], set[str]] = {}
        """Which logs there were when retention took an event."""

    def accepted(self, region: str, stream: Stream, shard: str, record: Record) -> None:
        """A stream took a record. Markers are not accepted events; one that is refused lies in the log."""
        known: Shard = (region, stream.incarnation, shard)
        self._data[known, record.sequence] = record.data
        if not record.key.startswith("e:"):
            return
        one = Accepted(known, record.sequence, record.data, record.at)
        self._streams.setdefault(known[:2], []).append(one)
        self._shards.setdefault(known, []).append(one)

    def landed(self, log: Log, message: Message) -> None:
        """A record came into a log."""
        headers = message.headers()
        if headers and headers[0][0] == "kind":
            return
        told = dict(headers)
        if "kind" in told or "sequence" not in told:
            return
        shard: Shard = (
            told["origin"].decode(),
            told["incarnation"].decode(),
            told["shard"].decode(),
        )
        sequence = int(told["sequence"])
        if self._data.get((shard, sequence)) != message.value():
            self._violate(f"{log.region}'s log has a record that no stream took: {shard}")
            return
        self._landed.setdefault(log.ident, {}).setdefault(shard, set()).add(sequence)

    def purged(self, message: Message, logs: Iterable[Log]) -> None:
        """Retention took a record: a log that is made after this need not have it."""
        told = {name: value.decode() for name, value in message.headers()}
        if "kind" not in told:
            shard = (told["origin"], told["incarnation"], told["shard"])
            self._purged[shard, int(told["sequence"])] = {one.ident for one in logs}

    def claimed(self, log: Log, rows: Iterable[Mapping[str, Any]]) -> None:
        """A vector says of its region's log what it holds (B1): nothing that it lacks."""
        for row in rows:
            shard: Shard = (str(row["region"]), str(row["incarnation"]), str(row["shard"]))
            events = self._shards.get(shard, [])
            key = (log.ident, shard)
            at = self._checked.get(key, 0)
            after, until = int(row["after"]), int(row["sequence"])
            landed = self._landed.get(log.ident, {}).get(shard, set())
            skipped = self._skipped.setdefault(key, [])
            while at < len(events) and events[at].sequence <= until:
                skipped.append(events[at].sequence)
                at += 1
            self._checked[key] = at
            # The base of a proof may fall: what it covers then must be there, too.
            covered = slice(bisect_right(skipped, after), bisect_right(skipped, until))
            if any(one not in landed for one in skipped[covered]):
                self._violate(
                    f"the vector of {log.region} passes an event of {shard[0]} {shard[2]} that "
                    "its log lacks"
                )
            del skipped[covered]

    def loss_told(
        self,
        log: Log,
        origin: str,
        rows: Iterable[Mapping[str, Any]],
        born_ms: int | None,
        clock_error: float,
    ) -> None:
        """All that the newest told stream of `origin` took before `born_ms` is in the log (A5, B24)."""
        told = [row for row in rows if row["region"] == origin]
        if born_ms is None or not told:
            return
        newest = str(max(int(row["incarnation"]) for row in told))
        bases = {
            str(row["shard"]): int(row["after"]) for row in told if row["incarnation"] == newest
        }
        events = self._streams.get((origin, newest), [])
        key = (log.ident, origin, newest)
        at = self._old.get(key, 0)
        landed = self._landed.get(log.ident, {})
        while at < len(events) and events[at].at < born_ms / 1_000 - clock_error:
            one = events[at]
            base = bases.get(one.shard[2], -1)
            missing = one.sequence not in landed.get(one.shard, ())
            if one.sequence > base and missing and not self._too_old(one, log):
                self._violate(
                    f"{log.region} tells a smaller loss of {origin} than there is: "
                    f"{one.shard[2]} is behind"
                )
                break
            at += 1
        self._old[key] = at

    def _too_old(self, one: Accepted, log: Log) -> bool:
        """Whether retention took the event before the log was made."""
        taken = self._purged.get((one.shard, one.sequence))
        return taken is not None and log.ident not in taken

    def lost(self, logs: Iterable[Log], streams: Mapping[str, Stream]) -> list[str]:
        """Events of the streams that still are which a log lacks."""
        found = []
        logs = list(logs)
        for region, stream in streams.items():
            for one in self._streams.get((region, stream.incarnation), []):
                for log in logs:
                    if self._too_old(one, log):
                        continue
                    if one.sequence not in self._landed.get(log.ident, {}).get(one.shard, ()):
                        found.append(
                            f"an event of {region} {one.shard[2]} never came into the log of "
                            f"{log.region}"
                        )
        return sorted(set(found))

    def unclaimed(
        self, region: str, stream: Stream, log: Log, rows: Iterable[Mapping[str, Any]]
    ) -> int:
        """How many events of the stream that is lie beyond what the vector says of them.

        Of a closed shard, beyond what any vector of the log said: one whose beginning was taken away names it
        no more (B25).
        """
        until = {
            str(row["shard"]): int(row["sequence"])
            for row in rows
            if (row["region"], row["incarnation"]) == (region, stream.incarnation)
        }
        still_open = {one.name for one in stream.open_shards()}
        found = 0
        for shard, events in self._shards.items():
            if shard[:2] != (region, stream.incarnation):
                continue
            if shard[2] in still_open:
                found += sum(one.sequence > until.get(shard[2], -1) for one in events)
            else:
                found += len(events) - self._checked.get((log.ident, shard), 0)
        return found

    def disorder(self, log: Log, server: Server, sent_again: set[bytes]) -> list[str]:
        """Patients whose events were stored in another order than their shard took them (C5).

        Within one partition: what moved to another one when partitions were added has no order with the
        rest. What was sent again is late by nature.
        """
        last: dict[tuple[str, str, str, Place], int] = {}
        found = []
        for event in server.rows.events.values():
            if event.value in sent_again:
                continue
            pair = event.pair
            key = (event.patient, pair.origin, pair.incarnation, event.place)
            if event.shard_sequence < last.get(key, -1):
                found.append(f"{log.region} stored events of {event.patient} in another order")
            last[key] = max(event.shard_sequence, last.get(key, -1))
        return sorted(set(found))
