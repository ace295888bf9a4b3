"""What `lifeline rewind` asks, and how the answer's rows travel."""

from __future__ import annotations

import json

import pytest

from lifeline.lambdas.failover.markers import Pair
from lifeline.lambdas.failover.rewind import Lowered, PlaceFound, Request

PAIR = Pair("ca-central-1", "100", "shardId-0")
LOWERED = Lowered(("clinical.a", 3), PAIR, 2**70, 1_000, 2_000)


def test_a_request_is_one_argument_and_comes_back() -> None:
    asked = Request(run="r1", to_ms=5)
    assert json.loads(asked.to_json()) == {"run": "r1", "to_ms": 5}
    assert Request.from_json(asked.to_json()) == asked
    for wrong in ("{}", '{"run": "r1"}', '{"to_ms": 5}', '{"run": "r1", "to_ms": null}', "no JSON"):
        with pytest.raises(ValueError):  # noqa: PT011 - of json's or ours
            Request.from_json(wrong)


def test_a_row_has_the_tables_columns_and_comes_back() -> None:
    assert LOWERED.to_row() == {
        "topic": "clinical.a",
        "partition": 3,
        "origin": "ca-central-1",
        "incarnation": "100",
        "shard": "shardId-0",
        "sequence": str(2**70),
        "born_ms": 1_000,
        "record_time_ms": 2_000,
    }
    unmet = Lowered(("clinical.a", 3), PAIR, None, None, 0)
    for one in (LOWERED, unmet):
        assert Lowered.from_row(json.loads(json.dumps(one.to_row()))) == one
    for name in LOWERED.to_row():
        row = {key: value for key, value in LOWERED.to_row().items() if key != name}
        with pytest.raises(ValueError, match="is no row of a rewind"):
            Lowered.from_row(row)


def test_what_was_found_of_a_partition_is_told_by_name() -> None:
    found = PlaceFound(("clinical.a", 3), 1, 7, 9, True, False, (LOWERED,))
    assert found.to_row() == {
        "topic": "clinical.a",
        "partition": 3,
        "first": 1,
        "offset": 7,
        "records": 9,
        "gone": True,
        "from_beginning": False,
        "lowered": [LOWERED.to_row()],
    }
