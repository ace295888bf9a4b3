"""`rewind REQUEST`: a one-off task's answer to `lifeline rewind`, what it would lower. It changes nothing.

It runs on the event applier's task definition: that role reads the database and the log already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from lifeline.lambdas.contracts.event_applier import RewindTask
from lifeline.lambdas.failover.markers import Pair
from lifeline.lambdas.failover.rewind import ANSWER, Lowered, PlaceFound, Request
from lifeline.services.event_applier.batch import LogRecord, MarkerSeen, Place, batch_of
from lifeline.services.event_applier.log_reader import LOOKUP_TIMEOUT_SECONDS
from lifeline.services.event_applier.positions import (
    AppliedMarker,
    read_applied,
    read_lineages,
    resume_of,
)
from lifeline.services.shared import one_off_task
from lifeline.services.shared.database import Connection, connect
from lifeline.services.shared.log_clients import consumer_settings
from lifeline.services.shared.serving_guard import READ_AUTHORITY, AuthorityRow
from lifeline.services.shared.topics import DEAD_LETTERS

SEARCHED_MS = (60_000, 900_000)
"""How far before the moment the last marker of a pair is looked for: one is due every second."""
READ_RECORDS = 5_000
SILENT_READS = 60
"""Reads of a second without a record: then the log does not answer."""


def main(argument: str = "") -> int:
    """The command. 2 for an argument that is no request."""
    return one_off_task.run("rewind", argument, Request.from_json, _rewind)


def _rewind(request: Request) -> int:
    told = RewindTask.from_env()
    regions = (told.region.region, told.region.peer_region)
    topics = {topic: n for topic, n in told.log.partitions.items() if topic != DEAD_LETTERS}
    settings = consumer_settings(told.log, purpose="rewind", group=f"apply-{told.region.suffix}")
    with connect(told.database, purpose="rewind") as connection:
        answer = answered(request, connection, settings, topics, regions)
    return one_off_task.tell(ANSWER, request.run, answer)


def answered(
    request: Request,
    connection: Connection,
    settings: dict[str, Any],
    topics: Mapping[str, int],
    regions: Iterable[str],
) -> dict[str, Any]:
    """The database's epoch, and of each partition what would be lowered and read again.

    Raises psycopg.Error, KafkaException, and RuntimeError when the log stops answering.
    """
    row = connection.execute(READ_AUTHORITY).fetchone()
    if row is None:
        raise RuntimeError("the database has no authority row")
    authority = AuthorityRow(*row)
    lineages = read_lineages(connection)
    log = _Log(settings)
    try:
        found = []
        for place in sorted(
            (topic, one) for topic, count in topics.items() for one in range(count)
        ):
            applied = read_applied(connection, place)
            lowered = _lowered(log, place, applied, request.to_ms)
            if not lowered:
                continue
            after = {one.pair: one for one in lowered}
            rows = [_as_lowered(one, after.get(one.pair)) for one in applied]
            resume = resume_of(rows, regions, lineages)
            first, end = log.ends(place)
            start = first if resume.seek_ms is None else log.offset(place, resume.seek_ms, first)
            begins = log.offset(place, request.to_ms, end)
            gone = first > 0 and begins in (first, end)
            from_beginning = resume.seek_ms is None
            found.append(
                PlaceFound(place, first, start, end - start, gone, from_beginning, lowered)
            )
    finally:
        log.close()
    return {
        "epoch": authority.epoch,
        "holder": authority.holder,
        "in_recovery": authority.in_recovery,
        "places": [one.to_row() for one in found],
    }


def _as_lowered(row: AppliedMarker, lowered: Lowered | None) -> AppliedMarker:
    if lowered is None:
        return row
    sequence = row.sequence if lowered.sequence is None else lowered.sequence
    return replace(row, sequence=sequence, record_time_ms=lowered.record_time_ms)


def _lowered(
    log: _Log, place: Place, applied: Iterable[AppliedMarker], to_ms: int
) -> tuple[Lowered, ...]:
    younger = {
        row.pair: row
        for row in applied
        if row.record_time_ms is not None and row.record_time_ms > to_ms
    }
    if not younger:
        return ()
    last = log.last_markers(place, set(younger), to_ms)
    return tuple(
        Lowered(place, pair, last[pair].marker.sequence, last[pair].marker.born_ms, last[pair].record_time_ms)
        if pair in last
        else Lowered(place, pair, None, None, to_ms)
        for pair in sorted(younger)
    )  # fmt: skip


@dataclass
class _Log:
    """The region's log, read by offsets and in no group."""

    settings: dict[str, Any]

    def __post_init__(self) -> None:
        self._consumer = Consumer(self.settings)

    def close(self) -> None:
        self._consumer.close()

    def ends(self, place: Place) -> tuple[int, int]:
        """The first offset that is there, and the one behind the last."""
        found = self._consumer.get_watermark_offsets(
            TopicPartition(*place), timeout=LOOKUP_TIMEOUT_SECONDS
        )
        if found is None:
            raise RuntimeError(f"the log does not say where {place} ends")
        return int(found[0]), int(found[1])

    def offset(self, place: Place, at_ms: int, otherwise: int) -> int:
        """The first record of this time or younger; `otherwise` when there is none."""
        [found] = self._consumer.offsets_for_times(
            [TopicPartition(*place, max(0, at_ms))], timeout=LOOKUP_TIMEOUT_SECONDS
        )
        if found.error is not None:
            raise KafkaException(found.error)
        return found.offset if found.offset >= 0 else otherwise

    def last_markers(self, place: Place, pairs: set[Pair], to_ms: int) -> dict[Pair, MarkerSeen]:
        """The last marker of each pair before the moment, as far as `SEARCHED_MS` goes back."""
        first, end = self.ends(place)
        before = self.offset(place, to_ms, end)
        found: dict[Pair, MarkerSeen] = {}
        for searched in SEARCHED_MS:
            start = max(first, self.offset(place, to_ms - searched, end))
            if start >= before:
                continue
            batch = batch_of(self._read(place, start, before))
            for (_, pair), seen in batch.last_markers().items():
                if pair in pairs:
                    found.setdefault(pair, seen)
            before = start
            if pairs <= set(found) or start == first:
                break
        return found

    def _read(self, place: Place, start: int, end: int) -> Iterable[LogRecord]:
        """Of [start, end) the markers; an event says nothing here and is left out."""
        at = TopicPartition(*place, start)
        self._consumer.assign([at])
        silent, position = 0, start
        while position < end:
            messages = self._consumer.consume(READ_RECORDS, 1.0)
            silent = 0 if messages else silent + 1
            if silent >= SILENT_READS:
                raise RuntimeError(f"the log does not answer for {place}")
            for message in messages:
                if message.error() is not None:
                    continue  # what passes is read again; what does not shows as silence
                offset = int(message.offset() or 0)
                headers: Any = message.headers() or []
                if offset < end and dict(headers).get("kind") == b"marker":
                    time_ms, value = message.timestamp()[1], message.value() or b""
                    yield LogRecord(*place, offset, time_ms, value, headers)
            # A partition's last records may be no events (a transaction's): the position counts.
            position = max(position, self._consumer.position([TopicPartition(*place)])[0].offset)
