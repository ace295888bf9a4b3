"""The bridge's counts, a log with faults and the reader's proof: no hole is passed, none invented (B8, B11).

The checker knows what was accepted and what the copied log holds, and nothing of manifests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest
from botocore.exceptions import EndpointConnectionError

from lifeline.lambdas.failover.log_proof import QUIET_SECONDS, YOUNG_SECONDS, LogProof
from lifeline.lambdas.failover.manifests import digest_of
from lifeline.lambdas.failover.markers import Marker, Pair, Place
from lifeline.lambdas.stream_bridge.count_table import Conflict, Stored
from lifeline.lambdas.stream_bridge.shard_count import Counted, CountedMarker, ShardCount
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from tests.support.counts import CountsInMemory

PAIR = Pair("ca-central-1", "17", "shardId-0")
PLACES: tuple[Place, ...] = (("a", 0), ("a", 1), ("b", 0))
SEEDS = 200
RECORDS = 60


@dataclass(frozen=True)
class Event:
    """What lies in a partition: an event of the shard."""

    sequence: int


Line = Event | Marker


class Died(Exception):
    """The bridge's process ended here."""


class LogRefused(Exception):
    """The log did not acknowledge a marker: the batch comes again to the same process."""


class Table(CountsInMemory):
    """The table of counts; refusals, lost replies and deaths are drawn from `random`."""

    def __init__(self, random: Random, deaths: float, refusals: float) -> None:
        super().__init__()
        self.random, self.deaths, self.refusals = random, deaths, refusals

    def load(self, pair: Pair) -> Stored | None:
        self._fault()
        return super().load(pair)

    def save(self, pair: Pair, count: ShardCount, over: int) -> Stored:
        self._fault()
        stored = super().save(pair, count, over)
        self._fault()
        return stored

    def _fault(self) -> None:
        if self.random.random() < self.refusals:
            raise EndpointConnectionError(endpoint_url="table")
        if self.random.random() < self.deaths:
            raise Died


@dataclass
class World:
    """A shard, its bridge, and the source's log by partition."""

    random: Random
    deaths: float
    refusals: float
    switches: float = 0.3
    log: dict[Place, list[Line]] = field(default_factory=lambda: {one: [] for one in PLACES})
    accepted: set[int] = field(default_factory=set)
    markers: list[int] = field(default_factory=list)

    def bridge(self) -> None:
        """Batches as the event source mapping draws them: one that failed comes again, drawn anew."""
        table = Table(self.random, self.deaths, self.refusals)
        # Which of the function's processes gets a batch is not ours to say.
        processes = [ShardCounts(table), ShardCounts(table)]
        stream = [(sequence, self.random.random() < 0.2) for sequence in range(10, 10 + RECORDS)]
        stream.append((10 + RECORDS, True))
        self.accepted = {sequence for sequence, is_marker in stream if not is_marker}
        at = 0
        while at < len(stream):
            number = int(self.random.random() < self.switches)
            if self.random.random() < self.deaths:
                processes[number] = ShardCounts(table)
            batch = stream[at : at + self.random.randint(1, 8)]
            try:
                self._bridge(processes[number], batch)
            except Died:
                processes[number] = ShardCounts(table)
                continue
            except (LogRefused, Conflict, EndpointConnectionError):
                continue
            at += len(batch)

    def _bridge(self, counts: ShardCounts, batch: list[tuple[int, bool]]) -> None:
        counted = []
        marker = None
        for sequence, is_marker in batch:
            if is_marker:
                marker = Marker(PAIR, sequence, sequence, (PAIR.shard,), PLACES)
                continue
            self._may_die()
            place = PLACES[sequence * 7919 % 3]
            self.log[place].append(Event(sequence))
            counted.append(Counted(sequence, place, digest(sequence)))
        self._may_die()
        counts.settle(
            *(PAIR, counted),
            first=batch[0][0],
            acknowledged=batch[-1][0],
            marker=marker,
            write=self._write,
        )

    def _write(self, marker: CountedMarker) -> None:
        for place, record in marker.records():
            self._may_die()
            if self.random.random() < self.refusals / 10:
                raise LogRefused
            self.log[place].append(record)
        self.markers.append(marker.marker.sequence)

    def _may_die(self) -> None:
        if self.random.random() < self.deaths / 5:
            raise Died


