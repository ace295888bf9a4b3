"""Which shards of a log count for lag and loss, and what is kept of the others (B24, L4, L15)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import pytest

from lifeline.lambdas.failover.log_proof import (
    DAY_MS,
    FINAL_DAYS,
    MAX_FINAL,
    SETTLED_SECONDS,
    LogProof,
)
from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import (
    Entry,
    Marker,
    Pair,
    Parents,
    Place,
    entries_from_json,
    entries_to_json,
    oldest_born_ms,
)

ORIGIN, STREAM = "ca-central-1", "17"
PLACES: tuple[Place, ...] = (("a", 0), ("a", 1))
SECOND_MS = 1_000


@dataclass
class Log:
    """A stream's markers as its bridge writes them, read by a proof at once."""

    proof: LogProof = field(default_factory=LogProof)
    incarnation: str = STREAM
    heads: dict[str, int] = field(default_factory=dict)
    now_ms: int = 0

    def mark(
        self,
        shard: str,
        *,
        shards: Sequence[str] = (),
        parents: Parents | None = None,
        places: Sequence[Place] = PLACES,
        lost: int = 0,
    ) -> None:
        """A marker of `shard` in `places`; `lost`: records that it counts and the log lacks."""
        self.now_ms += SECOND_MS
        before = self.heads.get(shard, self.now_ms - 1)
        self.heads[shard] = self.now_ms
        made = Marker(
            Pair(ORIGIN, self.incarnation, shard),
            *(self.now_ms, self.now_ms, tuple(shards) or (shard,), PLACES),
            previous=before,
            manifest=Manifest(lost, lost),
            parents=parents,
        )
        for place in places:
            self.proof.marker(made, place, now=self.now_ms / 1_000)

    def pair(self, shard: str) -> Pair:
        return Pair(ORIGIN, self.incarnation, shard)

    def lag_ms(self) -> int | None:
        born = oldest_born_ms(self.proof.vector())
        return None if born is None else self.now_ms - born


SPLIT: Parents = {"p": (), "a": ("p",), "b": ("p",)}


def split() -> Log:
    """A stream of one shard that has just been split."""
    log = Log()
    for _ in range(3):
        log.mark("p", parents={"p": ()})
    return log


