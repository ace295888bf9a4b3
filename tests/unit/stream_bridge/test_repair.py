"""A hole in the other region's log is closed again from this log, or from the stream (B11).

The bridge's own code writes the log, the reader's own proof judges what arrives. Stand-ins are the edges
only: the log and the stream are lists.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.lambdas.failover.log_proof import LogProof, Unproven
from lifeline.lambdas.failover.manifests import digest_of
from lifeline.lambdas.failover.markers import Marker, Pair, Place, StreamMarker
from lifeline.lambdas.stream_bridge import repair as repairing
from lifeline.lambdas.stream_bridge.batch import LogRecord, StreamRecord, bridged, origin_headers
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.repair import Repair, stretch_of_json, stretch_to_json
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from lifeline.lambdas.stream_bridge.stretch import Read, Stretch
from tests.support.clocks import ManualClock
from tests.support.counts import CountsInMemory

REGION, SHARD = "ca-central-1", "shardId-000000000000"
PAIR = Pair(REGION, "100", SHARD)
PARTITIONS = (("clinical.observation.recorded", 2), ("error.dlq", 1))
SCHEMAS = load_schemas(schemas_folder())
BORN = datetime(2026, 11, 22, tzinfo=UTC)
FIRST = 10**50
PAYLOAD = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    "subject": {"reference": "Patient/p"},
    "effectiveDateTime": "2026-11-22T00:00:00Z",
    "valueQuantity": {"value": 60, "system": "http://unitsofmeasure.org", "code": "/min"},
}
EVERY = 7
"""A marker in place of each seventh event."""


class Origin:
    """The origin's stream, bridge and log; and the other region's log, which is copied record by record."""

    def __init__(self, records: int = 42) -> None:
        self.stream = [self._record(number) for number in range(records)]
        self.log: dict[Place, list[Read]] = {
            (topic, one): [] for topic, count in PARTITIONS for one in range(count)
        }
        self.counts = CountsInMemory()
        self.proof = LogProof()
        self.copied: dict[Place, int] = dict.fromkeys(self.log, 0)
        self.held: set[int] = set()

    def _record(self, number: int) -> StreamRecord:
        arrived = BORN + timedelta(seconds=number)
        born_ms = int(arrived.timestamp() * 1000)
        if number % EVERY == EVERY - 1:
            data = StreamMarker(REGION, "100", SHARD, born_ms, (SHARD,)).to_bytes()
            return StreamRecord(SHARD, FIRST + number, "m:x", data, arrived)
        when = arrived.isoformat().replace("+00:00", "Z")
        body = {
            "eventId": str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))),
            "eventType": "ObservationRecordedEvent",
            "aggregateId": f"p-{number}",
            "aggregateType": "Patient",
            "occurredOn": when,
            "version": 1,
            "sequence": number,
            "payload": PAYLOAD,
            "metadata": {"correlationId": "c"},
        }
        data = b"{bad" if number % 5 == 0 else json.dumps(body).encode()
        return StreamRecord(SHARD, FIRST + number, f"e:p-{number}", data, arrived)

    def bridge(self, begin: int, end: int) -> None:
        """Records `begin` to before `end` of the stream, in one batch, by a process of its own."""
        read = self.stream[begin:end]
        batch = bridged(
            read, region=REGION, incarnation="100", partitions=PARTITIONS, schemas=SCHEMAS
        )
        self.write(batch.records, 0)
        ShardCounts(self.counts).settle(
            *(PAIR, batch.counted),
            first=read[0].sequence,
            acknowledged=read[-1].sequence,
            marker=batch.marker,
            write=self._write_marker,
        )

    def _write_marker(self, counted: Any) -> None:
        headers: Any = [("kind", b"marker"), *origin_headers(PAIR, counted.marker.sequence)]
        for place, record in counted.records():
            self.log[place].append(Read(None, record.to_bytes(), headers))

    def bridge_all(self) -> None:
        for begin in range(0, len(self.stream), EVERY):
            self.bridge(begin, begin + EVERY)

    def write(self, records: Iterable[LogRecord], _at_ms: int) -> None:
        for one in records:
            headers: Any = one.headers
            self.log[one.topic, one.partition].append(Read(one.key, one.value, headers))

    def copy(self, lost: Callable[[Place, Read], bool] = lambda _place, _one: False) -> None:
        """What came since, into the other region's log and past its reader."""
        for place, lines in self.log.items():
            for one in lines[self.copied[place] :]:
                if not lost(place, one):
                    self._read(place, one)
            self.copied[place] = len(lines)

    def _read(self, place: Place, one: Read) -> None:
        told = dict(one.headers)
        run = told.get("repair", b"").decode()
        if told.get("kind") == b"marker":
            self.proof.marker(Marker.from_bytes(one.value), place, run=run)
            return
        sequence = int(told["sequence"])
        self.held.add(sequence)
        digest = digest_of(told["sequence"], one.value)
        self.proof.record(PAIR, place, sequence, digest, run=run)
        entry = self.proof.entries().get(PAIR)
        if entry is not None:
            safe = {one for one in self.events() if entry.after < one <= entry.sequence}
            assert safe <= self.held, "called safe and not in the other log"

    def events(self) -> set[int]:
        return {one.sequence for one in self.stream if not one.partition_key.startswith("m:")}

    def holes(self) -> list[Unproven]:
        return list(self.proof.unproven())

    def reached(self) -> int:
        entry = self.proof.entries().get(PAIR)
        return -1 if entry is None else entry.sequence - FIRST

    # What `Repair` reads: the log and the stream.
    def records(self, source: Any, since_ms: int, at: int = 0) -> Iterator[Any]:
        if isinstance(source, tuple):
            yield from list(self.log[source])
            return
        since = datetime.fromtimestamp(since_ms / 1000, UTC)
        there = [
            one for one in self.stream if (one.sequence >= at if at else one.arrived_at >= since)
        ]
        for at in range(0, len(there), 10):
            yield there[at : at + 10]

    def repair(self, source: str, run: str = "a", clock: Any = None, **more: Any) -> dict[str, Any]:
        """Every hole, as `lifeline log repair` asks for it; the last answer."""
        made = Repair(
            region=REGION, partitions=PARTITIONS, schemas=SCHEMAS, log=self, stream=self, writer=self,
            clock=clock or ManualClock(),
        )  # fmt: skip
        asked = [
            stretch_to_json(
                Stretch(PAIR, (one.topic, one.partition), one.after, one.until, one.born_ms)
            )
            for one in self.holes()
        ]
        answer: dict[str, Any] = {"left": asked}
        gaps: list[Any] = []
        while answer["left"]:
            request = {"source": source, "run": run, "stretches": answer["left"], **more}
            answer = made.answer(request, "100")
            gaps += answer["gaps"]
        return {**answer, "gaps": gaps}


