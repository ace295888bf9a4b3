"""Entry point of the event source mapping. It raises to retry: a batch is bridged whole or again (B5, B6).

A person's `lifeline log repair` and `lifeline log give-up` call it, too, with `{"repair": …}` (B11) and
`{"giveUp": …}` in place of a batch.
"""

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
from lifeline.lambdas.stream_bridge.give_up import give_up
from lifeline.lambdas.stream_bridge.log_partition import LogReader
from lifeline.lambdas.stream_bridge.log_writer import LogWriter, producer_settings
from lifeline.lambdas.stream_bridge.repair import Repair
from lifeline.lambdas.stream_bridge.shard_count import CountedMarker
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from lifeline.lambdas.stream_bridge.shard_reader import ShardReader
from lifeline.lambdas.stream_bridge.stream_identity import StreamIdentity
from lifeline.lambdas.stream_bridge.validation import UNFIT

logger = Logger(service="stream-bridge")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Bridge one batch of one shard. Raises when anything was not acknowledged."""
    if "repair" in event:
        return _repair(event["repair"])
    if "giveUp" in event:
        return _give_up(event["giveUp"])
    return bridge(event, *_parts())


def bridge(
    event: dict[str, Any],
    settings: StreamBridge,
    schemas: EventSchemas,
    writer: LogWriter,
    identity: StreamIdentity,
    counts: ShardCounts,
    breaker: Breaker,
) -> dict[str, Any]:
    """What the function does with a batch. Raises when anything was not acknowledged."""
    records = stream_records(event, datetime.fromtimestamp(SYSTEM_CLOCK.now(), UTC))
    incarnation = identity.incarnation(incarnations_named(records))
    pair, first = Pair(settings.log.region, incarnation, records[0].shard), records[0].sequence
    placing = counts.placing(pair, first, settings.partitions)
    batch = bridged(
        records,
        region=settings.log.region,
        incarnation=incarnation,
        partitions=placing.partitions,
        earlier=placing.earlier,
        schemas=schemas,
    )
    if batch.defects:
        _check(breaker, batch)
    writer.write(batch.records, _now_ms())
    listed = {(topic, one) for topic, count in settings.partitions for one in range(count)}

    def write(marker: CountedMarker) -> None:
        writer.write_marker(marker.within(listed), _now_ms())

    markers = 0
    if batch.marker is not None:
        markers = counts.close(batch.marker, write)
    markers += counts.settle(
        pair,
        batch.counted,
        first=first,
        acknowledged=records[-1].sequence,
        marker=batch.marker,
        write=write,
        listed=settings.partitions,
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


def _repair(request: dict[str, Any]) -> dict[str, Any]:
    """One slice of a repair. Its writer is its own: one that fails must not disturb the bridge's."""
    settings, schemas, _, identity, *_ = _parts()
    told = _log_settings(settings)
    repair = Repair(
        region=settings.log.region,
        partitions=settings.partitions,
        schemas=schemas,
        log=LogReader(told),
        stream=ShardReader(settings.stream_name, settings.log.region),
        writer=LogWriter(told),
    )
    done = repair.answer(request, identity.incarnation(set()))
    counted = {name: done[name] for name in ("records", "markers")}
    logger.info("repaired", extra={"source": request["source"], "run": request["run"], **counted})
    return done


def _give_up(request: dict[str, Any]) -> dict[str, Any]:
    """The audit stands in this log before the markers are written, and in the markers."""
    settings = _parts()[0]
    told = {name: request.get(name) for name in ("who", "why", "stretches")}
    logger.warning("given up", extra=told)
    writer = LogWriter(_log_settings(settings))
    return give_up(request, writer, settings.log.region, _now_ms())


def _log_settings(settings: StreamBridge) -> dict[str, Any]:
    log = settings.log
    return producer_settings(bootstrap=log.bootstrap, auth=log.auth, region=log.region)


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
    writer = LogWriter(_log_settings(settings))
    identity = StreamIdentity(settings.stream_name, settings.log.region)
    counts = ShardCounts(CountTable(settings.counts_table, settings.log.region))
    breaker = Breaker(on=settings.breaker == "on")
    return settings, load_schemas(schemas_folder()), writer, identity, counts, breaker
