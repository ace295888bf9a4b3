"""What the applier sets aside (C7): rows of the apply transaction, published from there (C10)."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

import msgspec

from lifeline.lambdas.failover.breaker import Outcome
from lifeline.services.event_applier.batch import Batch, LogRecord
from lifeline.services.shared.database import Connection

_PLACE = ("origin", "incarnation", "shard", "sequence")
KEEP = """
INSERT INTO dead_letter (id, value, headers, detail, applied_epoch)
SELECT DISTINCT ON (id) id, value, headers, detail, %s
FROM unnest(%s::text[], %b::bytea[], %s::json[], %s::text[]) AS letter (id, value, headers, detail)
ON CONFLICT (id) DO NOTHING
"""
DUE = """
SELECT id, value, headers, detail FROM dead_letter
WHERE published_at IS NULL ORDER BY written_at LIMIT %(limit)s
"""
# The first publisher of an epoch publishes again what the lost region's log may not have handed over (C10).
DUE_AGAIN = """
SELECT id, value, headers, detail FROM dead_letter
WHERE published_epoch < %(epoch)s AND published_at > (
    SELECT opened_at - make_interval(secs => %(margin)s) FROM authority)
ORDER BY written_at LIMIT %(limit)s
"""
DONE = """
UPDATE dead_letter SET published_at = clock_timestamp(), published_epoch = %s WHERE id = ANY(%s)
"""
PUBLISH_AGAIN_SECONDS = 3_600
"""Far above the lag at which a failover still counts as within its objective."""
MOST_AT_ONCE = 1_000


class DeadLetter(NamedTuple):
    """`id` is the record's place in its stream, else its bytes' hash: consumers drop what comes twice."""

    id: str
    value: bytes
    headers: list[tuple[str, str]]
    detail: str


def dead_letter_of(record: LogRecord, why: str) -> DeadLetter:
    """`why` is the class of an error: its text may quote a patient's row."""
    headers = [(n, v.decode(errors="replace")) for n, v in record.headers or () if n != "kind"]
    named = dict(headers)
    if all(named.get(name) for name in _PLACE):
        ident = "/".join(named[name] for name in _PLACE)
    else:
        ident = hashlib.sha256(record.value).hexdigest()
    return DeadLetter(ident, record.value, headers, f"Apply: {why}.")


class _Sent(msgspec.Struct):
    userId: str | None = None


class _Event(msgspec.Struct):
    metadata: _Sent = msgspec.field(default_factory=_Sent)


def outcomes_of(batch: Batch, left_out: set[int]) -> list[Outcome]:
    """What the breaker judges: the bridge let each record through, so what is set aside is our fault."""
    found = [Outcome(_sender(record), True) for record, _ in batch.unreadable]
    for number, record in enumerate(batch.events):
        found.append(Outcome(_sender(record), number in left_out))
    return found


def _sender(record: LogRecord) -> str:
    try:
        return msgspec.json.decode(record.value, type=_Event).metadata.userId or ""
    except msgspec.DecodeError:
        return ""


def keep(connection: Connection, letters: list[DeadLetter], epoch: int) -> None:
    """Inside the apply transaction."""
    ids, values = [one.id for one in letters], [one.value for one in letters]
    headers = [json.dumps(one.headers) for one in letters]
    details = [one.detail for one in letters]
    connection.execute(KEEP, (epoch, ids, values, headers, details))


def due(connection: Connection, epoch: int, *, again: bool) -> list[DeadLetter]:
    """The oldest that `error.dlq` lacks; `again`: that it may lack since the last failover."""
    told = {"epoch": epoch, "margin": PUBLISH_AGAIN_SECONDS, "limit": MOST_AT_ONCE}
    rows = connection.execute(DUE_AGAIN if again else DUE, told).fetchall()
    return [
        DeadLetter(ident, bytes(value), [(n, v) for n, v in headers], detail)
        for ident, value, headers, detail in rows
    ]