def test_a_day_after_a_reshard_the_loss_is_that_of_the_open_shards() -> None:
    """L4: a closed shard's marker is a day old, and failover would be held by it."""
    log = split()
    for _ in range(86_400 // 3_600):
        for shard in ("a", "b"):
            log.mark(shard, shards=("a", "b"), parents=SPLIT)
    assert log.lag_ms() == SECOND_MS


def test_a_child_without_a_marker_keeps_the_loss_where_its_parent_stands() -> None:
    log = split()
    for _ in range(10):
        log.mark("a", shards=("a", "b"), parents=SPLIT)
    assert log.lag_ms() == 10 * SECOND_MS


def test_a_child_with_a_marker_in_one_partition_only_has_none() -> None:
    log = split()
    log.mark("a", shards=("a", "b"), parents=SPLIT)
    log.mark("b", shards=("a", "b"), parents=SPLIT, places=PLACES[:1])
    assert not log.proof.vector()[log.pair("p")].retired


def test_a_declared_shard_that_was_never_seen_makes_the_loss_unknown() -> None:
    """L15: it was ignored, so the loss was told too small."""
    log = Log()
    log.mark("a", shards=("a", "b"))
    assert log.lag_ms() is None
    log.mark("b", shards=("a", "b"))
    assert log.lag_ms() == SECOND_MS


def test_a_hole_in_a_closed_shard_goes_on_to_count() -> None:
    log = split()
    log.mark("p", lost=1)
    for _ in range(100):
        for shard in ("a", "b"):
            log.mark(shard, shards=("a", "b"), parents=SPLIT)
    assert log.lag_ms() == 201 * SECOND_MS
    log.proof.settle(log.now_ms / 1_000 + 2 * SETTLED_SECONDS)
    assert {one.pair for one in log.proof.unproven()} == {log.pair("p")}


def test_a_retired_shard_keeps_its_entry_for_a_late_receipt_and_no_more() -> None:
    log = split()
    for shard in ("a", "b"):
        log.mark(shard, shards=("a", "b"), parents=SPLIT)
    entry = log.proof.vector()[log.pair("p")]
    assert entry.retired
    before = len(json.dumps(log.proof.saved(PLACES[0], 0.0)))
    log.proof.settle(log.now_ms / 1_000 + SETTLED_SECONDS + 1)
    assert log.proof.vector()[log.pair("p")] == entry
    assert len(json.dumps(log.proof.saved(PLACES[0], 0.0))) < before
    log.proof.record(log.pair("p"), PLACES[0], 1, 1)  # a copy that comes again
    log.mark("p")
    assert log.proof.vector()[log.pair("p")] == entry
    kept = {row[2] for place in PLACES for row in log.proof.saved(place, 0.0)}
    assert kept == {"a", "b"}, "nothing of it is counted any more"


def test_a_place_that_was_saved_before_the_rest_was_settled_stays_settled() -> None:
    log = split()
    for shard in ("a", "b"):
        log.mark(shard, shards=("a", "b"), parents=SPLIT)
    rows = {place: log.proof.saved(place, 0.0) for place in PLACES}
    log.proof.settle(log.now_ms / 1_000 + SETTLED_SECONDS + 1)
    settled = {place: log.proof.saved(place, 0.0) for place in PLACES}
    again = LogProof.restored(log.proof.saved_declarations(), log.proof.saved_lineages(), rows, 0.0)
    assert {place: again.saved(place, 0.0) for place in PLACES} == settled


def test_a_hole_that_closes_after_the_children_are_gone_too_retires_its_shard() -> None:
    log = split()
    missing = log.now_ms + 1
    log.now_ms += 10
    log.mark("p", lost=1)
    for shard in ("a", "b"):
        log.mark(shard, shards=("a", "b"), parents=SPLIT)
    log.proof.settle(log.now_ms / 1_000)
    grown = {"c": ("a", "b")}
    for _ in range(2):
        log.mark("c", parents=grown)  # p, a and b are listed no more
        log.proof.settle(log.now_ms / 1_000 + 2 * SETTLED_SECONDS)
    assert not log.proof.vector()[log.pair("p")].retired
    for place in PLACES:
        log.proof.record(log.pair("p"), place, missing, 1)
    assert log.proof.vector()[log.pair("p")].retired
    assert log.lag_ms() == 0


def test_a_retired_shard_is_not_settled_while_its_records_may_still_come() -> None:
    log = split()
    for shard in ("a", "b"):
        log.mark(shard, shards=("a", "b"), parents=SPLIT)
    log.proof.settle(log.now_ms / 1_000 + SETTLED_SECONDS / 2)
    log.heads["p"] = 3 * SECOND_MS
    log.mark("p", shards=("a", "b"))
    assert log.proof.vector()[log.pair("p")].sequence == log.now_ms


def test_a_rebuilt_stream_retires_the_old_one_once_all_its_shards_have_markers() -> None:
    log = split()
    new = Log(log.proof, "99", now_ms=log.now_ms)
    new.mark("x", shards=("x", "y"), parents={"x": (), "y": ()})
    assert new.lag_ms() is None, "y has no marker, and no parent"
    assert not log.proof.vector()[log.pair("p")].retired
    new.mark("y", shards=("x", "y"))
    assert new.lag_ms() == SECOND_MS
    assert log.proof.vector()[log.pair("p")].retired


def test_the_words_retired_and_unplaced_travel() -> None:
    log = split()
    for shard in ("a", "b"):
        log.mark(shard, shards=("a", "b", "c"), parents=SPLIT)
    vector = log.proof.vector()
    assert vector[log.pair("p")].retired
    assert vector[log.pair("c")] == Entry(-1, 0)
    assert entries_from_json(entries_to_json("ca-west-1", vector)) == vector


@pytest.mark.parametrize("seed", range(3))
def test_after_a_year_of_reshards_a_start_costs_what_it_did_after_a_day(seed: int) -> None:
    """Time-lapse: a reshard a day, a stream rebuilt each 100 days, a restart each week."""
    random = Random(seed)
    log, open_shards, closed_on = Log(), ["s0"], dict[str, int]()
    parents: dict[str, tuple[str, ...]] = {"s0": ()}
    number, sizes, known = 0, list[int](), list[int]()
    for day in range(365):
        log.now_ms = day * DAY_MS
        if day and day % 100 == 0:
            log = Log(log.proof, str(int(log.incarnation) + 1), now_ms=log.now_ms)
            number, open_shards, closed_on, parents = 0, ["s0"], {}, {"s0": ()}
        elif len(open_shards) > 3 and random.random() < 0.6:
            one, two = open_shards[:2]
            number += 1
            parents[f"s{number}"] = (one, two)
            open_shards = [*open_shards[2:], f"s{number}"]
            closed_on |= {one: day, two: day}
        else:
            parent = open_shards.pop(0)
            number += 2
            for child in (f"s{number - 1}", f"s{number}"):
                parents[child] = (parent,)
                open_shards.append(child)
            closed_on[parent] = day
        listed = {
            shard: tuple(one for one in its if day - closed_on.get(one, day) <= 7)
            for shard, its in parents.items()
            if day - closed_on.get(shard, day) <= 7
        }
        for shard in open_shards:
            log.mark(shard, shards=open_shards, parents=listed)
        lag = log.lag_ms()
        assert lag is not None, day
        assert lag <= len(open_shards) * SECOND_MS, day
        assert all(entry.sequence >= 0 for entry in log.proof.vector().values()), day
        log.proof.settle(log.now_ms / 1_000 + 2 * SETTLED_SECONDS)
        declared = log.proof.saved_declarations(), log.proof.saved_lineages()
        places = {place: log.proof.saved(place, log.now_ms / 1_000) for place in PLACES}
        sizes.append(len(json.dumps([list(places.values()), declared[1]])))
        known.append(len(declared[0]))
        if day % 7 == 0:
            told = json.loads(json.dumps([*declared, list(places.values())]))
            again = LogProof.restored(
                told[0], told[1], dict(zip(PLACES, told[2], strict=True)), log.now_ms / 1_000
            )
            assert again.vector() == log.proof.vector()
            log.proof = again
    assert max(sizes[200:]) < 2 * max(sizes[20:100])
    assert max(known) < 3 * FINAL_DAYS
    (_, _, last) = log.proof.saved_lineages()[-1]
    assert len(log.proof.saved_lineages()) <= 2
    assert len(last) < 40


def test_final_entries_are_bounded_however_often_a_stream_is_resharded() -> None:
    log = Log()
    log.mark("s0", parents={"s0": ()})
    for number in range(1, MAX_FINAL + 50):
        parents = {f"s{number}": (f"s{number - 1}",)}
        log.mark(f"s{number}", parents=parents)
        if number % 25 == 0:
            log.proof.settle(log.now_ms / 1_000 + 2 * SETTLED_SECONDS)
    log.proof.settle(log.now_ms / 1_000 + 2 * SETTLED_SECONDS)
    assert len(log.proof.vector()) == MAX_FINAL + 1
