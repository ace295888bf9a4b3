"""What of a stretch this region's log proves, and what is a gap (B8, B11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lifeline.lambdas.failover.manifests import Manifest, digest_of
from lifeline.lambdas.failover.markers import Marker, Pair
from lifeline.lambdas.stream_bridge.batch import origin_headers
from lifeline.lambdas.stream_bridge.stretch import Part, Read, Stretch, parts

PAIR = Pair("ca-central-1", "100", "shardId-000000000000")
PLACE = ("clinical.observation.recorded", 0)


def event(sequence: int, pair: Pair = PAIR, **more: bytes) -> Read:
    headers: Any = [*origin_headers(pair, sequence), *more.items()]
    return Read(b"k", b"%d" % sequence, headers)


def marker(
    previous: int | None, sequence: int, *counted: int, pair: Pair = PAIR, declares: bool = True
) -> Read:
    """Born at 1,000 times its sequence."""
    manifest = Manifest()
    for one in counted:
        manifest = manifest.and_one(digest_of(b"%d" % one, b"%d" % one))
    made = Marker(
        *(pair, sequence, 1_000 * sequence, (pair.shard,), (PLACE,) if declares else ()),
        previous=previous,
        manifest=None if previous is None else manifest,
    )
    headers: Any = [("kind", b"marker"), *origin_headers(pair, sequence)]
    return Read(None, made.to_bytes(), headers)


def found(*log: Read, after: int = 3, until: int = 9) -> list[Part]:
    return list(parts(log, Stretch(PAIR, PLACE, after, until, born_ms=7)))


def gap(after: int, until: int, *records: Read, expected: int | None = None, born_ms: int) -> Part:
    return Part(after, until, list(records), None, expected, born_ms)


E4, E5, E6, E8, E9 = (event(number) for number in (4, 5, 6, 8, 9))
M6, M9 = marker(3, 6, 4, 5, 6), marker(6, 9, 8, 9)
WHOLE = [Part(3, 6, [E4, E5, E6], M6, 3, 7), Part(6, 9, [E8, E9], M9, 2, 6_000)]


def test_what_its_markers_count_is_proven_part_by_part() -> None:
    assert found(E4, E5, E6, M6, E8, E9, M9) == WHOLE


def test_records_count_once_and_in_the_shards_order() -> None:
    assert found(E5, E4, E8, E4, E6, E5, M6, M6, E9, E8, M9) == WHOLE


@pytest.mark.parametrize(
    "other",
    [
        PAIR._replace(origin="ca-west-1"),
        PAIR._replace(incarnation="99"),
        PAIR._replace(shard="shardId-000000000001"),
    ],
)
def test_what_another_pair_wrote_says_nothing(other: Pair) -> None:
    log = [event(7, other), marker(3, 9, pair=other), E4, E5, E6, M6, E8, E9, M9]
    assert found(*log) == WHOLE


def test_what_no_bridge_wrote_is_not_counted() -> None:
    """B26: an applier's dead letter, or a line without a place, names no place in the chain."""
    aside = event(7, kind=b"quarantined")
    assert found(aside, Read(b"k", b"v", []), E4, E5, E6, M6, E8, E9, M9) == WHOLE


def test_only_the_stretch_is_taken() -> None:
    """(after, until]: what lies at its beginning is not in it, what lies at its end is."""
    log = [event(3), E4, E5, E6, marker(1, 3, 3), M6, E8, E9, event(10), M9, marker(9, 12, 10)]
    assert found(*log) == WHOLE


def test_a_record_that_is_missing_here_too_leaves_a_gap_with_its_count() -> None:
    assert found(E4, E6, M6, E8, E9, M9) == [
        gap(3, 6, E4, E6, expected=3, born_ms=7),
        WHOLE[1],
    ]


def test_a_marker_that_is_missing_leaves_a_gap_that_nobody_counted() -> None:
    behind = replace(WHOLE[1], born_ms=7)
    assert found(E4, E5, E6, E8, E9, M9) == [gap(3, 6, E4, E5, E6, born_ms=7), behind]


def test_a_log_that_ends_before_the_stretch_leaves_its_rest() -> None:
    assert found(E4, E5, E6, M6, E8) == [WHOLE[0], gap(6, 9, E8, born_ms=6_000)]
    assert found() == [gap(3, 9, born_ms=7)]


@pytest.mark.parametrize(
    "other",
    [
        marker(None, 6),
        marker(3, 6, 4, 5, declares=False),
        Read(None, b"not a marker", M6.headers),
    ],
)
def test_a_marker_that_counts_nothing_or_is_a_repairs_proves_nothing(other: Read) -> None:
    """A repair's marker says what a repair wrote; what was lost the bridge's own say."""
    assert found(E4, E5, E6, other, M6, E8, E9, M9) == WHOLE


def test_a_stretch_that_begins_within_an_interval_is_not_proven_by_its_marker() -> None:
    first, *_ = found(E5, E6, M6, E8, E9, M9, after=4)
    assert first == gap(4, 6, E5, E6, born_ms=7)


def test_a_stretch_that_ends_within_an_interval_is_not_proven_by_its_marker() -> None:
    assert found(E4, E5, E6, M6, E8, E9, M9, until=8) == [
        WHOLE[0],
        gap(6, 8, E8, born_ms=6_000),
    ]


def test_a_stretch_that_ends_in_a_gap_ends_there() -> None:
    assert found(E4, M9, until=5) == [gap(3, 5, E4, born_ms=7)]


@pytest.mark.parametrize("last", [M9, marker(9, 12)])
def test_the_log_is_read_no_further_than_the_stretch(last: Read) -> None:
    def log() -> Iterator[Read]:
        yield from (E4, E5, E6, M6, E8, E9, last)
        raise AssertionError("read on")

    found_there = list(parts(log(), Stretch(PAIR, PLACE, 3, 9, born_ms=7)))
    assert found_there == [WHOLE[0], WHOLE[1] if last is M9 else gap(6, 9, E8, E9, born_ms=6_000)]
