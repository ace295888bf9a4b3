"""Entry point of the event source mapping. It raises to retry: a batch is bridged whole or again (B5, B6)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from lifeline.lambdas.contracts.stream_bridge import StreamBridge
from lifeline.lambdas.failover.breaker import Breaker, Stopped
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.markers import Pair
from lifeline.lambdas.stream_bridge.batch import (
    BridgedBatch,
    bridged,
    incarnations_named,
    stream_records,
)
from lifeline.lambdas.stream_bridge.count_table import CountTable
from lifeline.lambdas.stream_bridge.event_schemas import EventSchemas, load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.log_writer import LogWriter, producer_settings
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from lifeline.lambdas.stream_bridge.stream_identity import StreamIdentity
from lifeline.lambdas.stream_bridge.validation import UNFIT

logger = Logger(service="stream-bridge")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Bridge one batch of one shard. Raises when anything was not acknowledged."""
    settings, schemas, writer, identity, counts, breaker = _parts()
    records = stream_records(event, datetime.fromtimestamp(SYSTEM_CLOCK.now(), UTC))
    incarnation = identity.incarnation(incarnations_named(records))
    batch = bridged(
        records,
        region=settings.log.region,
        incarnation=incarnation,
        partitions=settings.partitions,
        schemas=schemas,
    )
    if batch.defects:
        _check(breaker, batch)
    writer.write(batch.records, _now_ms())
    listed = {(topic, one) for topic, count in settings.partitions for one in range(count)}
    markers = counts.settle(
        Pair(settings.log.region, incarnation, records[0].shard),
        batch.counted,
        first=records[0].sequence,
        acknowledged=records[-1].sequence,
        marker=batch.marker,
        write=lambda one: writer.write_marker(one.within(listed), _now_ms()),
    )
    if batch.records:  # a batch of markers says nothing about events
        breaker.passed(batch.outcomes)
    if batch.rejected:
        unfit = sum(count for why, count in batch.rejected.items() if why in UNFIT)
        logger.warning("rejected", extra={"rejected": batch.rejected, "unfit": unfit})
    if batch.defects:
        # The class alone: an exception's text may quote a patient's data.
        count = sum(batch.defects.values())
        logger.error("defects", extra={"defects": batch.defects, "records": count})
    return {"written": len(batch.records), "markers": markers}


def _check(breaker: Breaker, batch: BridgedBatch) -> None:
    try:
        breaker.check(batch.outcomes)
    except Stopped:
        if breaker.page_due(SYSTEM_CLOCK.now()):
            logger.error("stopped", extra={"defects": batch.defects})
        raise


def _now_ms() -> int:
    return int(SYSTEM_CLOCK.now() * 1_000)


@cache
def _parts() -> tuple[StreamBridge, EventSchemas, LogWriter, StreamIdentity, ShardCounts, Breaker]:
    settings = StreamBridge.from_env()
    writer = LogWriter(
        producer_settings(
            bootstrap=settings.log.bootstrap, auth=settings.log.auth, region=settings.log.region
        )
    )
    identity = StreamIdentity(settings.stream_name, settings.log.region)
    counts = ShardCounts(CountTable(settings.counts_table, settings.log.region))
    breaker = Breaker(on=settings.breaker == "on")
    return settings, load_schemas(schemas_folder()), writer, identity, counts, breaker