def digest(sequence: int) -> int:
    return digest_of(str(sequence).encode(), b"content")


def with_repetitions(random: Random, lines: list[Line]) -> list[Line]:
    """As the replicator copies that began again a little earlier, as often as it likes."""
    copied: list[Line] = []
    at = 0
    while at < len(lines):
        copied.append(lines[at])
        at += 1
        if random.random() < 0.05:
            at = max(0, at - random.randint(1, 10))
    return copied


def check(proof: LogProof, accepted: set[int], held: set[int]) -> int:
    """Every accepted event that the entry covers is held; how far the entry reaches."""
    entry = proof.entries().get(PAIR)
    if entry is None:
        return -1
    covered = {one for one in accepted if entry.after < one <= entry.sequence}
    assert covered <= held, f"called safe and not in the log: {sorted(covered - held)}"
    return entry.sequence


def out_of_order(random: Random, lines: list[Line]) -> list[Line]:
    """Some stretches later than they were written, and none is missing."""
    for _ in range(random.randint(0, 3)):
        at = random.randrange(len(lines))
        taken, rest = lines[at : at + random.randint(1, 8)], list(lines)
        del rest[at : at + len(taken)]
        to = min(len(rest), at + random.randint(1, 10))
        lines = [*rest[:to], *taken, *rest[to:]]
    return lines


class Reader:
    """Reads partitions side by side, each in its order; it is started again wherever `random` says (B25)."""

    def __init__(self, random: Random, log: dict[Place, list[Line]], restarts: float) -> None:
        self.random, self.log, self.restarts = random, log, restarts
        self.proof = LogProof()
        self.at = dict.fromkeys(log, 0)
        self.held: set[int] = set()
        self.now = 0.0
        self.exact = random.choice([0, 2, 200])
        self.saved: Callable[[], None] = self.save()

    def read(self, accepted: set[int]) -> int:
        """All of it, checked after each line; how far the entry reaches."""
        reached = -1
        while left := [
            place for place in sorted(self.log) if self.at[place] < len(self.log[place])
        ]:
            self.now += self.random.choice([0.0, 0.01])
            if self.random.random() < self.restarts:
                # Silence folds what is more than `exact`: a marker that falls into it leaves a hole.
                long = [QUIET_SECONDS, 2 * YOUNG_SECONDS] if self.exact == 200 else []
                self.now += self.random.choice([0.1, *long])
                self.saved = self.save()
            if self.random.random() < self.restarts:
                self.saved()
                continue
            place = self.random.choice(left)
            self._line(place, self.at[place])
            self.at[place] += 1
            reached = check(self.proof, accepted, self.held)
        return reached

    def save(self) -> Callable[[], None]:
        """What a start after now does: through JSON, as it is stored."""
        saved = json.dumps(
            {
                "declared": self.proof.saved_declarations(),
                "lineages": self.proof.saved_lineages(),
                "places": [
                    [place, self.proof.saved(place, self.now, self.exact)] for place in self.log
                ],
            }
        )
        again = {place: self.proof.read_from(place, self.now, self.exact) for place in self.log}
        at = {
            place: self.at[place] if offset is None else offset for place, offset in again.items()
        }

        def start() -> None:
            body = json.loads(saved)
            places = {tuple(place): rows for place, rows in body["places"]}
            self.proof = LogProof.restored(body["declared"], body["lineages"], places, self.now)
            self.at = dict(at)

        return start

    def _line(self, place: Place, offset: int) -> None:
        line = self.log[place][offset]
        if isinstance(line, Marker):
            self.proof.marker(line, place, now=self.now)
            return
        self.held.add(line.sequence)
        self.proof.record(
            *(PAIR, place, line.sequence, digest(line.sequence)), offset=offset, now=self.now
        )


