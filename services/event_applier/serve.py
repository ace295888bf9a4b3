"""`serve`: marker writer, watermark reader and the HTTP side, one process in each region at every epoch."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import boto3

from lifeline.services.event_applier.database import Connection, connect
from lifeline.services.event_applier.event_lookup import EventLookup
from lifeline.services.event_applier.health import RegionHealth, keep_checking
from lifeline.services.event_applier.http_api import http_server
from lifeline.services.event_applier.log_lines import say
from lifeline.services.event_applier.marker_writer import MarkerWriter
from lifeline.services.event_applier.metric_lines import say_metric
from lifeline.services.event_applier.serving_guard import (
    READ_AUTHORITY,
    AuthorityRow,
    Permission,
    ServingGuard,
)
from lifeline.services.event_applier.settings import (
    DatabaseSettings,
    LogSettings,
    RegionSettings,
    required,
)
from lifeline.services.event_applier.stream_client import BRIEF, StreamClient
from lifeline.services.event_applier.watermark_reader import PublishedVectors, WatermarkReader

CHECK_SECONDS = 1.0
TRAFFIC_SECONDS = 15.0


def main() -> int:
    """The command: runs until SIGTERM."""
    database, log = DatabaseSettings.from_environment(), LogSettings.from_environment()
    region = RegionSettings.from_environment()
    found = required(os.environ, "STREAM_NAME", "REGION_STATE_TABLE")
    host = os.environ.get("SERVE_HOST", "0.0.0.0")  # noqa: S104 - the task's own interface
    port = int(os.environ.get("SERVE_PORT", "8080"))
    stopping, published = threading.Event(), PublishedVectors()
    health = RegionHealth(region.region)
    stream = StreamClient(found["STREAM_NAME"], region.region)
    markers = MarkerWriter(
        StreamClient(found["STREAM_NAME"], region.region),
        region.region,
        sum(log.partitions.values()),
    )
    traffic = TrafficSwitch(found["REGION_STATE_TABLE"], region.region)
    authority = AuthorityCheck(database, region)
    loops: dict[str, Callable[[], None]] = {
        "markers": lambda: markers.run(stopping),
        "watermark": lambda: WatermarkReader(log, region, published).run(stopping),
        "ingest": lambda: keep_checking(
            health.ingest, stream.incarnation, CHECK_SECONDS, stopping, "ingest"
        ),
        "database": lambda: keep_checking(
            health.database, authority.ask, CHECK_SECONDS / 2, stopping, "database"
        ),
        "traffic": lambda: keep_checking(
            health.traffic, traffic.epoch, CHECK_SECONDS, stopping, "traffic"
        ),
        "switch": lambda: tell_traffic(health, region.suffix, stopping),
    }
    for name, loop in loops.items():
        threading.Thread(target=loop, name=name, daemon=True).start()
    lookup = EventLookup(database, region)
    server = http_server(
        host,
        port,
        {
            "/health": lambda _rest: health.answer(),
            "/v1/watermark": lambda _rest: (
                200,
                {"region": region.region, "entries": published.entries()},
            ),
            "/v1/events/": lookup.find,
        },
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    say("serving http", port=port, region=region.region)
    stopping.wait()
    server.shutdown()
    return 0


def tell_traffic(health: RegionHealth, suffix: str, stopping: threading.Event) -> None:
    """The metric that Route 53 follows for callers who know one name only."""
    while not stopping.wait(TRAFFIC_SECONDS):
        say_metric("TrafficHere", int(health.has_traffic()), suffix)


class AuthorityCheck:
    """Reads the authority row on a connection of its own, and judges it (A1)."""

    def __init__(self, database: DatabaseSettings, region: RegionSettings) -> None:
        self._database = database
        self._guard = ServingGuard(region.region, region.ttl_seconds)
        self._connection: Connection | None = None

    def ask(self) -> tuple[AuthorityRow | None, Permission]:
        """Raises psycopg.Error, OSError; the next call connects anew."""
        try:
            if self._connection is None:
                self._connection = connect(self._database, purpose="health")
            asked_at = time.monotonic()
            found = self._connection.execute(READ_AUTHORITY).fetchone()
        except Exception:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
            raise
        row = AuthorityRow(*found) if found else None
        return row, self._guard.judge(row, asked_at)


class TrafficSwitch:
    """The region's traffic switch in its region state table; 0 when it was never turned on."""

    def __init__(self, table: str, region: str) -> None:
        self._table = table
        self._client: Any = boto3.client("dynamodb", region_name=region, config=BRIEF)

    def epoch(self) -> int:
        """Raises what the client raises, within about 2 s."""
        answer = self._client.get_item(
            TableName=self._table, Key={"id": {"S": "traffic"}}, ConsistentRead=True
        )
        return int(answer.get("Item", {}).get("epoch", {}).get("N", "0"))
