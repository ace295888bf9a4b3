"""Markers and the watermark vector (B1, B2, B10, B20)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import (
    NO_MARKER,
    Entry,
    GivenUp,
    Marker,
    Pair,
    StreamMarker,
    entries_from_json,
    entries_to_json,
    is_safe,
    marker_interval_seconds,
    oldest_born_ms,
    row_of_stretch,
    rows_of_vector,
    vector_to_json,
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


def full() -> Marker:
    return Marker(
        *(PAIR, 2**180, 5, (PAIR.shard, "shardId-9"), (("a", 0), ("b", 2), ("a", 1))),
        previous=2**179,
        manifest=Manifest(7, 255),
        parents={PAIR.shard: ("p",), "p": ()},
        given_up=GivenUp(2**181, "arn:person", "purged", 9),
    )


def test_a_marker_is_written_with_these_names() -> None:
    """Other releases, and the archive's readers, know no others."""
    assert json.loads(full().to_bytes()) == {
        "lifelineMarker": 1,
        "origin": PAIR.origin,
        "incarnation": PAIR.incarnation,
        "shard": PAIR.shard,
        "sequence": str(2**180),
        "born_ms": 5,
        "shards": [PAIR.shard, "shardId-9"],
        "partitions": {"a": [0, 1], "b": [2]},
        "previous": str(2**179),
        "manifest": {"count": 7, "digest": "00000000000000ff"},
        "parents": {PAIR.shard: ["p"], "p": []},
        "given_up": {"until": str(2**181), "who": "arn:person", "why": "purged", "at_ms": 9},
    }
    read = Marker.from_bytes(full().to_bytes())
    assert read == replace(full(), partitions=(("a", 0), ("a", 1), ("b", 2)))
    stream = StreamMarker("ca-west-1", "17", "s", 5, ("s", "t"), {"t": ("s",)})
    assert json.loads(stream.to_bytes()) == {
        "lifelineMarker": 1,
        "region": "ca-west-1",
        "incarnation": "17",
        "shard": "s",
        "born_ms": 5,
        "shards": ["s", "t"],
        "parents": {"t": ["s"]},
    }


@pytest.mark.parametrize(
    "change",
    [
        *({name: value} for name in ("origin", "incarnation", "shard") for value in ("", 7, None)),
        {"sequence": 7},
        {"sequence": "seven"},
        {"born_ms": "5"},
        {"born_ms": True},
        {"born_ms": 5.0},
        {"shards": "a"},
        {"partitions": [["a", 0]]},
        {"partitions": {"a": 0}},
        {"partitions": {"a": [True]}},
        {"partitions": {"a": ["0"]}},
        {"partitions": {"a": [0, None]}},
        {"previous": 7},
        {"previous": "x"},
        {"manifest": {"count": 1.0, "digest": "0" * 16}},
        {"manifest": {"count": 1, "digest": "x" * 16}},
        {"manifest": {"count": 1, "digest": "0" * 17}},
        {"manifest": {"count": 1, "digest": 0}},
        {"parents": 7},
        {"parents": {"a": None}},
        {"given_up": None},
        {"given_up": {}},
        {"given_up": {"until": 9, "who": "a", "why": "b", "at_ms": 1}},
        {"given_up": {"until": "9", "who": "", "why": "b", "at_ms": 1}},
        {"given_up": {"until": "9", "who": "a", "why": "", "at_ms": 1}},
        {"given_up": {"until": "9", "who": "a", "why": "b", "at_ms": "1"}},
        {"lifelineMarker": 3},
    ],
)
def test_a_marker_with_a_field_of_another_kind_is_refused(change: dict[str, object]) -> None:
    body = json.loads(full().to_bytes())
    with pytest.raises(ValueError, match=r"."):
        Marker.from_bytes(json.dumps(body | change).encode())


@pytest.mark.parametrize(
    "name", ["origin", "incarnation", "shard", "sequence", "born_ms", "shards", "partitions"]
)
def test_a_marker_without_a_field_is_refused(name: str) -> None:
    body = json.loads(full().to_bytes())
    del body[name]
    with pytest.raises(ValueError, match=f"marker: {name} must be"):
        Marker.from_bytes(json.dumps(body).encode())


def test_an_empty_manifest_is_one() -> None:
    one = replace(full(), manifest=Manifest(0, 0))
    assert Marker.from_bytes(one.to_bytes()).manifest == Manifest(0, 0)


