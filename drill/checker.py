"""The independent checker: edge journals against the survivor's rows, dead letters and log. Five sets (D6).

ok: stored, with the time and content that was sent. lost: accepted, but neither stored nor rejected.
unexpected: stored or rejected, but never sent; or stored with another time, content or twice.
recovered: stored from another region than the one that accepted it first: a resend saved it.
rejected: in `error.dlq` with a reason.

And the log (E1): an edge was told that an event is safe, so its record lies in the log of the region that
did not accept it. The database alone does not show it: that has a replication of its own.

Works on disk (SQLite), in memory that does not grow with the
number of events, and gives the same answer for the same input.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from itertools import groupby, islice
from pathlib import Path

from drill import ledger
from drill.dead_letters import DeadLetter
from drill.logged import Logged
from drill.order import Applied, OrderViolation, order_violations
from drill.stored import Stored

EXAMPLES = 20
"""Of a bad set this many are listed; the count is of all."""
PLATFORM_PROBE_PREFIX = "synthetic-recovery-"
"""Patients of the recovery plan's own verification step: nobody's edge sent these."""

_SCHEMA = """
    CREATE TABLE sent (
        publisher TEXT, number INT, event_id TEXT, occurred_us INT, aggregate_id TEXT, sequence INT,
        digest TEXT, label TEXT, first_region TEXT, acceptances INT DEFAULT 0, resent INT DEFAULT 0,
        refused INT DEFAULT 0, rejected TEXT, safe INT DEFAULT 0, resent_though_safe INT DEFAULT 0,
        PRIMARY KEY (publisher, number)) WITHOUT ROWID;
    CREATE TABLE receipt (
        publisher TEXT, number INT, region TEXT, incarnation TEXT, shard TEXT, sequence TEXT);
    CREATE TABLE readable (log TEXT);
    CREATE TABLE logged (
        log TEXT, topic TEXT, partition INT, origin TEXT, incarnation TEXT, shard TEXT, sequence TEXT,
        event_id TEXT, occurred_us INT, digest TEXT);
    CREATE TABLE stored (
        event_id TEXT, occurred_us INT, aggregate_id TEXT, sequence INT, digest TEXT, origin TEXT,
        apply_no INT);
"""
_INDEXES = """
    CREATE INDEX sent_id ON sent (event_id);
    CREATE INDEX stored_id ON stored (event_id);
    CREATE INDEX receipt_of ON receipt (publisher, number);
    CREATE INDEX logged_place ON logged (sequence, shard, incarnation, origin);
    CREATE VIEW proof AS
        SELECT receipt.publisher, receipt.number, logged.topic, logged.event_id, logged.occurred_us,
            logged.digest
        FROM receipt JOIN logged ON logged.sequence = receipt.sequence AND logged.shard = receipt.shard
            AND logged.incarnation = receipt.incarnation AND logged.origin = receipt.region
            AND (logged.log <> receipt.region
                OR NOT EXISTS (SELECT 1 FROM readable WHERE readable.log <> receipt.region));
    CREATE VIEW match AS
        SELECT stored.rowid AS place, stored.*, sent.publisher, sent.first_region, sent.resent
        FROM stored JOIN sent ON sent.event_id = stored.event_id
            AND sent.occurred_us = stored.occurred_us AND sent.digest = stored.digest
            AND sent.aggregate_id = stored.aggregate_id AND sent.sequence = stored.sequence;
"""
_LOST = """
    FROM sent WHERE acceptances > 0 AND rejected IS NULL
        AND NOT EXISTS (SELECT 1 FROM match WHERE match.event_id = sent.event_id)
"""
_UNEXPECTED = """
    FROM stored WHERE aggregate_id NOT LIKE :probe AND (
        rowid NOT IN (SELECT place FROM match)
        OR rowid NOT IN (SELECT min(place) FROM match GROUP BY event_id))
"""
# Of a reject the place is asked: what it says was judged when it was taken. Of an event its content, too.
# Where the other region is lost, so is what it was sure of: then the accepting region's own log must have it.
_NOT_IN_THE_LOG = """
    FROM sent WHERE safe > 0 AND NOT EXISTS (
        SELECT 1 FROM proof WHERE proof.publisher = sent.publisher AND proof.number = sent.number
            AND (sent.rejected IS NOT NULL AND proof.topic = 'error.dlq'
                OR proof.topic <> 'error.dlq' AND proof.event_id = sent.event_id
                    AND proof.occurred_us = sent.occurred_us AND proof.digest = sent.digest))