def is_marker(one: Read) -> bool:
    return dict(one.headers).get("kind") == b"marker"


def at(number: int) -> Callable[[Place, Read], bool]:
    """That record of the shard, wherever it lies."""
    return lambda _place, one: int(dict(one.headers)["sequence"]) == FIRST + number


OBSERVATIONS = ("clinical.observation.recorded", 0)
LOSSES = {
    "a record": at(16),
    "a marker": at(20),
    "a stretch of a partition": lambda place, one: (
        place == OBSERVATIONS and 9 < int(dict(one.headers)["sequence"]) - FIRST < 30
    ),
    "a stretch": lambda _place, one: 9 < int(dict(one.headers)["sequence"]) - FIRST < 30,
    "all but markers": lambda _place, one: (
        not is_marker(one) and int(dict(one.headers)["sequence"]) - FIRST > 9
    ),
}


@pytest.fixture
def origin() -> Origin:
    return Origin()


@pytest.mark.parametrize("source", ["log", "stream"])
@pytest.mark.parametrize("lost", LOSSES)
def test_what_was_lost_is_copied_and_the_reader_proves_it(
    origin: Origin, lost: str, source: str
) -> None:
    origin.bridge_all()
    origin.copy(LOSSES[lost])
    assert origin.holes()
    assert origin.reached() < 41
    answer = origin.repair(source)
    assert answer["gaps"] == []
    origin.copy()
    assert origin.holes() == []
    assert origin.reached() == 41