def test_what_nests_too_deep_is_no_marker() -> None:
    raw = b'{"a":' + b"[" * 200_000
    with pytest.raises(ValueError, match=r"."):
        Marker.from_bytes(raw)


def test_a_shards_ancestors_are_named_the_oldest_first_and_once() -> None:
    """Of a split, a merge, and of a lineage that names itself."""
    family = {PAIR.shard: ("m", "n"), "m": ("g",), "n": ("g",), "g": (), "other": ("m",)}
    named = [one.shard for one in replace(full(), parents=family).ancestors()]
    assert sorted(named) == ["g", "m", "n"]
    assert named[0] == "g"
    assert all(
        (one.origin, one.incarnation) == PAIR[:2]
        for one in replace(full(), parents=family).ancestors()
    )
    circle = {PAIR.shard: ("m",), "m": (PAIR.shard, "m")}
    assert [one.shard for one in replace(full(), parents=circle).ancestors()] == ["m"]
    assert replace(full(), parents=None).ancestors() == []
    assert replace(full(), parents={}).ancestors() == []


def test_a_stretch_is_told_with_these_names() -> None:
    assert row_of_stretch(PAIR, ("a", 3), 2**180, 2**181) == {
        "region": PAIR.origin,
        "incarnation": PAIR.incarnation,
        "shard": PAIR.shard,
        "topic": "a",
        "partition": 3,
        "after": str(2**180),
        "until": str(2**181),
    }


def test_a_vector_is_published_with_these_names() -> None:
    rows = entries_to_json("ca-west-1", {PAIR: Entry(9, 7, 3, retired=True)})
    assert rows == [
        {
            "region": PAIR.origin,
            "incarnation": PAIR.incarnation,
            "shard": PAIR.shard,
            "after": "3",
            "sequence": "9",
            "born_ms": 7,
            "retired": True,
            "safe_in": "ca-west-1",
        }
    ]
    body = vector_to_json("ca-west-1", rows)
    assert body == {"format": 2, "region": "ca-west-1", "entries": rows}
    assert rows_of_vector(body) == rows
    assert rows_of_vector({"entries": rows}) == rows, "of release 0.1"


@pytest.mark.parametrize("body", [{"format": 2}, {"format": 2, "entries": {}}, {"format": 4}, []])
def test_a_vector_that_cannot_be_read_proves_nothing(body: object) -> None:
    with pytest.raises(ValueError, match="watermark vector"):
        rows_of_vector(body)


def test_a_row_is_read_as_it_stands_or_refused() -> None:
    row: dict[str, Any] = {
        "region": "r", "incarnation": "1", "shard": "s", "sequence": "9", "born_ms": 7,
    }  # fmt: skip
    (entry,) = entries_from_json([row]).values()
    assert entry == Entry(9, 7, -1, retired=False)
    for retired in (1, "true", None):
        assert not entries_from_json([{**row, "retired": retired}])[Pair("r", "1", "s")].retired
    for born_ms, good in ((2**63 - 1, True), (2**63, False), (-(2**63), False)):
        if good:
            assert entries_from_json([{**row, "born_ms": born_ms}])
        else:
            with pytest.raises(ValueError, match="beyond every clock"):
                entries_from_json([{**row, "born_ms": born_ms}])
    for name in row:
        with pytest.raises(KeyError, match=name):
            entries_from_json([{key: value for key, value in row.items() if key != name}])


def test_the_lag_is_that_of_the_open_shards_of_each_regions_newest_stream() -> None:
    """B24."""
    old, new = Pair("a", "9", "s"), Pair("a", "10", "s")
    other = Pair("b", "3", "s")
    vector = {old: Entry(1, 100), new: Entry(1, 700), other: Entry(1, 500)}
    assert oldest_born_ms(vector) == 500
    assert oldest_born_ms({**vector, other: Entry(1, 500, retired=True)}) == 700
    assert oldest_born_ms({**vector, other: Entry(NO_MARKER, 0)}) is None
    assert oldest_born_ms({**vector, old: Entry(NO_MARKER, 0)}) == 500, "of the stream before"
    assert oldest_born_ms({other: Entry(NO_MARKER, 0, retired=True)}) is None
    assert oldest_born_ms({Pair("a", "0", "s"): Entry(1, 100)}) == 100
