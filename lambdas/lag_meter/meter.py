"""One look at every store: what was found out becomes a figure, what was not is left out and said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from lifeline.lambdas.failover.figures import COUNT, DAYS, LAG, Figure, lag
from lifeline.lambdas.failover.lag_report import LagReport, LastDrill, StoreLag
from lifeline.lambdas.failover.markers import entries_from_json, oldest_born_ms
from lifeline.lambdas.lag_meter.drills import AWS, LAB, days_since
from lifeline.lambdas.lag_meter.risk import (
    FRESH_SECONDS,
    ArrivalRate,
    events_at_risk,
    unsafe_seconds,
)

T = TypeVar("T")
LagReader = Callable[[float], float | None]
"""From the time (epoch seconds) to a lag in seconds; None: there is nothing to measure."""
SLOW_EVERY_SECONDS = 60.0
DRILLS_EVERY_SECONDS = 600.0
DAY_SECONDS = 86_400.0
KEPT_SECONDS = 180.0
"""A figure that could not be measured again for so long is not known any more."""
EVENTS, PATIENTS = "EventsAtRisk", "PatientsAtRisk"
EVENT_STORES = ("database", "log")
"""What is behind in them is events: their number is estimated."""


class Database(Protocol):
    """What is asked of the region's database."""

    def heartbeat_age_seconds(self) -> float | None: ...
    def holder(self) -> str: ...
    def applied_count(self) -> int: ...
    def patients_newer_than(self, instant: float) -> int: ...