def test_a_chain_that_began_anew_is_no_gap_of_the_stream(origin: Origin) -> None:
    """The table of counts was lost: no marker says what lay before, in this log neither."""
    origin.bridge(0, 7)
    origin.bridge(7, 11)
    origin.counts = CountsInMemory()
    origin.bridge(11, 42)
    origin.copy()
    assert origin.reached() == 6
    gaps = origin.repair("log")["gaps"]
    assert {(int(one["after"]) - FIRST, int(one["until"]) - FIRST) for one in gaps} == {(6, 10)}
    assert {one["expected"] for one in gaps} == {None}
    assert origin.repair("stream")["gaps"] == []
    origin.copy()
    assert origin.holes() == []
    assert origin.reached() == 41


def test_a_record_that_this_log_lacks_too_is_named_with_its_stretch(origin: Origin) -> None:
    """Retention took it before it was copied: the log proves nothing of its stretch, the stream does."""
    origin.bridge_all()
    origin.copy(at(16))
    for place, lines in origin.log.items():
        origin.log[place] = [one for one in lines if not at(16)(place, one)]
        origin.copied[place] = len(origin.log[place])
    (gap,) = origin.repair("log")["gaps"]
    assert (int(gap["after"]) - FIRST, int(gap["until"]) - FIRST) == (13, 20)
    assert gap["expected"] == gap["found"] + 1
    origin.copy()
    assert origin.holes(), "what is left of it was not copied, and would not close it"
    assert origin.repair("stream")["gaps"] == []
    origin.copy()
    assert origin.reached() == 41


def test_what_the_stream_forgot_stays_a_hole_and_what_lies_behind_it_is_closed(
    origin: Origin,
) -> None:
    origin.bridge_all()
    origin.copy(LOSSES["a stretch"])
    origin.log = {place: [] for place in origin.log}
    origin.copied = dict.fromkeys(origin.log, 0)
    origin.stream = origin.stream[18:]
    answer = origin.repair("stream")
    lost = {(int(one["after"]) - FIRST, int(one["until"]) - FIRST) for one in answer["gaps"]}
    assert lost == {(6, 17)}
    origin.copy()
    assert {(one.after - FIRST, one.until - FIRST) for one in origin.holes()} == {(6, 17)}
    assert origin.reached() == 6


def test_a_stream_that_was_made_anew_has_nothing_of_it(origin: Origin) -> None:
    origin.bridge_all()
    origin.copy(at(16))
    made = Repair(
        region=REGION, partitions=PARTITIONS, schemas=SCHEMAS, log=origin, stream=origin,
        writer=origin,
    )  # fmt: skip
    (hole,) = origin.holes()
    asked = stretch_to_json(Stretch(PAIR, (hole.topic, hole.partition), hole.after, hole.until))
    answer = made.answer({"source": "stream", "run": "a", "stretches": [asked]}, "200")
    assert (answer["records"], len(answer["gaps"])) == (0, 1)


