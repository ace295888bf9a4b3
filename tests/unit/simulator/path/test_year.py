"""Time-lapse: a year of reshards, rebuilds, failovers and retention over the deployed code (B24-B26, C3)."""

from __future__ import annotations

import pytest

from simulator.path.year import MOST_PARTITIONS, REGION_DAYS, Day, Year

LAG_SECONDS = 5.0
MOST_MARKERS, MOST_SHARDS, MOST_ENTRIES, MOST_BYTES = 150, 40, 60, 40_000
"""What a month comes to, doubled."""
READ_OF_APPENDED = 3.0
"""Two readers and an applier, and what a start reads again; a week of log would be seven times as much."""


def broken(day: Day) -> list[str]:
    """Which bounds the day does not keep."""
    found = {
        "markers": day.markers > MOST_MARKERS,
        "shards": day.shards > MOST_SHARDS,
        "entries": day.entries > MOST_ENTRIES,
        "checkpoint": day.checkpoint_bytes > MOST_BYTES,
        "partitions": day.partitions > MOST_PARTITIONS,
        # On a day on which a log was made anew the figures are of two logs; who starts again the next morning
        # has not been awake long enough for a checkpoint.
        "read": day.number % REGION_DAYS > 1 and day.read > READ_OF_APPENDED * day.appended,
        "lag": any(lag is None or lag > LAG_SECONDS for lag in day.lag),
    }
    return [f"{name} on {day}" for name, wrong in found.items() if wrong]


def lived(seed: int, days: int) -> None:
    """What must hold at each day's end."""
    year = Year(seed, days)
    assert [what for day in year.run() for what in broken(day)] == []
    assert year.world.violations == []
    rows = year.world.servers[year.world.holding.holder].rows
    assert rows.in_default == 0, "each day had its partition"
    assert rows.authority.epoch > 1, "there was a failover"


def test_after_six_weeks_a_start_costs_what_it_did_after_a_day() -> None:
    """With reshards, failovers, retention and a region made anew."""
    lived(1, REGION_DAYS + 3)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_year_a_start_costs_what_it_did_after_a_day(seed: int) -> None:
    lived(seed, 365)
