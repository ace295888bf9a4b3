"""What a person decides of days that stay in the database: the archive's gap is accepted, a restore is ended.

Invariant: a gap is accepted as it was shown, of one day, stretch by stretch. Whatever else the archive lacks
of that day keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lifeline.lambdas.failover.archive_request import Request
from lifeline.lambdas.failover.archived_markers import ANYTHING, Lacked
from lifeline.lambdas.failover.markers import row_of_stretch
from lifeline.services.archiver.restore_database import RestoreGuard
from lifeline.services.archiver.restoring import NotRestored
from lifeline.services.event_applier.event_sources import is_there
from lifeline.services.event_applier.old_partitions import Archived, Kept, kept_days
from lifeline.services.shared.database import Connection
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.serving_guard import READ_AUTHORITY, AuthorityRow

SHOWN, SHOWN_OF_EACH, SHOWN_DAYS = 20, 2, 20
"""Stretches of one day, and of each of many: an answer is one line, and a log driver cuts it at 16 KiB."""
COUNT = "SELECT count_not_archived(%s, %s, %s, %s, %s, %s::numeric[], %s::numeric[])"
OPEN = """
SELECT count(*), min(since_ms), (extract(epoch FROM max(at)) * 1000)::bigint
FROM archive_restore WHERE ended_at IS NULL
"""
ACCEPT = """
INSERT INTO accepted_gap
    (day, topic, partition, origin, incarnation, shard, after, until, who, why)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def writes_here(connection: Connection, region: str) -> None:
    """Raises NotRestored unless this region's database may be written to."""
    if not is_there(connection):
        raise NotRestored("the database lacks its tables: run the migrations first")
    row = connection.execute(READ_AUTHORITY).fetchone()
    permission = RestoreGuard(region).judge(AuthorityRow(*row) if row else None, 0.0)
    if not permission.may_serve:
        raise NotRestored(permission.reason)


def accept(connection: Connection, archived: Archived, request: Request) -> dict[str, Any]:
    """The days that are kept, and what the archive lacks of them. Of one day it is accepted, if expected."""
    kept = [one for one in kept_days(connection, archived) if one.lacked or one.unknown]
    chosen = [one for one in kept if request.day in ("", str(one.day))]
    unknown = [one.unknown for one in chosen if one.unknown]
    if unknown:
        raise NotRestored(f"{unknown[0]}. Nothing can be said of any day; run it again")
    if request.day and not chosen:
        days = ", ".join(str(one.day) for one in kept) or "none"
        raise NotRestored(f"{request.day} is not kept for the archive's sake; kept are: {days}")
    # A day is read whole to count: minutes for a full one.
    counts = [_count(connection, one) for one in chosen] if request.day else [None] * len(chosen)
    shown = SHOWN if request.day else SHOWN_OF_EACH
    told = [_told(*one, shown) for one in zip(chosen, counts, strict=True)][:SHOWN_DAYS]
    answer = {
        "days": told,
        "days_in_all": len(chosen),
        "accepted": False,
        "restore": open_restore(connection),
    }
    if request.expect is None:
        return answer
    [one], [count] = chosen, counts
    if request.expect != count:
        raise NotRestored(
            f"{count} events of {one.day} may be in no archive, {request.expect} were expected: nothing is "
            f"accepted"
        )
    with connection.transaction():
        for lacked in one.lacked:
            place = (one.day, *lacked.place, *_pair(lacked), lacked.after, lacked.until)
            connection.execute(ACCEPT, (*place, request.who, request.why))
    say("a gap of the archive is accepted", **told[0], who=request.who, reason=request.why)
    return {**answer, "accepted": True}


def open_restore(connection: Connection) -> dict[str, Any] | None:
    """A restore that nobody ended, which keeps every day; None: there is none."""
    partitions, since_ms, last_ms = connection.execute(OPEN).fetchone() or (0, None, None)
    if not partitions:
        return None
    return {"partitions": partitions, "since_ms": since_ms, "last_ms": last_ms}


def end_restore(connection: Connection, request: Request) -> dict[str, Any]:
    """From now on old days leave the database again."""
    found = open_restore(connection)
    if found is None:
        return {"partitions": 0, "since_ms": None, "ended": False}
    if not request.why:
        return {**found, "ended": False}
    connection.execute("SELECT end_archive_restore(%s, %s)", (request.who, request.why))
    say("a restore is ended", **found, who=request.who, reason=request.why)
    return {**found, "ended": True}


def _count(connection: Connection, one: Kept) -> int:
    """At most so many: the database does not say in which partition of the log an event's record lies."""
    lacked: Iterable[Lacked] = () if ANYTHING in one.lacked else one.lacked
    rows = [(gap.place[0], *_pair(gap), gap.after, gap.until) for gap in lacked]
    columns = [list(each) for each in zip(*rows, strict=True)] or [[] for _ in range(6)]
    found = connection.execute(COUNT, (one.name, *columns)).fetchone()
    assert found is not None
    return int(found[0])


def _told(one: Kept, events: int | None, shown: int) -> dict[str, Any]:
    gaps = [gap for gap in one.lacked if gap != ANYTHING]
    rows = [row_of_stretch(gap.pair, gap.place, gap.after, gap.until) for gap in gaps]
    return {
        "day": str(one.day),
        "events": events,
        "noted": ANYTHING not in one.lacked,
        "stretches": rows[:shown],
        "stretches_in_all": len(rows),
    }


def _pair(gap: Lacked) -> tuple[str, str, str]:
    return gap.pair.origin, gap.pair.incarnation, gap.pair.shard
