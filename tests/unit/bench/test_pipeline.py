"""What the bench calls a rate that holds, and what it sends without the HTTP edge."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from bench.pipeline import PUT_RECORDS, Tally, _sending, highest, put
from drill.envelope import Event
from drill.heart_recordings import Beat, Recording
from drill.recordings_feed import RecordingsFeed
from lab.waiting import LabError

HEART = Recording("even", 60.0, 60, tuple(Beat(float(n), 1_000.0) for n in range(60)))


def test_a_rate_holds_when_as_much_is_stored_and_soon() -> None:
    assert Tally(20.0, 19_500, 700.0).holds(1_000.0)
    assert not Tally(20.0, 18_000, 700.0).holds(1_000.0), "a tenth is missing"
    assert not Tally(20.0, 20_000, 1_000.0).holds(1_000.0), "it comes late"


def test_the_highest_rate_is_the_last_before_one_that_does_not_hold() -> None:
    asked: list[float] = []

    def holds(rate: float) -> bool:
        asked.append(rate)
        return rate != 3.0

    assert highest([1.0, 2.0, 3.0, 4.0], holds) == 2.0
    assert asked == [1.0, 2.0, 3.0], "what lies above is not tried"
    assert highest([3.0, 4.0], holds) == 0.0


class Stream:
    """Kinesis, as far as PutRecords: takes everything, or refuses one record."""

    def __init__(self, failed: int = 0) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.failed = failed
        self.enough = threading.Event()

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, int]:
        assert StreamName == "s"
        self.requests.append(Records)
        if len(self.requests) == 2:
            self.enough.set()
        return {"FailedRecordCount": self.failed}


def feed() -> RecordingsFeed:
    """It began 10 seconds ago: some thousand events are due at once."""
    start_us = time.time_ns() // 1_000 - 10_000_000
    return RecordingsFeed(
        publisher="e", recordings=[HEART], events_per_second=600.0, start_us=start_us, seed=1
    )


def send_to(stream: Stream) -> None:
    def send(some: list[Event]) -> None:
        put(stream, "s", some)

    with _sending(feed(), send):
        assert stream.enough.wait(20)


def test_what_is_due_goes_into_the_stream_in_whole_batches_by_patient() -> None:
    stream = Stream()
    send_to(stream)
    assert {len(one) for one in stream.requests} == {PUT_RECORDS}
    sent = [record for one in stream.requests for record in one]
    assert len({record["Data"] for record in sent}) == len(sent), "none twice"
    assert all(record["PartitionKey"].startswith("e:") for record in sent)
    assert len({record["PartitionKey"] for record in sent}) > 100


def test_records_that_the_stream_did_not_take_fail_the_run() -> None:
    with pytest.raises(LabError, match="1 of 500 records were not taken"):
        send_to(Stream(failed=1))
