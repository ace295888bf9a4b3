"""A hole of the other region's log, filled again from here, its records' origin (B11).

What is missing there is written again into *this* region's log, and the replicator copies it as it copies
everything: same partition, same bytes, same headers, and one more, `repair`, with the name of the run. The
reader over there counts what carries it anew and closes the hole when the count agrees.

Two sources. This log, where its own markers prove that nothing is missing here either. Where they don't, the
stream: the whole stretch of the shard is judged and written again, by the bridge's own code, and a marker
counts it. That writes more than the hole needs, so that an event which another release judged otherwise is
not lost between two partitions.

Invariant: a marker of a repair counts every record of its stretch that lies in its partition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import REPAIR, Marker, Pair, Place, row_of_stretch
from lifeline.lambdas.stream_bridge.batch import (
    Headers,
    LogRecord,
    StreamRecord,
    bridged,
    origin_headers,
)
from lifeline.lambdas.stream_bridge.event_schemas import EventSchemas
from lifeline.lambdas.stream_bridge.shard_count import Counted
from lifeline.lambdas.stream_bridge.stretch import Part, Read, Stretch, parts

SLICE_SECONDS = 25.0
"""One call's share: well below the function's time-out, and a word of progress for who waits."""
WRITE_RECORDS = 2_000


class Partitions(Protocol):
    """Reads this region's log."""

    def records(self, place: Place, since_ms: int) -> Iterator[Read]: ...


class Shards(Protocol):
    """Reads this region's stream."""

    def records(self, shard: str, since_ms: int, at: int) -> Iterator[list[StreamRecord]]: ...


class Writer(Protocol):
    """Writes this region's log; raises what was not acknowledged."""

    def write(self, records: Iterable[LogRecord], at_ms: int) -> None: ...


@dataclass
class Slice:
    """What one call did. `left`: to be asked for next, from the same source.

    `gaps`: what this source cannot prove, with the count that a marker tells of it, if one does, and how many
    of its records are here.
    """

    records: int = 0
    markers: int = 0
    left: list[Stretch] = field(default_factory=list)
    gaps: list[tuple[Stretch, int | None, int]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "records": self.records,
            "markers": self.markers,
            "left": [stretch_to_json(one) for one in self.left],
            "gaps": [
                {**stretch_to_json(one), "expected": expected, "found": found}
                for one, expected, found in self.gaps
            ],
        }


