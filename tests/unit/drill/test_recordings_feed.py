"""The feed: real beats, dense numbers, envelopes that meet the published schemas."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema_rs
import orjson
import pytest

from drill import heart_recordings
from drill.bad_events import bad_events
from drill.envelope import digest_of, parsed
from drill.heart_recordings import Recording
from drill.recordings_feed import RecordingsFeed, monitors_for

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
START_US = 1_763_700_000_000_000


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, ...]:
    cache = (
        heart_recordings.CACHE
        if heart_recordings.CACHE.exists()
        else tmp_path_factory.mktemp("b") / "beats.json"
    )
    return heart_recordings.load(cache)


def feed(recordings: tuple[Recording, ...], rate: float = 100.0, seed: int = 1) -> RecordingsFeed:
    return RecordingsFeed(
        publisher="edge-1",
        recordings=recordings,
        events_per_second=rate,
        start_us=START_US,
        seed=seed,
    )


def test_the_recordings_are_heartpys(recordings: tuple[Recording, ...]) -> None:
    assert [one.beats_detected for one in recordings] == [24, 110, 1130]
    for one in recordings:
        assert all(300.0 <= beat.rr_ms <= 2000.0 for beat in one.beats)
        times = [beat.at_seconds for beat in one.beats]
        assert times == sorted(times)


def test_rate_numbers_sequences_and_times(recordings: tuple[Recording, ...]) -> None:
    source = feed(recordings, rate=200.0)
    events = [e for second in range(1, 121) for e in source.due(START_US + second * 1_000_000)]
    assert len(events) / 120 == pytest.approx(200.0, rel=0.03)
    assert [e.number for e in events] == list(range(1, len(events) + 1))
    assert len({e.event_id for e in events}) == len(events)
    by_patient: dict[str, list[int]] = {}
    for event in events:
        by_patient.setdefault(event.aggregate_id, []).append(event.sequence)
        assert START_US <= event.occurred_us < START_US + 120_000_000
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_patient.values())
    assert len(by_patient) == source.monitors


def test_the_design_rate_needs_about_830_monitors(recordings: tuple[Recording, ...]) -> None:
    assert 750 <= monitors_for(1667.0, recordings) <= 900
    with pytest.raises(ValueError, match="above 0"):
        monitors_for(0.0, recordings)


def test_the_seed_decides_everything(recordings: tuple[Recording, ...]) -> None:
    one, two, other = (feed(recordings, seed=s).due(START_US + 3_000_000) for s in (1, 1, 2))
    assert one == two
    assert one != other


def test_events_meet_the_schemas(recordings: tuple[Recording, ...]) -> None:
    envelope = jsonschema_rs.validator_for(
        json.loads((SCHEMAS / "envelope.schema.json").read_text())
    )
    payload_schema = SCHEMAS / "events" / "ObservationRecordedEvent.v1.schema.json"
    payload = jsonschema_rs.validator_for(json.loads(payload_schema.read_text()))
    codes = set()
    for event in feed(recordings).due(START_US + 2_000_000):
        body = orjson.loads(event.raw)
        assert [e.message for e in envelope.iter_errors(body)] == []
        assert [e.message for e in payload.iter_errors(body["payload"])] == []
        assert body["metadata"]["publisherSequence"] == event.number
        assert digest_of(parsed(event.raw)) == event.digest
        assert re.search(rb'"value":\d+\.\d\d,', event.raw), "the zeros are written, too"
        quantity = body["payload"]["valueQuantity"]
        codes.add((body["payload"]["code"]["coding"][0]["code"], quantity["code"]))
    assert codes == {("8867-4", "/min"), ("8637-1", "ms")}


def test_each_bad_event_is_bad_in_one_way() -> None:
    found = {e.label: e for e in bad_events("edge-1", 10, START_US, 1)}
    assert [e.number for e in found.values()] == list(range(10, 15))
    assert len(found["oversize"].raw) > 1024 * 1024
    assert all(len(e.raw) < 2_000 for label, e in found.items() if label != "oversize")
