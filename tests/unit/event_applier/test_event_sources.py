"""Of which records each day's events were made, as it is noted with them (B22)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lifeline.services.event_applier.batch import LogRecord, batch_of
from lifeline.services.event_applier.event_sources import note
from tests.integration.datapath.log_records import TOPIC, event_body, event_record

TIMES = (
    "2026-11-20T23:59:59.999999Z",
    "2026-11-21T00:00:00Z",
    "2026-11-21T01:30:00+02:00",  # the day before, in UTC
    "2026-11-20T23:30:00-01:00",  # the day after
)
DAYS = ("2026-11-20", "2026-11-21", "2026-11-20", "2026-11-21")


class Server:
    """What the statement is given."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def execute(self, _statement: str, columns: list[list[Any]]) -> None:
        self.rows += zip(*columns, strict=True)


def record(time: int, partition: int, shard: int, sequence: int) -> LogRecord:
    made = event_record(0, event_body(1, occurredOn=TIMES[time]))
    headers = [*made.headers[:2], ("shard", f"s-{shard}".encode())]
    return made._replace(
        partition=partition, headers=[*headers, ("sequence", str(sequence).encode())]
    )


@given(
    st.lists(
        st.tuples(
            *(st.integers(0, 3), st.integers(0, 1), st.integers(0, 1)),
            st.one_of(st.integers(0, 99), st.integers(10**50, 10**50 + 5)),
        ),
        max_size=30,
    ),
    st.sets(st.integers(0, 29)),
)
def test_each_day_has_the_first_and_the_last_sequence_of_each_pair(
    told: list[tuple[int, int, int, int]], left_out: set[int]
) -> None:
    server: Any = Server()
    batch = batch_of(record(*one) for one in told)
    note(server, batch, [number for number in range(len(told)) if number not in left_out])
    expected: dict[tuple[Any, ...], list[int]] = {}
    for number, (time, partition, shard, sequence) in enumerate(told):
        if number not in left_out:
            key = (DAYS[time], TOPIC, partition, "ca-central-1", "100", f"s-{shard}")
            expected.setdefault(key, []).append(sequence)
    assert server.rows == [(*key, min(of), max(of)) for key, of in sorted(expected.items())]
