"""The archive: the deployed archiver and event applier on a virtual clock, and the deployed alarms."""

from __future__ import annotations

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.alarm_evaluation import told
from lifeline.lambdas.contracts.archiver import Archive
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.event_applier import Apply
from lifeline.lambdas.failover.archived_markers import ArchivedMarkers
from lifeline.services.archiver.archive import Archiver, _Growing
from lifeline.services.archiver.archive_bucket import ArchiveBucket
from lifeline.services.archiver.archive_object import Archived, ArchiveError, Chain, ObjectBuilder
from lifeline.services.event_applier.apply import Applier
from lifeline.services.shared import metric_lines
from tests.integration.alarms.deployed import HOME, Deployed
from tests.integration.alarms.test_path_alarms import FAULT, START, Broker, minutes
from tests.integration.datapath.applying import log_settings, region_settings
from tests.integration.datapath.log_records import TOPIC
from tests.support.clocks import ManualClock

pytestmark = [pytest.mark.synth, pytest.mark.slow]
CHAIN = Chain(region=HOME, topic=TOPIC, partition=0, log_id="log")
BEHIND: dict[str, set[str]] = {"slow": set(), "stands": {"archive-behind"}}
"""By what the archiver does in the fault: it is fourteen minutes late, or writes no object."""
GAPS: dict[int, set[str]] = {10: set(), 11: {"archive-gap"}}
"""By the first offset that the log still has; ten records are archived."""
OLD: dict[tuple[int, int], set[str]] = {
    (0, 0): set(), (1, 0): {"old-partitions"}, (0, 1): {"event-default"},
}  # fmt: skip
"""By days that should be gone, and events in no day's partition."""
STOPPED: dict[int, set[str]] = {0: set(), 1: {"archive-stopped"}}
"""By partitions that cannot be archived; another one goes on."""
FIRED = {name for by in (BEHIND, GAPS, OLD, STOPPED) for names in by.values() for name in names}


class Bucket:
    """S3, in memory; the table of places is there, too, and knows nothing."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get_object(self, **given: Any) -> dict[str, Any]:
        if given["Key"] not in self.kept:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.kept[given["Key"]])}

    def newest_key(self, _place: object) -> str:
        return next(iter(self.kept))


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    clock = ManualClock(at=0.0, wall_offset=START)
    monkeypatch.setattr(metric_lines, "SYSTEM_CLOCK", clock)
    return clock


def archiver(clock: ManualClock, bucket: Bucket) -> Archiver:
    settings = Archive(
        log=log_settings("127.0.0.1:9"),
        region=HOME,
        suffix="test",
        archive_bucket="archive",
        checkpoints_table="checkpoints",
    )
    places: Any = bucket
    return Archiver(settings, clock, ArchiveBucket("archive", HOME, bucket), places)


@pytest.mark.parametrize("does", BEHIND)
def test_an_archive_that_stands_still_is_told(
    does: str, deployed: Deployed, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    one = archiver(clock, Bucket())
    growing = _Growing(CHAIN, None, ArchivedMarkers(), 0, int(START * 1000))
    one._growing = {CHAIN.place: growing}
    for at, broken in minutes():
        clock.at = at - START
        if not broken:
            growing.archived_ms = int((at - 300) * 1000)
        elif does == "slow":
            growing.archived_ms = int((at - 840) * 1000)
        one._tell()
    samples = told(capsys.readouterr().out.splitlines())
    assert deployed.fired(HOME, samples, FAULT) == BEHIND[does]


@pytest.mark.parametrize("low", GAPS)
def test_records_that_retention_took_unarchived_are_told(
    low: int, deployed: Deployed, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket, broker = Bucket(), Broker()
    builder = ObjectBuilder(CHAIN, after=None, previous="")
    for offset in range(10):
        builder.add(Archived(offset, 1_000, None, b"{}", []))
    manifest, body = builder.built(ArchivedMarkers().saved())
    bucket.kept[manifest.key] = body
    one = archiver(clock, bucket)
    for at, broken in minutes():
        clock.at = at - START
        if broken:
            broker.get_watermark_offsets = lambda *_, **__: (low, 200)  # type: ignore[method-assign]
            assert one._begun(broker, CHAIN).following == low  # type: ignore[arg-type]
        growing = _Growing(CHAIN, manifest, ArchivedMarkers(), low, int(at * 1000))
        growing.archived_ms = int(at * 1000)
        one._growing = {CHAIN.place: growing}
        one._tell()
    samples = told(capsys.readouterr().out.splitlines())
    assert deployed.fired(HOME, samples, FAULT) == GAPS[low]


@pytest.mark.parametrize("stopped", STOPPED)
def test_a_partition_that_is_not_archived_is_told(
    stopped: int, deployed: Deployed, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    one = archiver(clock, Bucket())
    other = Chain(region=HOME, topic=TOPIC, partition=1, log_id="log")
    for at, broken in minutes():
        clock.at = at - START
        one._stopped = {}
        for chain in (CHAIN, other):
            one._growing[chain.place] = _Growing(chain, None, ArchivedMarkers(), 0, int(at * 1000))
        if broken and stopped:
            one._stop(other, ArchiveError("another object lies there"))
        one._tell()
    samples = told(capsys.readouterr().out.splitlines())
    assert deployed.fired(HOME, samples, FAULT) == STOPPED[stopped]


@pytest.mark.parametrize("overdue", OLD)
def test_days_that_stay_too_long_are_told(
    overdue: tuple[int, int],
    deployed: Deployed,
    clock: ManualClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = Apply(
        database=DatabaseAddress("127.0.0.1", 9, "lifeline", "lifeline", "none", HOME),
        log=log_settings("127.0.0.1:9"),
        region=region_settings(),
        checkpoints_table="checkpoints",
    )
    applier = Applier(settings, clock)
    for at, broken in minutes():
        clock.at = at - START
        applier._applied_at = clock.monotonic()
        applier.upkeep._due = clock.monotonic() + 1
        old = applier.upkeep._old
        old.overdue, old.in_default = overdue if broken else (0, 0)
        applier.upkeep.turn()
    samples = told(capsys.readouterr().out.splitlines())
    assert deployed.fired(HOME, samples, FAULT) == OLD[overdue]
