"""Readers accept this format and the one before; any other is refused in words, never misread."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.lambdas.failover import markers
from lifeline.lambdas.failover.markers import (
    VECTOR,
    Entry,
    Marker,
    Pair,
    StreamMarker,
    entries_from_json,
    entries_to_json,
    rows_of_vector,
    vector_to_json,
)
from lifeline.lambdas.failover.wire import Wire

PAIR = Pair("ca-central-1", "1700000000", "shardId-000000000000")
ENTRIES = {PAIR: Entry(10, 5)}
NOW = vector_to_json("ca-west-1", entries_to_json("ca-west-1", ENTRIES))
BEFORE = {key: value for key, value in NOW.items() if key != "format"}
"""As it was published before it carried a format."""
FUTURE = VECTOR.current + 1


@given(st.integers(min_value=1, max_value=9), st.integers(min_value=-2, max_value=12))
def test_this_format_and_the_one_before_are_read(current: int, given: int) -> None:
    wire = Wire("thing", current)
    readable = given in (current, current - 1) and given >= 1
    if readable:
        assert wire.check({"format": given}) == given
    else:
        with pytest.raises(ValueError, match=f"thing of format {given} cannot be read"):
            wire.check({"format": given})


@pytest.mark.parametrize("given", [True, 1.0, "1", None, [], {}])
def test_a_format_is_a_whole_number(given: object) -> None:
    with pytest.raises(ValueError, match="thing of format"):
        Wire("thing", 1).check({"format": given})


@pytest.mark.parametrize("body", [[], "text", None, 1])
def test_what_is_no_object_has_no_format(body: object) -> None:
    with pytest.raises(ValueError, match="a thing must be an object"):
        Wire("thing", 1, unstamped=1).check(body)


def test_without_a_format_it_is_the_one_before_or_none() -> None:
    assert Wire("thing", 2, unstamped=1).check({}) == 1
    with pytest.raises(ValueError, match="thing without format cannot be read; this code reads 2 "):
        Wire("thing", 3, unstamped=1).check({})
    with pytest.raises(ValueError, match="thing without format"):
        Wire("thing", 2).check({})


def test_a_vector_says_its_format_and_the_one_before_is_read_alike() -> None:
    assert NOW["format"] == 2
    for body in (NOW, BEFORE):
        assert entries_from_json(rows_of_vector(body)) == ENTRIES


def test_a_vector_of_a_future_format_is_refused() -> None:
    with pytest.raises(ValueError, match="watermark vector of format 3 cannot be read"):
        rows_of_vector({**NOW, "format": FUTURE})


@pytest.mark.parametrize("body", [{}, {"entries": None}, {"entries": {}}, []])
def test_a_vector_without_entries_is_refused(body: object) -> None:
    with pytest.raises(ValueError, match="watermark vector"):
        rows_of_vector(body)


MARKER = Marker(PAIR, 7, 5, (PAIR.shard,), (("error.dlq", 0),))
STREAM_MARKER = StreamMarker(PAIR.origin, PAIR.incarnation, PAIR.shard, 5, (PAIR.shard,))


@pytest.mark.parametrize("one", [MARKER, STREAM_MARKER])
def test_a_marker_of_the_format_before_is_read_and_of_a_future_one_refused(
    one: Marker | StreamMarker, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = one.to_bytes()
    body: dict[str, Any] = json.loads(written)
    following = json.dumps({**body, "lifelineMarker": body["lifelineMarker"] + 1}).encode()
    with pytest.raises(ValueError, match="marker of lifelineMarker 2 cannot be read"):
        type(one).from_bytes(following)
    newer = Wire("marker", markers.MARKER.current + 1, key="lifelineMarker")
    monkeypatch.setattr(markers, "MARKER", newer)
    assert type(one).from_bytes(written) == one, "what the last release wrote"
    assert type(one).from_bytes(following) == one
    with pytest.raises(ValueError, match="cannot be read"):
        type(one).from_bytes(json.dumps({**body, "lifelineMarker": 3}).encode())


def test_true_is_no_version() -> None:
    body = json.loads(MARKER.to_bytes())
    with pytest.raises(ValueError, match="marker of lifelineMarker True"):
        Marker.from_bytes(json.dumps({**body, "lifelineMarker": True}).encode())
