"""The feed: real recordings replayed, shifted in time, by as many virtual bedside monitors as the rate needs.

Each beat of a monitor yields a heart rate and an RR interval, both FHIR R4 Observations. Monitors,
shifts and ids follow from the seed. `python -m drill.recordings_feed` detects and caches the beats.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from typing import Any

import orjson

from drill import heart_recordings
from drill.envelope import Event, IdSource, instant, seal
from drill.heart_recordings import Recording

EVENTS_PER_BEAT = 2
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
HEART_RATE = ("8867-4", "Heart rate", "/min")
RR_INTERVAL = ("8637-1", "R-R interval by EKG", "ms")


def monitors_for(events_per_second: float, recordings: Sequence[Recording]) -> int:
    """How many monitors, dealt evenly over the recordings, yield this rate. At least one."""
    if events_per_second <= 0:
        raise ValueError(f"the rate must be above 0 events a second, got {events_per_second}")
    mean = sum(one.beats_per_second for one in recordings) / len(recordings)
    return max(1, round(events_per_second / (mean * EVENTS_PER_BEAT)))


def observation(
    code: tuple[str, str, str], value: float, aggregate_id: str, occurred_on: str
) -> dict[str, Any]:
    """A FHIR R4 Observation of one quantity; `code` is (LOINC code, its display, UCUM unit)."""
    loinc, display, unit = code
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "vital-signs",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": LOINC, "code": loinc, "display": display}], "text": display},
        "subject": {"reference": f"Patient/{aggregate_id}"},
        "effectiveDateTime": occurred_on,
        # Two digits after the point, zeros, too: who passes a number through a double bends it (C8).
        "valueQuantity": {
            "value": orjson.Fragment(f"{value:.2f}"),
            "unit": unit,
            "system": UCUM,
            "code": unit,
        },
    }


class RecordingsFeed:
    """The events of one edge. Ask `due(until_us)` again and again with a growing time.

    Sequences are dense per patient from 1 and numbers dense per publisher from `first_number`, in the
    order of `occurred_us`. `start_us` is the time (microseconds) of the recordings' beginning.
    """

    def __init__(
        self,
        *,
        publisher: str,
        recordings: Sequence[Recording],
        events_per_second: float,
        start_us: int,
        seed: int,
        first_number: int = 1,
    ) -> None:
        self._publisher = publisher
        self._recordings = recordings
        self._start_us = start_us
        self._ids = IdSource(seed)
        self._number = first_number - 1
        self._sequences: dict[int, int] = {}
        self.monitors = monitors_for(events_per_second, recordings)
        shifts = random.Random(seed + 1)
        self._heap: list[tuple[int, int, int, int]] = []
        for monitor in range(self.monitors):
            recording = recordings[monitor % len(recordings)]
            shift_us = int(shifts.random() * recording.length_seconds * 1e6)
            self._heap.append(self._first_after(monitor, shift_us))
        heapq.heapify(self._heap)

    def due(self, until_us: int) -> list[Event]:
        """Every event that occurred before `until_us` and was not yet handed out, oldest first."""
        found: list[Event] = []
        while self._heap and self._heap[0][0] < until_us:
            at_us, monitor, index, replay_start_us = self._heap[0]
            beat = self._recording(monitor).beats[index]
            found.extend(self._events(monitor, at_us, beat.rr_ms))
            heapq.heapreplace(self._heap, self._next(monitor, index, replay_start_us))
        return found

    @property
    def next_number(self) -> int:
        """The number the next event will carry."""
        return self._number + 1

    def skip_numbers(self, count: int) -> None:
        """Leave numbers to events that are made elsewhere, so that they stay dense."""
        self._number += count

    def _recording(self, monitor: int) -> Recording:
        return self._recordings[monitor % len(self._recordings)]

    def _first_after(self, monitor: int, shift_us: int) -> tuple[int, int, int, int]:
        recording = self._recording(monitor)
        replay_start_us = self._start_us - shift_us
        for index, beat in enumerate(recording.beats):
            at_us = replay_start_us + int(beat.at_seconds * 1e6)
            if at_us >= self._start_us:
                return at_us, monitor, index, replay_start_us
        return self._next(monitor, len(recording.beats) - 1, replay_start_us)

    def _next(self, monitor: int, index: int, replay_start_us: int) -> tuple[int, int, int, int]:
        recording = self._recording(monitor)
        index += 1
        if index == len(recording.beats):
            index = 0
            replay_start_us += int(recording.length_seconds * 1e6)
        at_us = replay_start_us + int(recording.beats[index].at_seconds * 1e6)
        return at_us, monitor, index, replay_start_us

    def _events(self, monitor: int, at_us: int, rr_ms: float) -> list[Event]:
        aggregate_id = f"{self._publisher}-patient-{monitor:05d}"
        correlation_id = self._ids()
        occurred_on = instant(at_us)
        made = []
        for code, value in (
            (HEART_RATE, round(60_000.0 / rr_ms, 1)),
            (RR_INTERVAL, rr_ms),
        ):
            self._number += 1
            sequence = self._sequences.get(monitor, 0) + 1
            self._sequences[monitor] = sequence
            made.append(
                seal(
                    number=self._number,
                    publisher=self._publisher,
                    event_id=self._ids(),
                    correlation_id=correlation_id,
                    aggregate_id=aggregate_id,
                    sequence=sequence,
                    occurred_us=at_us,
                    payload=observation(code, value, aggregate_id, occurred_on),
                )
            )
        return made


def main() -> None:
    """Cache the beats and say how many there are."""
    for one in heart_recordings.load():
        print(
            f"{one.name}: {one.beats_detected} beats in {one.length_seconds:.0f} s, "
            f"{len(one.beats)} usable intervals"
        )


if __name__ == "__main__":
    main()
