"""What may change of a size that stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.growth import (
    partitions_move,
    shard_steps,
    shards_less_than_halve,
    shards_more_than_double,
    volume_shrinks,
)

COUNTS = st.integers(1, 10_000)


@given(COUNTS, COUNTS)
def test_each_step_on_the_way_is_one_that_kinesis_takes(before: int, now: int) -> None:
    steps = shard_steps(before, now)
    for there, then in zip([before, *steps], steps, strict=False):
        assert not shards_more_than_double(there, then)
        assert not shards_less_than_halve(there, then)
    assert steps[-1:] == ([now] if before != now else [])
    assert len(steps) <= 14


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [(4, 8, False), (4, 9, True), (8, 4, False), (8, 3, True), (5, 3, False), (5, 2, True)],
)
def test_kinesis_refuses_more_than_double_and_less_than_half(
    before: int, now: int, refused: bool
) -> None:
    assert (shards_more_than_double(before, now) or shards_less_than_halve(before, now)) is refused


def test_partitions_stay_and_volumes_grow() -> None:
    assert partitions_move(4, 12)
    assert partitions_move(4, 3)
    assert not partitions_move(4, 4)
    assert volume_shrinks(200, 199)
    assert not volume_shrinks(200, 201)