@pytest.mark.parametrize("source", ["log", "stream"])
def test_it_goes_on_slice_by_slice(
    origin: Origin, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call ends after its time and says what is left; the run's next call goes on."""
    monkeypatch.setattr(repairing, "SLICE_SECONDS", -1.0)
    origin.bridge_all()
    origin.copy(LOSSES["a stretch"])
    assert origin.repair(source)["gaps"] == []
    origin.copy()
    assert origin.holes() == []
    assert origin.reached() == 41


def test_a_slice_goes_on_where_the_last_one_ended_not_a_minute_before(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard that is read no faster than it grows would never come past its own margin."""
    monkeypatch.setattr(repairing, "SLICE_SECONDS", -1.0)
    origin.bridge_all()
    origin.copy(LOSSES["a stretch"])
    asked: list[int] = []
    records = origin.records

    def noted(source: Any, since_ms: int, at: int = 0) -> Iterator[Any]:
        asked.append(at)
        return records(source, since_ms, at)

    monkeypatch.setattr(origin, "records", noted)
    origin.repair("stream")
    assert asked[0] == 0
    assert len(asked) > 2
    assert asked[1:] == sorted(set(asked[1:])), "each begins at the record where the last one ended"


def test_a_stream_that_does_not_answer_in_time_has_lost_nothing(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages come empty while the bridge's own reads go before."""
    monkeypatch.setattr(repairing, "SLICE_SECONDS", -1.0)
    origin.bridge_all()
    monkeypatch.setattr(origin, "records", lambda *_arguments: iter([[], []]))
    made = Repair(
        region=REGION, partitions=PARTITIONS, schemas=SCHEMAS, log=origin, stream=origin,
        writer=origin,
    )  # fmt: skip
    asked = Stretch(PAIR, OBSERVATIONS, FIRST + 6, FIRST + 13)
    done = made.from_stream([asked], "a")
    assert (done.left, done.gaps) == ([asked], [])


def test_a_stream_that_ends_before_the_stretch_does_is_not_asked_for_ever(origin: Origin) -> None:
    """A hole that was given by hand with an end that no record has."""
    origin.bridge_all()
    asked = Stretch(PAIR, OBSERVATIONS, FIRST + 34, FIRST + 90)
    made = Repair(
        region=REGION, partitions=PARTITIONS, schemas=SCHEMAS, log=origin, stream=origin,
        writer=origin,
    )  # fmt: skip
    done = made.from_stream([asked], "a")
    assert done.left == []
    assert [(one.after - FIRST, one.until - FIRST) for one, _, _ in done.gaps] == [(41, 90)]


def test_what_an_applier_set_aside_and_a_marker_of_another_release_are_not_counted(
    origin: Origin,
) -> None:
    """B26: it names its origin, too. A marker that cannot be read proves nothing, and stops nothing."""
    origin.bridge_all()
    origin.copy(at(16))
    ((where, hole),) = [((one.topic, one.partition), one) for one in origin.holes()]
    lines = origin.log[where]
    aside: Any = [("kind", b"quarantined"), *origin_headers(PAIR, FIRST + 15)]
    other: Any = [("kind", b"marker"), *origin_headers(PAIR, FIRST + 15)]
    behind = [int(dict(one.headers)["sequence"]) > hole.after for one in lines].index(True)
    lines[behind:behind] = [
        Read(b"k", b"aside", aside),
        Read(None, b'{"lifelineMarker": 99}', other),
    ]
    origin.copied[where] += 2
    assert origin.repair("log")["gaps"] == []
    origin.copy()
    assert origin.holes() == []


@pytest.mark.parametrize("source", ["log", "stream"])
def test_a_dry_run_counts_and_writes_nothing(origin: Origin, source: str) -> None:
    origin.bridge_all()
    origin.copy(LOSSES["a stretch"])
    before = {place: len(lines) for place, lines in origin.log.items()}
    answer = origin.repair(source, dry_run=True)
    assert answer["records"] > 0
    assert {place: len(lines) for place, lines in origin.log.items()} == before


def test_a_second_run_over_a_half_finished_one_closes_the_hole(origin: Origin) -> None:
    origin.bridge_all()
    origin.copy(LOSSES["a stretch"])
    origin.repair("log", "first")
    dropped = [0]

    def each_third(_place: Place, _one: Read) -> bool:
        dropped[0] += 1
        return dropped[0] % 3 == 0

    origin.copy(each_third)
    assert origin.holes()
    origin.repair("log", "second")
    origin.copy()
    assert origin.holes() == []
    assert origin.reached() == 41


def test_copies_carry_the_run_and_nothing_of_where_they_were(origin: Origin) -> None:
    origin.bridge_all()
    before = {place: len(lines) for place, lines in origin.log.items()}
    origin.copy(LOSSES["a stretch"])
    origin.repair("log", "run-1")
    added = [one for place, lines in origin.log.items() for one in lines[before[place] :]]
    assert added
    originals = {
        (one.key, one.value, tuple(one.headers))
        for place, lines in origin.log.items()
        for one in lines[: before[place]]
    }
    assert {(one.key, one.value, (*one.headers[:-1],)) for one in added} <= originals
    assert {one.headers[-1] for one in added} == {("repair", b"run-1")}


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"source": "tape"}, "source"),
        ({"source": "log", "run": "a", "stretches": []}, "stretches"),
        ({"source": "log", "run": "a", "stretches": [{"region": REGION}]}, "not a stretch"),
    ],
)
def test_a_request_that_is_none_is_refused(
    origin: Origin, request_: dict[str, Any], why: str
) -> None:
    made = Repair(
        region=REGION, partitions=PARTITIONS, schemas=SCHEMAS, log=origin, stream=origin,
        writer=origin,
    )  # fmt: skip
    with pytest.raises(ValueError, match=why):
        made.answer(request_, "100")


