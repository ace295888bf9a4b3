"""Which run of sequences an aggregate follows (C9)."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lifeline.lambdas.failover.event_limits import MAX_SEQUENCE_JUMP
from lifeline.services.event_applier.sequence_runs import MOST_RUNS, Run, settled

START = datetime(2026, 11, 21, tzinfo=UTC)
FAR = 10**15


def event(sequence: int) -> Run:
    ident = uuid.UUID(int=sequence)
    return Run(sequence, sequence, 1, START + timedelta(microseconds=sequence % 10**9), ident)


def followed(*sequences: int) -> tuple[int, int, int]:
    main, _ = settled([event(one) for one in sequences])
    return main.first, main.sequence, main.events


def test_a_wild_sequence_is_left_out_whether_it_comes_first_or_last() -> None:
    assert followed(1, 2, 3, FAR) == (1, 3, 3)
    assert followed(FAR, 1, 2) == (1, 2, 2)
    assert followed(FAR, 1) == (1, 1, 1), "of two alike the lower"
    assert followed(FAR, FAR + 1, 0) == (FAR, FAR + 1, 2), "one low one is as wild"


def test_a_gap_up_to_the_limit_is_none_and_one_more_is() -> None:
    assert followed(1, 1 + MAX_SEQUENCE_JUMP) == (1, 1 + MAX_SEQUENCE_JUMP, 2)
    assert followed(1, 2 + MAX_SEQUENCE_JUMP) == (1, 1, 1)


def test_events_that_fill_a_gap_join_the_runs() -> None:
    far = 1 + 2 * MAX_SEQUENCE_JUMP
    main, others = settled([event(1), event(2), event(far)])
    assert (main.sequence, len(others)) == (2, 1)
    joined, none = settled([main, *others, event(1 + MAX_SEQUENCE_JUMP)])
    assert (joined.first, joined.sequence, joined.events, none) == (1, far, 4, [])


def test_a_sender_that_only_jumps_leaves_a_bounded_number_of_runs() -> None:
    main, others = settled([event(number * 2 * MAX_SEQUENCE_JUMP) for number in range(500)])
    assert 1 + len(others) == MOST_RUNS
    assert main.first == 0


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(1, 7))
def test_the_same_events_in_other_batches_settle_alike(steps: list[int], size: int) -> None:
    """Judged again at each insert over all that is stored: how it was cut into batches is no matter."""
    events = [event(step * MAX_SEQUENCE_JUMP * 3 // 4 + n) for n, step in enumerate(steps)]
    whole = settled(events)
    runs: list[Run] = []
    for start in range(0, len(events), size):
        main, others = settled([*runs, *events[start : start + size]])
        runs = [main, *others]
    assert settled(runs) == whole
