"""What is too cold to be read at once, brought back: a readable copy for some days beside each object.

Run again, it asks only for what was not asked for. Objects are found by when they were written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lifeline.lambdas.failover.archive_request import HOURS, Request
from lifeline.lambdas.failover.markers import Place
from lifeline.services.archiver.archive_bucket import ArchiveBucket, Listed
from lifeline.services.archiver.archive_object import place_prefix
from lifeline.services.archiver.proven_objects import SLACK_MS, Span
from lifeline.services.archiver.restoring import NotRestored

AT_ONCE = 16
"""Requests under way: S3 takes thousands of them a second for each prefix, a task sends some hundred."""
STEP = 1_000
"""Requests between two words of progress."""


def bring_back(
    bucket: ArchiveBucket,
    places: Iterable[Place],
    region: str,
    span: Span,
    request: Request,
    progress: Callable[[int], None],
) -> dict[str, Any]:
    """What is cold, and what of it was asked for now. Raises NotRestored, and what the client raises."""
    cold = [
        one
        for place in places
        for one in bucket.listed(f"{place_prefix(*place)}{region}/")
        if one.is_cold and _may_hold(span, one)
    ]
    wanted = [one for one in cold if not (one.is_asked_for or one.is_back)]
    told = {
        "objects": len(wanted),
        "bytes": sum(one.bytes for one in wanted),
        "under_way": sum(one.is_asked_for for one in cold),
        "readable": sum(one.is_back for one in cold),
        "hours": HOURS[request.tier],
        "asked": 0,
    }
    if request.expect is None:
        return told
    if request.expect != len(wanted):
        raise NotRestored(
            f"{len(wanted)} objects are too cold to be read, {request.expect} were expected: none is asked "
            f"for"
        )
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for at in range(0, len(wanted), STEP):
            some = wanted[at : at + STEP]
            list(
                threads.map(
                    lambda one: bucket.bring_back(one.key, request.tier, request.kept_days), some
                )
            )
            progress(at + len(some))
    return {**told, "asked": len(wanted)}


def _may_hold(span: Span, one: Listed) -> bool:
    """With an hour on both sides: an object is written minutes after its last record."""
    return span.may_hold(one) and one.written_ms < span.until_ms + SLACK_MS