class Repair:
    """Every method raises what reading and writing raise; what was written by then may be written again."""

    def __init__(
        self,
        *,
        region: str,
        partitions: tuple[tuple[str, int], ...],
        schemas: EventSchemas,
        log: Partitions,
        stream: Shards,
        writer: Writer,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._region, self._partitions, self._schemas = region, partitions, schemas
        self._log, self._stream, self._writer, self._clock = log, stream, writer, clock

    def answer(self, request: Mapping[str, Any], incarnation: str) -> dict[str, Any]:
        """Do what a request asks for: `{"source", "run", "dry_run", "unproven", "stretches"}`.

        `incarnation`: of the stream as it is. Raises ValueError for a request that is none.
        """
        source, run = request.get("source"), request.get("run")
        stretches = [stretch_of_json(one) for one in request.get("stretches", [])]
        if source not in ("log", "stream") or not run or not stretches:
            raise ValueError(f"a repair needs source, run and stretches, got {sorted(request)}")
        if len({one.pair for one in stretches}) > 1:
            raise ValueError("a repair takes the stretches of one shard at a time")
        if stretches[0].pair.origin != self._region:
            raise ValueError(
                f"{stretches[0].pair.origin} accepted these records; this is {self._region}"
            )
        dry_run = bool(request.get("dry_run"))
        if source == "log":
            unproven = bool(request.get("unproven"))
            return self.from_log(stretches, str(run), dry_run=dry_run, unproven=unproven).told()
        if stretches[0].pair.incarnation != incarnation:
            # Its shards' names are the same, and nothing of the old one is left.
            return Slice(gaps=[(one, None, 0) for one in stretches]).told()
        return self.from_stream(stretches, str(run), dry_run=dry_run).told()

    def from_log(
        self, stretches: list[Stretch], run: str, *, dry_run: bool = False, unproven: bool = False
    ) -> Slice:
        """Copy what the log proves. `unproven`: what it does not prove, too, for the events' own sake."""
        done, until = Slice(), self._clock.monotonic() + SLICE_SECONDS
        for number, stretch in enumerate(stretches):
            for part in parts(self._log.records(stretch.place, stretch.born_ms), stretch):
                self._copy(part, stretch, run, done, dry_run=dry_run, unproven=unproven)
                rest = replace(stretch, after=part.until, born_ms=part.born_ms)
                if self._clock.monotonic() > until:
                    done.left = [*([rest] if rest.after < rest.until else [])]
                    done.left += stretches[number + 1 :]
                    return done
        return done

    def _copy(
        self, part: Part, stretch: Stretch, run: str, done: Slice, *, dry_run: bool, unproven: bool
    ) -> None:
        if part.marker is None:
            here = replace(stretch, after=part.after, until=part.until, born_ms=part.born_ms)
            done.gaps.append((here, part.expected, len(part.records)))
            if not unproven:
                return
        lines = part.records if part.marker is None else [*part.records, part.marker]
        if not dry_run:
            self._write(_again(one, stretch.place, run) for one in lines)
        done.records += len(part.records)
        done.markers += part.marker is not None

    def from_stream(self, stretches: list[Stretch], run: str, *, dry_run: bool = False) -> Slice:
        """Judge and write again what the shard took, from the first beginning to the last end."""
        done, until = Slice(), self._clock.monotonic() + SLICE_SECONDS
        first, last = min(one.after for one in stretches), max(one.until for one in stretches)
        pair, since_ms = stretches[0].pair, min(one.born_ms for one in stretches)
        at = min(one.at for one in stretches)
        counted: list[Counted] = []
        reached: StreamRecord | None = None
        begins: int | None = None
        ended = False
        for page in self._stream.records(pair.shard, since_ms, at):
            if begins is None and page:
                # Nothing is said of what lies before the oldest record that the stream still has.
                begins = first if page[0].sequence <= first else page[0].sequence - 1
            wanted = [one for one in page if first < one.sequence <= last]
            counted += self._bridge_again(pair, wanted, run, done, dry_run=dry_run)
            reached = page[-1] if page else reached
            if reached is not None and reached.sequence >= last:
                break
            if self._clock.monotonic() > until:
                break
        else:
            ended = True
        if begins is None or reached is None:
            # An answer without a record is not yet a stream without one.
            done.left = [] if ended else stretches
            done.gaps += [(one, None, 0) for one in stretches if ended]
            return done
        for stretch in stretches:
            self._settle(stretch, begins, reached, counted, run, done, dry_run=dry_run)
        if ended:
            # The shard has nothing more, and will not have it.
            done.gaps += [(one, None, 0) for one in done.left]
            done.left = []
        return done

    def _settle(
        self, stretch: Stretch, begins: int, reached: StreamRecord, counted: list[Counted],
        run: str, done: Slice, *, dry_run: bool,
    ) -> None:  # fmt: skip
        """The marker over what was written of it; what lies before is lost, what lies behind is left."""
        start, end = max(stretch.after, begins), min(stretch.until, reached.sequence)
        if start > stretch.after:
            lost = replace(stretch, until=min(start, stretch.until))
            done.gaps.append((lost, None, 0))
        if start >= stretch.until:
            return
        born_ms = int(reached.arrived_at.timestamp() * 1000)
        if start < end:
            manifest = Manifest()
            for one in counted:
                if one.place == stretch.place and start < one.sequence <= end:
                    manifest = manifest.and_one(one.digest)
            # It declares no partition: which ones there were then, the bridge's own markers say (B10).
            marker = Marker(stretch.pair, end, born_ms, (), (), start, manifest)
            headers: Headers = [("kind", b"marker"), *origin_headers(stretch.pair, end)]
            if not dry_run:
                self._write([_line(stretch.place, None, marker.to_bytes(), headers, run)])
            done.markers += 1
        if end < stretch.until:
            rest = max(start, end)
            done.left.append(replace(stretch, after=rest, born_ms=born_ms, at=reached.sequence))

    def _bridge_again(
        self, pair: Pair, records: list[StreamRecord], run: str, done: Slice, *, dry_run: bool
    ) -> list[Counted]:
        batch = bridged(
            records,
            region=pair.origin,
            incarnation=pair.incarnation,
            partitions=self._partitions,
            schemas=self._schemas,
        )
        if not dry_run:
            self._write(
                _line((one.topic, one.partition), one.key, one.value, one.headers, run)
                for one in batch.records
            )
        done.records += len(batch.records)
        return batch.counted

    def _write(self, records: Iterable[LogRecord]) -> None:
        """All of them, in their order. Raises what was not acknowledged."""
        waiting: list[LogRecord] = []
        for one in records:
            waiting.append(one)
            if len(waiting) == WRITE_RECORDS:
                self._writer.write(waiting, self._now_ms())
                waiting = []
        if waiting:
            self._writer.write(waiting, self._now_ms())

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1_000)


def stretch_to_json(one: Stretch) -> dict[str, Any]:
    """As a hole is told by `/v1/watermark`."""
    told = row_of_stretch(one.pair, one.place, one.after, one.until)
    return {**told, "born_ms": one.born_ms, "at": str(one.at)}


def stretch_of_json(row: Mapping[str, Any]) -> Stretch:
    """Raises ValueError for what `stretch_to_json` did not make."""
    try:
        found = Stretch(
            Pair(str(row["region"]), str(row["incarnation"]), str(row["shard"])),
            (str(row["topic"]), int(row["partition"])),
            int(row["after"]),
            int(row["until"]),
            int(row.get("born_ms", 0)),
            int(row.get("at", 0)),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a stretch of a shard: {error!r}") from error
    if found.after >= found.until:
        raise ValueError(f"the stretch ({found.after}, {found.until}] is empty")
    return found


def _again(one: Read, place: Place, run: str) -> LogRecord:
    """As it was written, under this run's name; where else it was copied from or to is not kept."""
    own = ("kind", "origin", "incarnation", "shard", "sequence", "reason", "detail")
    kept: Headers = [(name, value) for name, value in one.headers if name in own]
    return _line(place, one.key, one.value, kept, run)


def _line(place: Place, key: bytes | None, value: bytes, headers: Headers, run: str) -> LogRecord:
    return LogRecord(*place, key, value, [*headers, (REPAIR, run.encode())])