"""


@dataclass(frozen=True)
class Findings:
    """What the checker found. The lists hold the first few ids of each set that must be empty."""

    sent: int
    accepted: int
    stored: int
    ok: int
    lost: int
    unexpected: int
    recovered: int
    rejected: int
    refused: int
    unaccepted: int
    duplicate_deliveries: int
    order_violations: int
    platform_probes: int
    safe: int = 0
    """Events of which an edge was told that both regions have them."""
    not_in_the_log: int = 0
    """Of those: in the log of no region but the one that accepted them (E1)."""
    recovered_though_safe: int = 0
    """Sent again after they had been called safe, and stored because of that: the word was wrong (E1)."""
    unlabelled_rejects: int = 0
    """Ordinary events, rejected or refused."""
    not_in_the_log_ids: list[str] = field(default_factory=list)
    log_differences: int = 0
    """Places (topic, partition, origin, shard) of which two logs hold not the same events."""
    logs: list[dict[str, object]] = field(default_factory=list)
    """By log, topic, partition, origin and shard: distinct events, records, and a hash over the events."""
    lost_ids: list[str] = field(default_factory=list)
    unexpected_ids: list[str] = field(default_factory=list)
    violations: list[OrderViolation] = field(default_factory=list)
    rejects: list[tuple[str, str, str]] = field(default_factory=list)
    """(label, reason, event id) of rejected and refused events, the hand-picked bad ones."""

    @property
    def clean(self) -> bool:
        """The three that must be empty are."""
        return self.lost == self.unexpected == self.order_violations == 0


def check(
    journals: Sequence[Path],
    stored: Iterable[Stored],
    letters: Sequence[DeadLetter],
    logged: Mapping[str, Iterable[Logged]],
    scratch: Path,
) -> Findings:
    """Compare. `journals`: one folder for each publisher; `logged`: by region the records of
    each log that was read, an empty one too; `scratch`: a file that is made anew."""
    scratch.unlink(missing_ok=True)
    database = sqlite3.connect(scratch)
    try:
        database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        strangers = _load(database, journals, letters)
        for rows in _chunks(astuple(one) for one in stored):
            database.executemany("INSERT INTO stored VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        for region, held in logged.items():
            database.execute("INSERT INTO readable VALUES (?)", (region,))
            for rows in _chunks(astuple(one) for one in held):
                database.executemany(
                    "INSERT INTO logged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
                )
        database.executescript(_INDEXES)
        return _findings(database, strangers)
    finally:
        database.close()
        scratch.unlink(missing_ok=True)


def _load(
    database: sqlite3.Connection, journals: Sequence[Path], letters: Sequence[DeadLetter]
) -> list[str]:
    """Fill `sent` from the ledgers; returns the dead letters that no journal explains."""
    by_receipt = {(x.origin, x.incarnation, x.shard, x.sequence): x for x in letters}
    explained: set[tuple[str, str, str, int]] = set()
    for folder in sorted(journals):
        publisher = folder.name
        for entry in ledger.read(folder):
            kind = entry[0]
            if kind == "s":
                database.executemany(
                    "INSERT INTO sent (publisher, number, event_id, occurred_us, aggregate_id,"
                    " sequence, digest, label) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    ((publisher, *row) for row in entry[2]),
                )
            elif kind == "a":
                _, _, region, incarnation, receipts = entry
                database.executemany(
                    "UPDATE sent SET acceptances = acceptances + 1,"
                    " first_region = coalesce(first_region, ?) WHERE publisher = ? AND number = ?",
                    ((region, publisher, number) for number, _, _ in receipts),
                )
                database.executemany(
                    "INSERT INTO receipt VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        (publisher, number, region, incarnation, s, str(q))
                        for number, s, q in receipts
                    ),
                )
                for number, shard, sequence in receipts:
                    place = (region, incarnation, shard, int(sequence))
                    if place in by_receipt:
                        explained.add(place)
                        _mark_rejected(
                            database, publisher, number, by_receipt[place].reason or "no reason"
                        )
            elif kind == "r":
                database.executemany(
                    "UPDATE sent SET resent = resent + 1, resent_though_safe = safe"
                    " WHERE publisher = ? AND number = ?",
                    ((publisher, number) for number in entry[3]),
                )
            elif kind == "f":
                database.executemany(
                    "UPDATE sent SET safe = 1 WHERE publisher = ? AND number = ?",
                    ((publisher, number) for number in ledger.spread(entry[2])),
                )
            elif kind == "x":
                database.execute(
                    "UPDATE sent SET refused = ? WHERE publisher = ? AND number = ?",
                    (entry[4], publisher, entry[3]),
                )
    return _explain_by_id(database, by_receipt, explained)


def _explain_by_id(
    database: sqlite3.Connection,
    by_receipt: dict[tuple[str, str, str, int], DeadLetter],
    explained: set[tuple[str, str, str, int]],
) -> list[str]:
    """A record whose answer got lost has no receipt in the journal: then its id explains it."""
    database.execute("CREATE INDEX sent_by_id ON sent (event_id)")
    strangers = []
    for place in sorted(set(by_receipt) - explained):
        letter = by_receipt[place]
        row = database.execute(
            "SELECT publisher, number FROM sent WHERE event_id = ? AND event_id <> ''",
            (letter.event_id,),
        ).fetchone()
        if row is None:
            strangers.append(letter.event_id or "/".join(map(str, place)))
        else:
            _mark_rejected(database, row[0], row[1], letter.reason or "no reason")
    return strangers


def _mark_rejected(database: sqlite3.Connection, publisher: str, number: int, reason: str) -> None:
    database.execute(
        "UPDATE sent SET rejected = ? WHERE publisher = ? AND number = ?",
        (reason, publisher, number),
    )


def _findings(database: sqlite3.Connection, strangers: list[str]) -> Findings:
    probe = {"probe": PLATFORM_PROBE_PREFIX + "%"}

    def number(query: str) -> int:
        return int(database.execute(f"SELECT count(*) {query}", probe).fetchone()[0])

    def ids(query: str) -> list[str]:
        found = database.execute(f"SELECT event_id {query} ORDER BY 1 LIMIT {EXAMPLES}", probe)
        return [row[0] for row in found]

    logs = _logs(database)
    violations = list(order_violations(_applied(database)))
    saved = "FROM (SELECT 1 FROM match WHERE first_region <> origin GROUP BY event_id)"
    matched = number("FROM (SELECT 1 FROM match GROUP BY event_id)")
    recovered = number(saved)
    return Findings(
        sent=number("FROM sent"),
        accepted=number("FROM sent WHERE acceptances > 0"),
        stored=matched,
        ok=matched - recovered,
        lost=number(_LOST),
        unexpected=number(_UNEXPECTED) + len(strangers),
        recovered=recovered,
        rejected=number("FROM sent WHERE rejected IS NOT NULL"),
        refused=number("FROM sent WHERE refused > 0"),
        unaccepted=number(
            "FROM sent WHERE acceptances = 0 AND refused = 0 AND rejected IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM match WHERE match.event_id = sent.event_id)"
        ),
        duplicate_deliveries=int(
            database.execute(
                "SELECT coalesce(sum(acceptances - 1), 0) FROM sent WHERE acceptances > 1"
            ).fetchone()[0]
        ),
        order_violations=len(violations),
        platform_probes=number("FROM stored WHERE aggregate_id LIKE :probe"),
        safe=number("FROM sent WHERE safe > 0"),
        not_in_the_log=number(_NOT_IN_THE_LOG),
        recovered_though_safe=number(
            "FROM sent WHERE resent_though_safe > 0 AND EXISTS (SELECT 1 FROM match"
            " WHERE match.event_id = sent.event_id AND match.origin <> sent.first_region)"
        ),
        unlabelled_rejects=number(
            "FROM sent WHERE label = '' AND (rejected IS NOT NULL OR refused > 0)"
        ),
        not_in_the_log_ids=ids(_NOT_IN_THE_LOG),
        log_differences=_log_differences(logs, database.execute("SELECT log FROM readable")),
        logs=logs,
        lost_ids=ids(_LOST),
        unexpected_ids=(ids(_UNEXPECTED) + strangers)[:EXAMPLES],
        violations=violations[:EXAMPLES],
        rejects=[
            tuple(row)
            for row in database.execute(
                "SELECT label, coalesce(rejected, 'refused ' || refused), event_id FROM sent"
                f" WHERE rejected IS NOT NULL OR refused > 0 ORDER BY 1, 2, 3 LIMIT {EXAMPLES}"
            )
        ],
    )


def _applied(database: sqlite3.Connection) -> Iterator[Applied]:
    """Order is asked only of what was sent: the unexpected are reported as such."""
    rows = database.execute(
        "SELECT aggregate_id, sequence, event_id, resent FROM match ORDER BY aggregate_id, apply_no"
    )
    for aggregate_id, sequence, event_id, resent in rows:
        yield Applied(aggregate_id, sequence, event_id, resent > 0)


def _logs(database: sqlite3.Connection) -> list[dict[str, object]]:
    """What each log holds of each shard in each partition; a copy's second record changes no hash."""
    found: list[dict[str, object]] = []
    rows = database.execute(
        "SELECT log, topic, partition, origin, incarnation, shard, sequence, digest, count(*) FROM logged"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, length(sequence), 7, 8"
    )
    for place, group in groupby(rows, key=lambda row: row[:6]):
        digest, events, records = hashlib.sha256(), 0, 0
        for row in group:
            digest.update(f"{row[6]} {row[7]}\n".encode())
            events, records = events + 1, records + row[8]
        names = ("log", "topic", "partition", "origin", "incarnation", "shard")
        counted = {"events": events, "records": records, "sha256": digest.hexdigest()}
        found.append({**dict(zip(names, place, strict=True)), **counted})
    return found


def _log_differences(logs: Sequence[Mapping[str, object]], read: Iterable[tuple[str]]) -> int:
    """0 where one log was read: then there is nothing to compare."""
    names = {name for (name,) in read}
    held: dict[tuple[object, ...], dict[object, object]] = {}
    for one in logs:
        place = tuple(
            one[name] for name in ("topic", "partition", "origin", "incarnation", "shard")
        )
        held.setdefault(place, {})[one["log"]] = one["sha256"]
    return sum(set(by_log) != names or len(set(by_log.values())) > 1 for by_log in held.values())


Row = tuple[object, ...]


def _chunks(rows: Iterable[Row], size: int = 5_000) -> Iterator[Sequence[Row]]:
    left = iter(rows)
    while chunk := list(islice(left, size)):
        yield chunk