def test_a_stretch_of_another_region_is_refused(origin: Origin) -> None:
    row = stretch_to_json(Stretch(Pair("ca-west-1", "1", SHARD), OBSERVATIONS, 1, 2))
    assert stretch_of_json(row).place == OBSERVATIONS
    made = Repair(
        region=REGION, partitions=PARTITIONS, schemas=SCHEMAS, log=origin, stream=origin,
        writer=origin,
    )  # fmt: skip
    with pytest.raises(ValueError, match="ca-west-1 accepted"):
        made.answer({"source": "log", "run": "a", "stretches": [row]}, "1")


def repairing_of(origin: Origin) -> Repair:
    return Repair(
        region=REGION, partitions=PARTITIONS, schemas=SCHEMAS, log=origin, stream=origin,
        writer=origin, clock=ManualClock(),
    )  # fmt: skip


def test_what_the_log_does_not_prove_is_copied_when_it_is_asked_for(origin: Origin) -> None:
    """For the events' own sake: the hole stays one, as no marker counts them."""
    origin.bridge_all()
    origin.copy(LOSSES["a stretch"])
    for place, lines in origin.log.items():
        origin.log[place] = [one for one in lines if not at(16)(place, one)]
        origin.copied[place] = len(origin.log[place])
    held = len(origin.held)
    (gap,) = origin.repair("log", unproven=True)["gaps"]
    assert (int(gap["after"]) - FIRST, int(gap["until"]) - FIRST) == (13, 20)
    assert gap["found"] > 0
    origin.copy()
    assert len(origin.held) > held
    lost = {one for one in origin.events() if 9 < one - FIRST < 30} - origin.held
    assert lost == {FIRST + 16}
    assert {(one.after - FIRST, one.until - FIRST) for one in origin.holes()} == {(13, 20)}


