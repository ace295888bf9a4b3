"""C7: a row that cannot be stored goes raw to `error.dlq` with the reason, and never stops the others."""

from __future__ import annotations

import psycopg
from confluent_kafka import Producer

from lifeline.lambdas.contracts.log import LogAddress
from lifeline.services.event_applier.batch import Batch, LogRecord, batch_of
from lifeline.services.event_applier.store import Store
from lifeline.services.shared.log_clients import client_settings
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.topics import DEAD_LETTERS

FLUSH_SECONDS = 5.0
BAD_ROW = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)
"""What the server says of a value; the last two are no DataError: too long for an index, nested too deep."""


class Quarantine:
    """Writes to `error.dlq`, acknowledged; its producer is made when first needed."""

    def __init__(self, settings: LogAddress) -> None:
        self._settings = settings
        self._producer: Producer | None = None

    def keep(self, bad: list[tuple[LogRecord, str]]) -> None:
        """Before the transaction that goes on without them. Raises RuntimeError when not acknowledged."""
        if not bad:
            return
        if self._producer is None:
            self._producer = Producer(
                client_settings(self._settings, purpose="quarantine")
                | {"acks": "all", "enable.idempotence": True, "partitioner": "murmur2_random"}
                | {"delivery.timeout.ms": 4_000, "message.max.bytes": 2_000_000}
            )
        failed: list[str] = []
        for record, why in bad:
            # The kind says that this is no record of a bridge: no manifest counts it (B26).
            headers = [header for header in record.headers if header[0] != "kind"]
            headers.append(("kind", b"quarantined"))
            self._producer.produce(
                DEAD_LETTERS,
                record.value,
                headers=[*headers, ("reason", b"malformed"), ("detail", f"Apply: {why}.".encode())],
                on_delivery=lambda error, _message: failed.append(str(error)) if error else None,
            )
        left = self._producer.flush(FLUSH_SECONDS)
        if left or failed:
            self._producer = None
            raise RuntimeError("error.dlq did not take a quarantined record")
        say("quarantined", records=len(bad))


def apply_around_bad_rows(
    store: Store, records: list[LogRecord], batch: Batch, quarantine: Quarantine, heartbeat: bool
) -> None:
    """Apply `records`; if the database refuses a value, halve until only the bad ones are left out.

    Halves are applied in order. Raises what Store.apply raises.
    """
    try:
        store.apply(batch, heartbeat=heartbeat)
    except BAD_ROW as error:
        if len(records) <= 1:
            quarantine.keep([(record, type(error).__name__) for record in records])
            return
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            apply_around_bad_rows(store, half, batch_of(half), quarantine, heartbeat)
