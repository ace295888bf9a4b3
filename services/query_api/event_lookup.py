"""`GET /v1/events/{id}` and `/v1/patients/{id}/vital-signs` from the database, inside A1, in bounded time."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import orjson

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.writer_search import WriterSearch
from lifeline.services.query_api.kept_vital_signs import vital_signs_of
from lifeline.services.query_api.session_cache import SessionCache
from lifeline.services.query_api.vital_signs_lookup import (
    correction_of,
    is_corrected,
    migrated,
    newest_corrections,
)
from lifeline.services.shared.database import Connection, connect
from lifeline.services.shared.observations import KEPT, OBSERVATION, observation_of
from lifeline.services.shared.serving_guard import READ_AUTHORITY, AuthorityRow, ServingGuard

WAIT_SECONDS = 2.0
FIND = """
SELECT event_id::text, event_type, aggregate_type, aggregate_id, occurred_on, version, sequence,
       coalesce(payload_text::text, payload::text), coalesce(metadata_text::text, metadata::text),
       origin, incarnation, shard, shard_sequence::text, topic, applied_epoch
FROM event WHERE event_id = %s LIMIT 1
"""
NAMES = [
    "eventId",
    "eventType",
    "aggregateType",
    "aggregateId",
    "occurredOn",
    "version",
    "sequence",
    "payload",
    "metadata",
    "origin",
    "incarnation",
    "shard",
    "shardSequence",
    "topic",
    "appliedEpoch",
]
VERBATIM = ("payload", "metadata")
"""JSON texts that go into the answer as they are: parsing them would bend their numbers (C8)."""
FLAGS = """
SELECT code, flag FROM quality_flag WHERE event_id = %s AND occurred_on = %s ORDER BY code, flag
"""
VITAL_SIGNS = "/vital-signs"
Answer = tuple[int, dict[str, Any]]
Question = Callable[[Connection, int], Answer]
"""Asked at the epoch at which the guard let it pass."""


class EventLookup:
    """A few workers with a connection each: a hung database holds up workers, never requests."""

    def __init__(
        self,
        database: DatabaseAddress,
        region: ServingRegion,
        workers: int = 4,
        clock: Clock = SYSTEM_CLOCK,
        cache: SessionCache | None = None,
    ) -> None:
        self._database, self._region, self._clock = database, region, clock
        self._cache = cache
        self._questions: queue.Queue[tuple[Question, queue.Queue[Answer], float]] = queue.Queue(64)
        for _ in range(workers):
            threading.Thread(target=self._work, daemon=True).start()

    def find(self, event_id: str) -> Answer:
        """200 with the event, 404, or 503 with why."""
        try:
            wanted = uuid.UUID(event_id)
        except ValueError:
            return 404, {"error": "not an event id"}
        return self._asked(lambda connection, _epoch: _event(connection, wanted))

    def vital_signs(self, rest: str) -> Answer:
        """200 with the newest of each; `rest` of the path is `{id}/vital-signs`. 404, or 503 with why."""
        if not rest.endswith(VITAL_SIGNS):
            return 404, {"error": "no such path"}
        patient = unquote(rest.removesuffix(VITAL_SIGNS))
        return self._asked(
            lambda connection, epoch: _vital_signs(connection, patient, epoch, self._cache)
        )

    def _asked(self, question: Question) -> Answer:
        reply: queue.Queue[Answer] = queue.Queue(1)
        try:
            self._questions.put_nowait((question, reply, self._clock.monotonic() + WAIT_SECONDS))
            return reply.get(timeout=WAIT_SECONDS)
        except (queue.Full, queue.Empty):
            return 503, {"error": "the database does not answer"}

    def _work(self) -> None:
        connection: Connection | None = None
        guard = ServingGuard(self._region.region, self._region.ttl_seconds)
        search = WriterSearch(self._clock.random)
        while True:
            question, reply, deadline = self._questions.get()
            if self._clock.monotonic() > deadline:
                continue
            try:
                if connection is None or connection.closed:
                    connection = connect(self._database, purpose="lookup")
                answer = self._ask(connection, guard, search, question)
            except Exception as error:  # whatever it is: a worker that ends is never replaced
                answer = 503, {"error": f"the database failed: {type(error).__name__}"}
                if connection is not None:
                    connection.close()
                connection = None
            reply.put_nowait(answer)

    def _ask(
        self, connection: Connection, guard: ServingGuard, search: WriterSearch, question: Question
    ) -> Answer:
        asked_at = self._clock.monotonic()
        row = connection.execute(READ_AUTHORITY).fetchone()
        permission = guard.judge(AuthorityRow(*row) if row else None, asked_at)
        if search.leave(in_recovery=permission.in_recovery, now=asked_at):
            connection.close()  # the next question connects anew (A16)
        if not permission.may_serve:
            return 503, {"error": f"this region does not serve: {permission.reason}"}
        return question(connection, guard.epoch)


def _event(connection: Connection, wanted: uuid.UUID) -> Answer:
    found = connection.execute(FIND, (wanted,)).fetchone()
    if found is None:
        return 404, {"error": "no such event"}
    body = dict(zip(NAMES, found, strict=True))
    if body["eventType"] == OBSERVATION:
        body |= _second_thoughts(connection, body)
    for name in VERBATIM:
        body[name] = orjson.Fragment(body[name])
    body["occurredOn"] = body["occurredOn"].isoformat().replace("+00:00", "Z")
    return 200, body


def _second_thoughts(connection: Connection, body: dict[str, Any]) -> dict[str, Any]:
    """What was found odd about an Observation, and what has corrected it since; nothing for most."""
    found: dict[str, Any] = {}
    if not _kept(connection):
        return found
    flags = connection.execute(FLAGS, (body["eventId"], body["occurredOn"])).fetchall()
    if flags:
        found["flags"] = [{"code": code, "flag": flag} for code, flag in flags]
    observation = observation_of(body["payload"].encode(), body["occurredOn"])
    if observation is None or not observation.names:
        return found
    place = (body["aggregateType"], body["aggregateId"])
    newest = newest_corrections(connection, *place, sorted(observation.names))
    correction = correction_of(observation, newest)
    if correction is not None and is_corrected(body["eventId"], correction):
        found["correctedBy"] = {"eventId": correction.event_id, "status": correction.status}
    return found


def _vital_signs(
    connection: Connection, patient: str, epoch: int, cache: SessionCache | None
) -> Answer:
    is_kept, has_versions = migrated(connection)
    if not is_kept:
        return 503, {"error": "the database is not migrated yet"}
    # Nothing out of the cache counts without a version.
    its_cache = cache if has_versions else None
    return 200, vital_signs_of(connection, patient, epoch=epoch, cache=its_cache)


def _kept(connection: Connection) -> bool:
    row = connection.execute(KEPT).fetchone()
    return bool(row and row[0])
