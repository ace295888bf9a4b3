"""Heart beats of HeartPy's real recordings, detected once and cached (HeartPy's import alone takes seconds).

The recordings are the ones HeartPy ships: pulse signals of anonymous volunteers, no patient data.
"""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CACHE = Path("build/drill/beats.json")
SHORTEST_RR_MS = 300.0
LONGEST_RR_MS = 2_000.0
"""Outside of these an interval is an artefact of the detection (200 and 30 beats a minute)."""

# Source: HeartPy's documentation of its example data: the sample rate of the first is 100 Hz, the
# second has a column of milliseconds, the third one of dates.
_FIXED_RATE_HZ = {0: 100.0}
_DATE_FORMAT = "%Y-%m-%d %H:%M:%S.%f"


@dataclass(frozen=True)
class Beat:
    """One interval between two heart beats: when it ended in the recording, and how long it was."""

    at_seconds: float
    rr_ms: float


@dataclass(frozen=True)
class Recording:
    """The usable beats of one recording. `length_seconds` is where a replay starts over."""

    name: str
    length_seconds: float
    beats_detected: int
    beats: tuple[Beat, ...]

    @property
    def beats_per_second(self) -> float:
        """The mean rate at which a replay yields beats."""
        return len(self.beats) / self.length_seconds


def detect() -> tuple[Recording, ...]:
    """Run HeartPy over its three recordings. Needs several seconds and setuptools < 81."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import heartpy

        return tuple(_detect_one(heartpy, number) for number in range(3))


def load(cache: Path = CACHE) -> tuple[Recording, ...]:
    """The cached beats; detects and caches them when there is no cache yet."""
    if not cache.exists():
        save(detect(), cache)
    return tuple(
        Recording(
            name=one["name"],
            length_seconds=one["length_seconds"],
            beats_detected=one["beats_detected"],
            beats=tuple(Beat(**beat) for beat in one["beats"]),
        )
        for one in json.loads(cache.read_text())
    )


def save(recordings: tuple[Recording, ...], cache: Path = CACHE) -> None:
    """Write the cache in one move, so that an interrupted set-up leaves no half file."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    partial = cache.with_suffix(".partial")
    partial.write_text(json.dumps([asdict(one) for one in recordings]))
    os.replace(partial, cache)


def _detect_one(heartpy: Any, number: int) -> Recording:
    signal, timer = heartpy.load_exampledata(number)
    if number in _FIXED_RATE_HZ:
        rate_hz = _FIXED_RATE_HZ[number]
    elif number == 1:
        rate_hz = float(heartpy.get_samplerate_mstimer(timer))
    else:
        rate_hz = float(heartpy.get_samplerate_datetime(timer, timeformat=_DATE_FORMAT))
    working, _ = heartpy.process(signal, rate_hz)
    peaks = [int(peak) for peak in working["peaklist"]]
    kept = [bool(flag) for flag in working["binary_peaklist"]]
    beats = []
    for index in range(1, len(peaks)):
        rr_ms = (peaks[index] - peaks[index - 1]) / rate_hz * 1_000.0
        trusted = kept[index] and kept[index - 1]
        if trusted and SHORTEST_RR_MS <= rr_ms <= LONGEST_RR_MS:
            beats.append(Beat(round(peaks[index] / rate_hz, 3), round(rr_ms, 2)))
    return Recording(
        name=f"heartpy-data{number + 1 if number else ''}",
        length_seconds=round(len(signal) / rate_hz, 3),
        beats_detected=len(peaks),
        beats=tuple(beats),
    )
