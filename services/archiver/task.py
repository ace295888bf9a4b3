"""`task REQUEST`: a one-off task's answer to `lifeline archive`, where archive, log and database are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import KafkaException

from lifeline.lambdas.contracts.archiver import ArchiveTask
from lifeline.lambdas.failover.archive_request import (
    ACCEPT_GAP,
    ANSWER,
    BRING_BACK,
    DATABASE,
    END_RESTORE,
    PROGRESS,
    VERIFY,
    Request,
)
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.markers import Place
from lifeline.services.archiver.accept_gap import accept, end_restore, writes_here
from lifeline.services.archiver.archive_bucket import ArchiveBucket
from lifeline.services.archiver.archive_object import ArchiveError
from lifeline.services.archiver.archived_places import ArchivedPlaces
from lifeline.services.archiver.bring_back import bring_back
from lifeline.services.archiver.proven_objects import Span
from lifeline.services.archiver.restore_database import DatabaseRestore, RestoreGuard, check
from lifeline.services.archiver.restore_topic import TopicRestore
from lifeline.services.archiver.restoring import NotRestored, Restored, Source
from lifeline.services.archiver.verify import Found, verify
from lifeline.services.event_applier.store import NotServing
from lifeline.services.shared import one_off_task
from lifeline.services.shared.database import connect
from lifeline.services.shared.log_lines import say

PROGRESS_SECONDS = 10.0
HOT_DAYS = 36
DAY_MS = 86_400_000


def main(argument: str = "") -> int:
    """The command. 2 for an argument that is no request, 1 for one that could not be done to its end."""
    return one_off_task.run("archive", argument, Request.from_json, _answer)


def _answer(request: Request) -> int:
    try:
        answer = answered(request, ArchiveTask.from_env())
    except (
        *(NotRestored, NotServing, ArchiveError, KafkaException, psycopg.Error),
        *(ClientError, BotoCoreError, OSError, RuntimeError),
    ) as error:
        words = str(error).partition("\n")[0][:1_000]
        known = isinstance(error, NotRestored | ArchiveError)
        told = words if known else f"{type(error).__name__}: {words}. Run the same command again."
        say(ANSWER, run=request.run, failed=told)
        return 1
    say(ANSWER, run=request.run, answer=answer)
    return 0


def answered(
    request: Request, told: ArchiveTask, bucket: ArchiveBucket | None = None
) -> dict[str, Any]:
    """What was found, or done. Raises NotRestored, and what the stores raise."""
    if request.do in (ACCEPT_GAP, END_RESTORE):
        return _by_the_database(request, told)
    bucket = bucket or ArchiveBucket(told.archive_bucket, told.region)
    places = _places(request, told)
    region = request.archived_by or told.region
    span = Span(_since_ms(request, told), request.until_ms)
    found = _answered(request, told, bucket, places, region, span)
    return {**found, "since_ms": span.since_ms}


def _since_ms(request: Request, told: ArchiveTask) -> int:
    """By default the days that the database keeps, if the archive keeps them: not the day that is leaving."""
    if request.since_ms is not None:
        return request.since_ms
    return request.until_ms - min(HOT_DAYS, told.archive_days - 1) * DAY_MS


def _by_the_database(request: Request, told: ArchiveTask) -> dict[str, Any]:
    # Without the limits of a service: a day is read whole to count what the archive lacks.
    with connect(told.database, purpose="archive", limited=False) as connection:
        writes_here(connection, told.region)
        if request.do == END_RESTORE:
            return end_restore(connection, request)
        return accept(connection, ArchivedPlaces(told.checkpoints_table, told.region).held, request)


def _answered(
    request: Request, told: ArchiveTask, bucket: ArchiveBucket, places: list[Place], region: str,
    span: Span,
) -> dict[str, Any]:  # fmt: skip
    tell = _telling(request)
    if request.do == BRING_BACK:
        return bring_back(
            bucket, places, region, span, request, lambda asked: tell(asked_for=asked)
        )
    if request.do == VERIFY:
        found = verify(
            bucket, places, region, span, reads_records=request.reads_records,
            progress=lambda so_far: tell(objects=so_far.objects, records=so_far.records),
            now_ms=_now_ms(),
        )  # fmt: skip
        return found.told()
    if request.into == DATABASE:
        with connect(told.database, purpose="restore") as connection:
            check(connection, RestoreGuard(told.region), span.since_ms)
    found = _to_restore(bucket, places, region, span, tell)
    if found.faults and not request.accept_gaps:
        return {**found.told(), "restored": 0}
    if request.expect is None:
        return {**found.told(), "restored": 0}
    if request.expect != found.records:
        raise NotRestored(
            f"{found.records} records are in the archive, {request.expect} were expected: nothing is restored"
        )
    done = _restore(request, told, Source(bucket, region, span, request.accept_gaps), places, tell)
    return {**found.told(), "restored": done.records, "before": done.before}


def _to_restore(
    bucket: ArchiveBucket, places: list[Place], region: str, span: Span, tell: Callable[..., None]
) -> Found:
    """By the manifests alone: the restore proves each object as it reads it."""
    return verify(
        bucket, places, region, span, reads_records=False,
        progress=lambda so_far: tell(looked_at=so_far.objects),
        now_ms=_now_ms(),
    )  # fmt: skip


def _restore(
    request: Request, told: ArchiveTask, source: Source, places: list[Place],
    tell: Callable[..., None],
) -> Restored:  # fmt: skip
    def progress(done: Restored) -> None:
        tell(objects=done.objects, restored=done.records, before=done.before)

    if request.into != DATABASE:
        return TopicRestore(told.log, told.suffix, source, progress).run(places)
    with connect(told.database, purpose="restore") as connection:
        restore = DatabaseRestore(connection, told.region, source, progress)
        return restore.run(places, _now_ms())


def _now_ms() -> int:
    return int(SYSTEM_CLOCK.now() * 1000)


def _places(request: Request, told: ArchiveTask) -> list[Place]:
    unknown = sorted(set(request.topics) - set(told.log.partitions))
    if unknown:
        allowed = ", ".join(sorted(told.log.partitions))
        raise NotRestored(f"{', '.join(unknown)} is not archived; allowed are {allowed}")
    chosen = request.topics or tuple(sorted(told.log.partitions))
    return [(topic, number) for topic in chosen for number in range(told.log.partitions[topic])]


def _telling(request: Request) -> Callable[..., None]:
    """A line of progress, not more often than a person wants to read one."""
    last = float("-inf")

    def tell(**fields: int) -> None:
        nonlocal last
        now = SYSTEM_CLOCK.monotonic()
        if now - last >= PROGRESS_SECONDS:
            last = now
            say(PROGRESS, run=request.run, **fields)

    return tell
