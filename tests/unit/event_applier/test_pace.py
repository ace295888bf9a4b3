"""What the database could not do in one transaction does not come again as one (B23)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lifeline.services.event_applier.batch import LogRecord
from lifeline.services.event_applier.pace import ALONE_FAILURES, Pace

MOST = 64


def records(first: int, count: int, partition: int = 0) -> list[LogRecord]:
    return [LogRecord("t", partition, first + n, 0, b"", []) for n in range(count)]


@given(
    culprits=st.sets(st.integers(0, 199), max_size=4),
    most_at_once=st.integers(1, 100),
    positions=st.integers(1, 80),
)
def test_whatever_the_database_cannot_do_all_is_stored_and_as_little_as_may_be_plainly(
    culprits: set[int], most_at_once: int, positions: int
) -> None:
    """`culprits` fail whole; a batch of more than `most_at_once` does, too. Reading begins again at the
    last of the `positions`, as often as something failed."""
    pace, at = Pace(MOST), 0
    stored: set[int] = set()
    plainly: set[int] = set()
    for _transaction in range(20_000):
        batch = records(at, min(pace.records, 200 - at))
        if not batch:
            break
        batch = batch[: pace.together(batch)]
        plain = pace.is_plain(batch)
        hurts = not plain and culprits & {one.offset for one in batch}
        if hurts or len(batch) > most_at_once:
            pace.failed(batch)
            at = at // positions * positions
            continue
        pace.applied(batch)
        stored |= {one.offset for one in batch}
        plainly |= {one.offset for one in batch if plain}
        at += len(batch)
    assert stored == set(range(200))
    assert plainly == culprits


def test_each_success_doubles_once_what_failed_is_behind() -> None:
    pace, allowed = Pace(MOST), []
    pace.failed(records(0, 8))
    for first in (0, 4, 8, 16, 32):
        pace.applied(records(first, 4))
        allowed.append(pace.records)
    assert allowed == [4, 8, 16, 32, 64]


def test_what_another_task_has_now_slows_nobody_down() -> None:
    pace = Pace(MOST)
    pace.failed([*records(0, 4), *records(0, 4, partition=1)])
    pace.keep_only([("t", 0)])
    pace.applied(records(0, 4))
    assert pace.records == 8


def test_one_failure_of_a_record_alone_is_not_enough() -> None:
    pace, alone = Pace(MOST), records(3, 1)
    for _ in range(ALONE_FAILURES):
        assert not pace.is_plain(alone)
        pace.failed(alone)
        pace.applied(records(0, 1))
    assert pace.is_plain(alone)
    assert not pace.is_plain(records(4, 1))
    assert not pace.is_plain(records(3, 2))
