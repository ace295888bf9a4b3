"""Rules B and C that can be switched off (E4): each puts back what the code would do without it.

`seed` is a run that goes red without it, and is well with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from lifeline.lambdas.failover.lineage import Lineage
from lifeline.lambdas.failover.log_proof import NOTHING, Hole, LogProof, PlaceProof, _PairProof
from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import Marker
from lifeline.lambdas.stream_bridge import batch as bridge_batch
from lifeline.lambdas.stream_bridge import handler, log_writer, stream_identity
from lifeline.lambdas.stream_bridge.batch import BridgedBatch, LogRecord
from lifeline.lambdas.stream_bridge.log_writer import DeliveryFailed, LogWriter
from lifeline.lambdas.stream_bridge.partitioner import partition_of
from lifeline.lambdas.stream_bridge.shard_count import Placing
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from lifeline.lambdas.stream_bridge.stream_identity import StreamIdentity
from lifeline.lambdas.stream_bridge.validation import Rejected, judge
from lifeline.services.event_applier import apply
from lifeline.services.event_applier.positions import (
    AppliedMarker,
    Resume,
    Stream,
    resume_of,
)
from lifeline.services.query_api.marker_writer import MarkerWriter
from lifeline.services.query_api.watermark_reader import WatermarkReader
from lifeline.services.shared.topics import DEAD_LETTERS
from simulator.path import mapping
from simulator.places import HOME
from simulator.switches import Switch
from simulator.twins import event_store
from simulator.twins.event_store import Session


def _one_incarnation() -> list[Any]:
    ask = StreamIdentity.incarnation

    def once(self: StreamIdentity, named: set[str]) -> str:
        return self._incarnation or ask(self, named)

    return [patch.object(StreamIdentity, "incarnation", once)]


def _gives_up() -> list[Any]:
    return [patch.object(mapping, "MOST_TRIES", 2)]


def _looks_at_no_acknowledgement() -> list[Any]:
    send = LogWriter._acknowledged

    def unchecked(self: LogWriter, produce: Any) -> None:
        try:
            send(self, produce)
        except DeliveryFailed:
            return

    return [patch.object(LogWriter, "_acknowledged", unchecked)]


def _drops_rejects() -> list[Any]:
    made = bridge_batch.bridged

    def fewer(*given: Any, **named: Any) -> BridgedBatch:
        found = made(*given, **named)
        kept = [one for one in found.records if one.topic != DEAD_LETTERS]
        counted = [one for one in found.counted if one.place[0] != DEAD_LETTERS]
        return replace(found, records=kept, counted=counted)

    return [patch.object(handler, "bridged", fewer)]


def _believes_every_manifest() -> list[Any]:
    return [patch.object(Hole, "closed", lambda _hole: True)]


def _needs_no_genesis() -> list[Any]:
    return [patch.object(_PairProof, "late_start", lambda _proof, _place: None)]


def _forgets_declared_shards() -> list[Any]:
    return [patch.object(Lineage, "unplaced", lambda _lineage, _marked: set())]


def _leaves_parents_open() -> list[Any]:
    return [patch.object(ShardCounts, "close", lambda _counts, _child, _write: 0)]


def _closes_with_the_childs_birth() -> list[Any]:
    return [
        patch.object(ShardCounts, "_born_ms", lambda _counts, _of, _count, child: child.born_ms)
    ]


def _believes_first_markers() -> list[Any]:
    return [patch.object(LogProof, "_oldest_ms", lambda *_, **__: None)]


def _places_by_the_newest_list() -> list[Any]:
    return [
        patch.object(ShardCounts, "placing", lambda _counts, _pair, _first, listed: Placing(listed))
    ]


def _believes_unnamed_batches() -> list[Any]:
    return [patch.object(stream_identity, "UNNAMED_SECONDS", float("inf"))]


def _misses_no_last_marker() -> list[Any]:
    return [patch.object(LogProof, "find_lost_ends", lambda _proof, _now: None)]


def _follows_any_marker() -> list[Any]:
    def follow(
        self: PlaceProof, marker: Marker, previous: int, manifest: Manifest, now: float
    ) -> None:
        self._interval(self.holes, previous, marker, manifest, now)
        self._move(marker)

    return [patch.object(PlaceProof, "_next_link", follow)]


def _marks_one_region() -> list[Any]:
    write = MarkerWriter.write_once

    def at_home(self: MarkerWriter) -> None:
        if self._region == HOME:
            write(self)

    return [patch.object(MarkerWriter, "write_once", at_home)]


def _resumes_at_the_newest() -> list[Any]:
    def newest(
        applied: Iterable[AppliedMarker],
        regions: Iterable[str],
        lineages: Mapping[Stream, Lineage] | None = None,
    ) -> Resume:
        rows = list(applied)
        found = resume_of(rows, regions, lineages)
        times = [one.record_time_ms for one in rows if one.record_time_ms is not None]
        return found if found.seek_ms is None else Resume(max(times))

    return [patch.object(apply, "resume_of", newest)]


def _retires_early() -> list[Any]:
    def early(self: Lineage, marked: set[str]) -> set[str]:
        return {parent for shard in marked for parent in self._parents.get(shard, ())}

    return [patch.object(Lineage, "retired", early)]


def _has_no_base() -> list[Any]:
    return [patch.object(PlaceProof, "base", property(lambda _proof: NOTHING))]


def _any_position_is_own() -> list[Any]:
    def every(
        connection: Session, _epoch: int, _log_ids: Mapping[str, str]
    ) -> dict[tuple[str, int], int]:
        held = connection.server.rows.positions
        return {place: following for place, (_, _, following) in held.items()}

    return [patch.object(event_store, "read_own_positions", every)]


def _tells_no_hole() -> list[Any]:
    return [patch.object(WatermarkReader, "holes", lambda _reader: [])]


def _publishes_in_one_region() -> list[Any]:
    publish = WatermarkReader._publish

    def away(self: WatermarkReader, producer: Any) -> None:
        if self._region.region != HOME:
            publish(self, producer)

    return [patch.object(WatermarkReader, "_publish", away)]


def _raises_for_bad_events() -> list[Any]:
    def raising(*given: Any) -> Any:
        found = judge(*given)
        if isinstance(found, Rejected):
            raise ValueError(found.reason)
        return found

    return [patch.object(bridge_batch, "judge", raising)]


def _asks_the_brokers_for_partitions() -> list[Any]:
    write = LogWriter.write

    def placed(self: LogWriter, records: Iterable[LogRecord], at_ms: int) -> None:
        log = log_writer.Producer(self._settings)._log  # type: ignore[attr-defined]
        lines = [
            one._replace(partition=partition_of(one.key or b"", log.count(one.topic)))
            for one in records
        ]
        write(self, lines, at_ms)

    return [patch.object(LogWriter, "write", placed)]


PATH_SWITCHES: dict[str, Switch] = {
    "B2": Switch("the bridge asks for the stream's incarnation once", _one_incarnation, 4),
    "B2-unnamed": Switch(
        "a batch without a marker is of the stream that was asked for last",
        _believes_unnamed_batches,
        5265,
    ),
    "B5": Switch("a batch that failed twice is given up", _gives_up, 2),
    "B6": Switch("the bridge looks at no acknowledgement", _looks_at_no_acknowledgement, 5),
    "B7": Switch("a reject is not written", _drops_rejects, 0),
    "B8": Switch("a marker proves its stretch whatever was counted", _believes_every_manifest, 31),
    "B9": Switch("a partition that is new may begin anywhere", _needs_no_genesis, 36),
    "B10": Switch("a declared shard without a marker does not count", _forgets_declared_shards, 24),
    "B10-close": Switch("a closed shard gets no last marker", _leaves_parents_open, 39),
    "B11": Switch("a marker follows any other", _follows_any_marker, 6),
    "B11-first": Switch(
        "nobody is held to what a shard's first marker counts", _believes_first_markers, 7013
    ),
    "B11-end": Switch("nobody misses a closed shard's last marker", _misses_no_last_marker, 5135),
    "B12": Switch("only the active region's stream gets markers", _marks_one_region, 0),
    "B13": Switch(
        "a partition is read from its newest applied marker", _resumes_at_the_newest, 2486
    ),
    "B18": Switch("nobody is told of a hole", _tells_no_hole, 11),
    "B20": Switch("only one region's reader publishes", _publishes_in_one_region, 0),
    "B23": Switch("an event that cannot be read raises", _raises_for_bad_events, 0),
    "B24": Switch("a parent retires with its first child's marker", _retires_early, 2),
    "B24-birth": Switch(
        "a closed shard's last marker is as young as its child's",
        _closes_with_the_childs_birth,
        5035,
    ),
    "B25": Switch("an entry claims all before its first marker, too", _has_no_base, 75),
    "B26": Switch("a position of another epoch or log counts", _any_position_is_own, 3337),
    "B27": Switch(
        "the brokers say how many partitions there are", _asks_the_brokers_for_partitions, 7
    ),
    "B27-again": Switch(
        "a batch that comes again is placed by the newest list", _places_by_the_newest_list, 1531
    ),
}


@contextmanager
def switched_off(*rules: str) -> Iterator[None]:
    """Run the shipped code without these rules. Raises ValueError for a rule without a switch."""
    with ExitStack() as stack:
        for rule in rules:
            if rule not in PATH_SWITCHES:
                known = ", ".join(PATH_SWITCHES)
                raise ValueError(
                    f"rule {rule!r} has no switch in the path world; those that have one are {known}"
                )
            for one in PATH_SWITCHES[rule].patches():
                stack.enter_context(one)
        yield