def test_the_log_is_read_from_the_birth_of_the_stretchs_beginning(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is older; a slice goes on from the last marker that it came past."""
    monkeypatch.setattr(repairing, "SLICE_SECONDS", -1.0)
    origin.bridge_all()
    asked: list[tuple[Place, int]] = []
    records = origin.records

    def noted(source: Any, since_ms: int, at: int = 0) -> Iterator[Any]:
        asked.append((source, since_ms))
        return records(source, since_ms, at)

    monkeypatch.setattr(origin, "records", noted)
    born_ms = int(BORN.timestamp() * 1000)
    stretch = Stretch(PAIR, OBSERVATIONS, FIRST + 6, FIRST + 20, born_ms=born_ms + 6_000)
    done = repairing_of(origin).from_log([stretch, stretch], "a")
    assert asked == [(OBSERVATIONS, born_ms + 6_000)]
    assert done.markers == 1
    rest = Stretch(PAIR, OBSERVATIONS, FIRST + 13, FIRST + 20, born_ms=born_ms + 6_000)
    assert done.left == [rest, stretch]
    assert repairing_of(origin).from_log([rest], "a").left == []


def test_a_gap_is_told_with_the_birth_of_its_beginning(origin: Origin) -> None:
    """The stream is read from there for it."""
    origin.bridge_all()
    for place, lines in origin.log.items():
        origin.log[place] = [one for one in lines if not at(16)(place, one)]
    born_ms = int(BORN.timestamp() * 1000)
    places = [Stretch(PAIR, place, FIRST + 6, FIRST + 20, born_ms) for place in origin.log]
    done = repairing_of(origin).from_log(places, "a", dry_run=True)
    ((lost, expected, found),) = done.gaps
    assert lost == Stretch(PAIR, lost.place, FIRST + 13, FIRST + 20, born_ms + 13_000)
    assert expected == found + 1


def test_the_stream_is_read_no_further_than_the_last_stretch(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    records = origin.records

    def noted(source: Any, since_ms: int, at: int = 0) -> Iterator[Any]:
        for page in records(source, since_ms, at):
            read.append(page[-1].sequence - FIRST)
            yield page

    monkeypatch.setattr(origin, "records", noted)
    stretches = [
        Stretch(PAIR, OBSERVATIONS, FIRST + 3, FIRST + 9),
        Stretch(PAIR, OBSERVATIONS, FIRST + 11, FIRST + 19),
    ]
    done = repairing_of(origin).from_stream(stretches, "a", dry_run=True)
    assert read == [9, 19]
    assert (done.left, done.gaps, done.markers) == ([], [], 2)
    wanted = {one for one in origin.events() if FIRST + 3 < one <= FIRST + 19}
    assert done.records == len(wanted)


@pytest.mark.parametrize(
    ("after", "until", "lost"),
    [(3, 10, [(3, 10)]), (3, 17, [(3, 17)]), (17, 20, []), (16, 20, [(16, 17)]), (18, 20, [])],
)
def test_only_what_lies_before_the_streams_oldest_record_is_lost(
    origin: Origin, after: int, until: int, lost: list[tuple[int, int]]
) -> None:
    origin.stream = origin.stream[18:]
    stretch = Stretch(PAIR, OBSERVATIONS, FIRST + after, FIRST + until)
    done = repairing_of(origin).from_stream([stretch], "a")
    assert [(one.after - FIRST, one.until - FIRST) for one, _, _ in done.gaps] == lost
    assert {(expected, found) for _, expected, found in done.gaps} <= {(None, 0)}
    assert (done.left, done.markers) == ([], 1 if until > 17 else 0)


def test_a_stretch_may_lack_its_beginning_and_its_end(origin: Origin) -> None:
    origin.stream = origin.stream[18:]
    stretch = Stretch(PAIR, OBSERVATIONS, FIRST + 3, FIRST + 90)
    done = repairing_of(origin).from_stream([stretch], "a")
    told = [(one.after - FIRST, one.until - FIRST) for one, _, _ in done.gaps]
    assert (told, done.left) == ([(3, 17), (41, 90)], [])


def test_a_stream_without_a_record_has_lost_every_stretch(origin: Origin) -> None:
    origin.stream = []
    stretches = [Stretch(PAIR, OBSERVATIONS, FIRST, FIRST + 9)] * 2
    done = repairing_of(origin).from_stream(stretches, "a")
    assert (done.left, done.gaps) == ([], [(one, None, 0) for one in stretches])


def test_two_shards_are_not_repaired_in_one_call(origin: Origin) -> None:
    other = PAIR._replace(shard="shardId-000000000001")
    rows = [stretch_to_json(Stretch(pair, OBSERVATIONS, 1, 2)) for pair in (PAIR, other)]
    with pytest.raises(ValueError, match="one shard at a time"):
        repairing_of(origin).answer({"source": "log", "run": "a", "stretches": rows}, "100")


@pytest.mark.parametrize(("after", "until"), [(2, 2), (3, 2)])
def test_an_empty_stretch_is_refused(after: int, until: int) -> None:
    with pytest.raises(ValueError, match="is empty"):
        stretch_of_json(stretch_to_json(Stretch(PAIR, OBSERVATIONS, after, until)))


def test_a_stretch_travels_as_text() -> None:
    """A sequence is larger than a double; a hole as `/v1/watermark` told it has no record to go on at."""
    one = Stretch(PAIR, OBSERVATIONS, FIRST, FIRST + 1, born_ms=5, at=FIRST)
    row = json.loads(json.dumps(stretch_to_json(one)))
    assert stretch_of_json(row) == one
    del row["born_ms"], row["at"]
    assert stretch_of_json(row) == Stretch(PAIR, OBSERVATIONS, FIRST, FIRST + 1)


def test_many_records_are_written_in_their_order_a_part_at_a_time(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairing, "WRITE_RECORDS", 4)
    origin.bridge_all()
    origin.copy(LOSSES["a stretch"])
    sizes: list[int] = []
    write = origin.write

    def noted(records: Iterable[LogRecord], at_ms: int) -> None:
        written = list(records)
        sizes.append(len(written))
        assert at_ms == int(ManualClock().now() * 1_000)
        write(written, at_ms)

    monkeypatch.setattr(origin, "write", noted)
    answer = origin.repair("stream")
    assert sum(sizes) == answer["records"] + answer["markers"]
    assert set(sizes) <= {1, 2, 3, 4}
    assert 4 in sizes
    origin.copy()
    assert origin.holes() == []
