"""Markers and the watermark vector (B1, B2, B10, B20)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import (
    Entry,
    Marker,
    Pair,
    StreamMarker,
    entries_from_json,
    entries_to_json,
    is_safe,
    marker_interval_seconds,
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
    link = replace(one, previous=sequence - 1, manifest=Manifest(7, born % 2**64))
    assert Marker.from_bytes(link.to_bytes()) == link
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


@pytest.mark.parametrize(
    "manifest", [None, 7, {}, {"count": -1, "digest": "0" * 16}, {"count": 1, "digest": "0"}]
)
def test_a_manifest_that_cannot_be_read_is_refused(manifest: object) -> None:
    body = {**json.loads(marker(7).to_bytes()), "previous": "3", "manifest": manifest}
    with pytest.raises(ValueError, match=r"manifest|count|digest"):
        Marker.from_bytes(json.dumps(body).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"parents": ["a"]},
        {"parents": {"a": "b"}},
        {"born_ms": True},
        {"born_ms": "5"},
        {"born_ms": None},
        {"shard": ""},
        {"shards": "a"},
    ],
)
def test_a_stream_marker_with_a_field_of_another_kind_is_refused(change: dict[str, object]) -> None:
    good = StreamMarker("ca-central-1", "100", "a", 5, ("a", "b"), {"a": ("b",)})
    body = json.loads(good.to_bytes())
    assert StreamMarker.from_bytes(good.to_bytes()) == good
    assert b" " not in good.to_bytes()
    with pytest.raises(ValueError, match="marker: "):
        StreamMarker.from_bytes(json.dumps(body | change).encode())


def test_recreated_stream_is_another_pair() -> None:
    """Named scenario recreated-stream (B2): the same shard id of a new stream proves nothing old."""
    reborn = Pair(PAIR.origin, "1800000000", PAIR.shard)
    vector = {PAIR: Entry(100, 1), reborn: Entry(3, 9)}
    assert is_safe(PAIR, 100, vector)
    assert not is_safe(reborn, 4, vector)
    assert not is_safe(Pair("ca-west-1", "1", "s"), 0, vector)
    assert not is_safe(PAIR, 7, {PAIR: Entry(100, 1, after=7)})
    assert is_safe(PAIR, 8, {PAIR: Entry(100, 1, after=7)})
    assert oldest_born_ms(vector) == 9


def test_vectors_travel_as_text() -> None:
    vector = {PAIR: Entry(2**180, 7, 2**179)}
    rows = entries_to_json("ca-west-1", vector)
    assert rows[0]["sequence"] == str(2**180)
    assert rows[0]["safe_in"] == "ca-west-1"
    assert entries_from_json(rows) == vector
    del rows[0]["after"]
    assert entries_from_json(rows) == {PAIR: Entry(2**180, 7)}, "of release 0.1"


def test_an_empty_vector_says_unknown_not_zero() -> None:
    assert oldest_born_ms({}) is None


def test_marker_load_stretches_the_interval() -> None:
    assert marker_interval_seconds(4, 7) == 1.0
    assert marker_interval_seconds(40, 100) == 8.0
