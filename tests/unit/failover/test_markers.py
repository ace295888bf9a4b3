"""Markers and the watermark vector (B1, B2, B10, B20)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.lambdas.failover.markers import (
    Entry,
    Marker,
    Pair,
    StreamMarker,
    Watermark,
    entries_from_json,
    entries_to_json,
    is_safe,
    marker_interval_seconds,
    newest_incarnations,
    oldest_born_ms,
)

PAIR = Pair("ca-central-1", "1700000000", "shardId-000000000000")
PLACES = (
    ("clinical.observation.recorded", 0),
    ("clinical.observation.recorded", 1),
    ("error.dlq", 0),
)


def marker(sequence: int, pair: Pair = PAIR, born_ms: int = 5) -> Marker:
    return Marker(pair, sequence, born_ms, (pair.shard,), PLACES)


@given(
    sequence=st.integers(min_value=0, max_value=2**186),
    born=st.integers(min_value=0, max_value=2**45),
)
def test_markers_survive_their_encoding(sequence: int, born: int) -> None:
    one = marker(sequence, born_ms=born)
    assert Marker.from_bytes(one.to_bytes()) == one
    stream = StreamMarker("ca-west-1", "17", "shardId-1", born, ("shardId-1", "shardId-2"))
    assert StreamMarker.from_bytes(stream.to_bytes()) == stream


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b'{"lifelineMarker":2}', b'{"lifelineMarker":1}']
)
def test_what_is_no_marker_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Marker.from_bytes(raw)
    with pytest.raises(ValueError, match=r"."):
        StreamMarker.from_bytes(raw)


def test_a_pair_counts_only_when_every_declared_partition_has_it() -> None:
    watermark = Watermark()
    for place in PLACES[:-1]:
        watermark.observe(marker(10), *place)
    assert watermark.entries() == {}
    watermark.observe(marker(10), *PLACES[-1])
    assert watermark.entries() == {PAIR: Entry(10, 5)}


def test_the_least_advanced_partition_decides() -> None:
    watermark = Watermark()
    for place in PLACES:
        watermark.observe(marker(10, born_ms=1), *place)
    watermark.observe(marker(20, born_ms=2), *PLACES[0])
    assert watermark.entries() == {PAIR: Entry(10, 1)}
    watermark.observe(marker(5), *PLACES[1])
    assert watermark.entries() == {PAIR: Entry(10, 1)}


def test_recreated_stream_is_another_pair() -> None:
    """Named scenario recreated-stream (B2): the same shard id of a new stream proves nothing old."""
    reborn = Pair(PAIR.origin, "1800000000", PAIR.shard)
    vector = {PAIR: Entry(100, 1), reborn: Entry(3, 9)}
    assert is_safe(PAIR, 100, vector)
    assert not is_safe(reborn, 4, vector)
    assert not is_safe(Pair("ca-west-1", "1", "s"), 0, vector)
    assert newest_incarnations(vector) == {reborn: Entry(3, 9)}


def test_vectors_travel_as_text() -> None:
    vector = {PAIR: Entry(2**180, 7)}
    rows = entries_to_json("ca-west-1", vector)
    assert rows[0]["sequence"] == str(2**180)
    assert rows[0]["safe_in"] == "ca-west-1"
    assert entries_from_json(rows) == vector


def test_an_empty_vector_says_unknown_not_zero() -> None:
    assert oldest_born_ms({}) is None


def test_marker_load_stretches_the_interval() -> None:
    assert marker_interval_seconds(4, 7) == 1.0
    assert marker_interval_seconds(40, 100) == 8.0