def proven(
    random: Random, log: dict[Place, list[Line]], accepted: set[int], restarts: float = 0.0
) -> tuple[LogProof, int]:
    """The proof after the whole log, checked after each line."""
    reader = Reader(random, log, restarts)
    reached = reader.read(accepted)
    return reader.proof, reached


@pytest.mark.parametrize("deaths", [0.0, 0.02, 0.1])
def test_a_copy_without_a_fault_is_proven_to_its_last_marker(deaths: float) -> None:
    """Wherever the bridge's process dies between two effects, and however often lines are copied."""
    for seed in range(SEEDS):
        random = Random(seed)
        world = World(random, deaths, refusals=0.0)
        world.bridge()
        copied = {place: with_repetitions(random, lines) for place, lines in world.log.items()}
        proof, reached = proven(random, copied, world.accepted)
        assert list(proof.unproven()) == [], seed
        assert reached == max(world.markers), seed


@pytest.mark.parametrize("restarts", [0.02, 0.06])
def test_a_reader_that_starts_again_where_it_was_saved_proves_the_same(restarts: float) -> None:
    """Whatever lies open at that moment, and however long ago it was saved (B25)."""
    for seed in range(SEEDS):
        random = Random(seed)
        world = World(random, deaths=0.02, refusals=0.0)
        world.bridge()
        copied = {place: with_repetitions(random, lines) for place, lines in world.log.items()}
        proof, reached = proven(random, copied, world.accepted, restarts)
        assert list(proof.unproven()) == [], seed
        assert reached == max(world.markers), seed


@pytest.mark.parametrize("restarts", [0.0, 0.06])
def test_a_stretch_out_of_order_leaves_no_hole(restarts: float) -> None:
    """It may for a moment: what comes late closes it, and a start in between forgets nothing."""
    for seed in range(SEEDS):
        random = Random(seed)
        world = World(random, deaths=0.02, refusals=0.0)
        world.bridge()
        copied = {
            place: out_of_order(random, with_repetitions(random, lines))
            for place, lines in world.log.items()
        }
        proof, reached = proven(random, copied, world.accepted, restarts)
        assert list(proof.unproven()) == [], seed
        if reached >= 0:
            assert reached == max(world.markers), seed


@pytest.mark.parametrize("deaths", [0.0, 0.05])
def test_a_table_that_refuses_now_and_then_costs_time_and_no_hole(deaths: float) -> None:
    """A batch whose count was not kept comes again, perhaps to another process."""
    for seed in range(SEEDS):
        random = Random(seed)
        world = World(random, deaths, refusals=0.2)
        world.bridge()
        proof, reached = proven(random, world.log, world.accepted)
        assert list(proof.unproven()) == [], seed
        assert reached == max(world.markers), seed


@pytest.mark.parametrize("restarts", [0.0, 0.05])
@pytest.mark.parametrize("fault", ["record", "marker", "stretch", "beginning"])
def test_no_lost_line_is_passed(fault: str, restarts: float) -> None:
    passed = 0
    for seed in range(SEEDS):
        random = Random(seed)
        world = World(random, deaths=0.02, refusals=0.1)
        world.bridge()
        copied = {place: with_repetitions(random, lines) for place, lines in world.log.items()}
        place = random.choice(PLACES)
        lines = copied[place]
        if fault == "beginning":
            copied[place] = lines[random.randint(1, len(lines)) :]
        elif fault == "stretch":
            at = random.randrange(len(lines))
            copied[place] = lines[:at] + lines[at + random.randint(1, 20) :]
        else:
            lost = random.choice(
                [one for one in lines if isinstance(one, Marker) == (fault == "marker")] or lines
            )
            copied[place] = [one for one in lines if one != lost]
        _, reached = proven(random, copied, world.accepted, restarts)
        passed += reached == max(world.markers)
    # A log that begins later is proven from there on; of the rest, what was lost often lies twice in the log.
    assert passed < SEEDS * (1.0 if fault == "beginning" else 0.4)
