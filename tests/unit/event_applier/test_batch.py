"""What of a record cannot be used is found while it is read: it costs itself, and no batch (B23, C7)."""

from __future__ import annotations

import pytest

from lifeline.services.event_applier.batch import batch_of
from tests.integration.datapath.log_records import event_body, event_record


@pytest.mark.parametrize("sequence", ["12.5", "NaN", "-1", "", "\u00b2", "\u0663"])
def test_a_place_in_a_stream_that_is_no_number_sets_one_record_aside(sequence: str) -> None:
    good = event_record(0, event_body(1))
    bad = good._replace(headers=[*good.headers[:3], ("sequence", sequence.encode())])
    batch = batch_of([good, bad, good])
    assert len(batch.lines) == len(batch.days) == len(batch.origins) == 2
    assert batch.unreadable == [(bad, "ValueError")]


@pytest.mark.parametrize("time", ["infinity", "-infinityZ", "2026-13-01T00:00:00Z", "today", ""])
def test_a_time_without_a_day_sets_one_record_aside(time: str) -> None:
    bad = event_record(1, event_body(1, occurredOn=time))
    batch = batch_of([event_record(0, event_body(1)), bad])
    assert len(batch.lines) == 1
    assert batch.unreadable == [(bad, "ValueError")]