class Meter:
    """Kept between runs of one execution environment, for the rate and for what is asked rarely.

    `watermark` answers the rows of `/v1/watermark`. `fast` and `slow` are lags by store, asked at each
    look and once a minute, with the time. No reader stops another. None: the application has no log, or
    keeps no evidence, so nothing is asked. Without `has_standby` nothing comes across: no lag and nothing at
    risk is published, not even a zero. `authorities_end` is the epoch second at which the first authority
    ends that connections to the database believe.
    """

    def __init__(
        self,
        *,
        regions: tuple[str, str],
        database: Database,
        watermark: Callable[[], Sequence[Mapping[str, Any]]] | None,
        last_healthy_at: Callable[[], float | None],
        fast: Mapping[str, LagReader],
        slow: Mapping[str, LagReader],
        last_drills: Callable[[], Mapping[str, LastDrill]] | None,
        authorities_end: Callable[[], float] | None = None,
        given_up: Callable[[], int | None] = lambda: None,
        has_standby: bool = True,
        log: Callable[..., None],
    ) -> None:
        self._own, self._peer = regions
        self._database = database
        self._watermark = watermark
        self._last_healthy_at = last_healthy_at
        self._fast, self._slow = fast, slow
        self._last_drills = last_drills
        self._authorities_end = authorities_end
        self._given_up = given_up
        self._has_standby = has_standby
        self._log = log
        self._rate = ArrivalRate()
        self._slow_at = self._drills_at = -math.inf
        self._newest_drills: Mapping[str, LastDrill] = {}
        self._measured: dict[tuple[str, str], tuple[float, float]] = {}

    def look(self, now: float) -> list[Figure]:
        """The figures of this moment (epoch seconds). Never raises for what cannot be reached."""
        slowly = now - self._slow_at >= SLOW_EVERY_SECONDS
        found = self._across(now, slowly) if self._has_standby else []
        if slowly:
            self._slow_at = now
            found += [*self._drills(now), self._authorities(now)]
        figures = [one for one in found if one is not None]
        self._measured |= {(one.name, one.store): (one.value, now) for one in figures}
        return figures

    def _across(self, now: float, slowly: bool) -> list[Figure | None]:
        age = self._call("database", self._database.heartbeat_age_seconds)
        readers = {**self._fast, **(self._slow if slowly else {})}
        return [
            None if age is None else lag("database", age),
            *self._log_and_risk(now, age, slowly),
            *(self._lag(store, read, now) for store, read in readers.items()),
        ]

    def report(self, now: float) -> LagReport:
        """What was measured last, each with its time, without what is older than `KEPT_SECONDS`."""
        fresh = {
            key: (value, at)
            for key, (value, at) in self._measured.items()
            if now - at <= KEPT_SECONDS
        }
        events = fresh.get((EVENTS, ""), (None, now))[0]
        patients = fresh.get((PATIENTS, ""), (None, now))[0]
        rate = self._rate.per_second
        return LagReport(
            at=now,
            region=self._own,
            stores={
                store: StoreLag(
                    seconds=value,
                    at=at,
                    events=None
                    if rate is None or store not in EVENT_STORES
                    else round(rate * value),
                )
                for (name, store), (value, at) in fresh.items()
                if name == LAG
            },
            events_at_risk=events,
            patients_at_risk=patients,
            stretches_given_up=self._given_up(),
            drill=self._newest_drills.get(AWS) or self._newest_drills.get(LAB),
        )

    def _log_and_risk(
        self, now: float, age: float | None, with_patients: bool
    ) -> list[Figure | None]:
        if self._watermark is None:
            return []
        rows = self._call("watermark", self._watermark) or ()
        arrived = newest_safe_born(rows, origin=self._peer, safe_in=self._own)
        return [
            None if arrived is None else lag("log", now - arrived),
            *self._risk(now, age, rows, with_patients),
        ]

    def _risk(
        self, now: float, age: float | None, rows: Sequence[Mapping[str, Any]], with_patients: bool
    ) -> list[Figure | None]:
        count = None if age is None else self._call("counter", self._database.applied_count)
        if count is not None:
            self._rate = self._rate.saw(count, now, age)
        holder = "" if age is None else self._call("holder", self._database.holder) or ""
        other = self._peer if holder == self._own else self._own
        born = newest_safe_born(rows, origin=holder, safe_in=other)
        healthy = None
        if holder == self._peer:
            healthy = self._call("memory", self._last_healthy_at)
        seconds = unsafe_seconds(
            own=self._own, holder=holder, safe_born=born, last_healthy_at=healthy, now=now
        )
        events = events_at_risk(seconds, self._rate)
        found: list[Figure | None] = [None if events is None else Figure(EVENTS, events, COUNT)]
        fresh = age is not None and age <= FRESH_SECONDS
        if with_patients and fresh and seconds is not None and born is not None:
            since = born
            patients = self._call("patients", lambda: self._database.patients_newer_than(since))
            found.append(None if patients is None else Figure(PATIENTS, patients, COUNT))
        return found

    def _lag(self, store: str, read: LagReader, now: float) -> Figure | None:
        seconds = self._call(store, lambda: read(now))
        return None if seconds is None else lag(store, seconds)

    def _drills(self, now: float) -> list[Figure]:
        ask = self._last_drills
        if ask is not None and now - self._drills_at >= DRILLS_EVERY_SECONDS:
            self._newest_drills = self._call("drills", ask) or {}
            self._drills_at = now
        days = {
            name: days_since(self._newest_drills.get(target), now)
            for name, target in (("DaysSinceDrill", AWS), ("DaysSinceLabDrill", LAB))
        }
        return [Figure(name, since, DAYS) for name, since in days.items() if since is not None]

    def _authorities(self, now: float) -> Figure | None:
        """Days until the first of the database's certificate authorities ends."""
        ask = self._authorities_end
        end = None if ask is None else self._call("authorities", ask)
        if end is None:
            return None
        return Figure("DaysToAuthorityExpiry", round((end - now) / DAY_SECONDS, 2), DAYS)

    def _call(self, part: str, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except Exception as error:
            self._log("unreachable", part=part, error=repr(error))
            return None


def newest_safe_born(
    rows: Sequence[Mapping[str, Any]], *, origin: str, safe_in: str
) -> float | None:
    """Up to when (epoch seconds) `origin`'s events are in `safe_in`'s log; None: not known."""
    wanted = [one for one in rows if one["region"] == origin and one["safe_in"] == safe_in]
    born_ms = oldest_born_ms(entries_from_json(wanted))
    return None if born_ms is None else born_ms / 1000
