"""The service: marker writer, watermark reader, HTTP side; one process in each region at every epoch."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.query_api import READ_SCOPE, QueryApi
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.writer_search import WriterSearch
from lifeline.services.query_api.event_lookup import EventLookup
from lifeline.services.query_api.health import RegionHealth, keep_checking
from lifeline.services.query_api.http_api import Admission, Route, http_server
from lifeline.services.query_api.marker_writer import MarkerWriter
from lifeline.services.query_api.own_certificate import OwnCertificate
from lifeline.services.query_api.reader_checkpoint import ReaderCheckpoint
from lifeline.services.query_api.session_cache import SessionCache, keep_telling, session_cache
from lifeline.services.query_api.sessions import Sessions
from lifeline.services.query_api.stream_client import StreamClient
from lifeline.services.query_api.token_check import TokenCheck
from lifeline.services.query_api.watermark_reader import PublishedVectors, WatermarkReader
from lifeline.services.shared.brief_calls import BRIEF
from lifeline.services.shared.database import Connection, connect
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.metric_lines import say_metric
from lifeline.services.shared.serving_guard import (
    READ_AUTHORITY,
    AuthorityRow,
    Permission,
    ServingGuard,
)

CHECK_SECONDS = 1.0
TRAFFIC_SECONDS = 15.0


def main() -> int:
    """The command: runs until SIGTERM."""
    told = QueryApi.from_env()
    database, log, region = told.database, told.log, told.region
    stopping, published = threading.Event(), PublishedVectors(has_standby=region.has_standby)
    health = RegionHealth(region.region)
    stream = StreamClient(told.stream_name, region.region)
    markers = MarkerWriter(
        StreamClient(told.stream_name, region.region),
        region.region,
        sum(log.partitions.values()),
    )
    checkpoint = ReaderCheckpoint(told.checkpoints_table, region.region)
    traffic = TrafficSwitch(told.region_state_table, region.region)
    authority = AuthorityCheck(database, region)
    cache = session_cache(told.cache, told.cache_secret_name, region.region)
    loops: dict[str, Callable[[], None]] = {
        "markers": lambda: markers.run(stopping),
        "watermark": lambda: WatermarkReader(log, region, published, checkpoint).run(stopping),
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
    if cache is not None:
        loops["cache figures"] = lambda: keep_telling(cache, region.suffix, stopping)
    for name, loop in loops.items():
        threading.Thread(target=loop, name=name, daemon=True).start()
    lookup = EventLookup(database, region, cache=cache)
    own: dict[str, Route] = {
        "/health": lambda _rest: health.answer(),
        "/v1/watermark": lambda _rest: (200, published.answer(region.region)),
    }
    certificate = OwnCertificate.of(told.query_api_tls_name)
    if told.query_api_ca_file:
        Path(told.query_api_ca_file).write_bytes(certificate.root)
    servers = [
        http_server(told.query_api_host, told.query_api_port, own),
        http_server(
            told.query_api_host,
            told.query_api_tls_port,
            {**own, "/v1/events/": lookup.find, "/v1/patients/": lookup.vital_signs},
            certificate.context(),
            admission(told, cache, health),
        ),
    ]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    for server in servers:
        threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    ports = [told.query_api_port, told.query_api_tls_port]
    say("serving http and https", ports=ports, region=region.region)
    stopping.wait()
    for server in servers:
        server.shutdown()
    return 0


def admission(told: QueryApi, cache: SessionCache | None, health: RegionHealth) -> Admission | None:
    """Who may read events and vital signs; None: everybody who gets here."""
    if not told.token_issuer:
        return None
    check = TokenCheck(told.token_issuer, told.token_keys_at)
    return Sessions(check, READ_SCOPE, cache=cache, epoch=health.serving_epoch).admit


def tell_traffic(
    health: RegionHealth, suffix: str, stopping: threading.Event, clock: Clock = SYSTEM_CLOCK
) -> None:
    """The metric that Route 53 follows for callers who know one name only."""
    clock.wait(stopping, TRAFFIC_SECONDS)
    while not stopping.is_set():
        say_metric("TrafficHere", int(health.has_traffic()), suffix)
        clock.wait(stopping, TRAFFIC_SECONDS)


class AuthorityCheck:
    """Reads the authority row on a connection of its own, and judges it (A1)."""

    def __init__(
        self, database: DatabaseAddress, region: ServingRegion, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._database, self._clock = database, clock
        self._guard = ServingGuard(region.region, region.ttl_seconds)
        self._search = WriterSearch(clock.random)
        self._connection: Connection | None = None

    def ask(self) -> tuple[AuthorityRow | None, Permission]:
        """Raises psycopg.Error, OSError; the next call connects anew, as it does after a replica (A16)."""
        try:
            if self._connection is None:
                self._connection = connect(self._database, purpose="health")
            asked_at = self._clock.monotonic()
            found = self._connection.execute(READ_AUTHORITY).fetchone()
        except Exception:
            self._disconnect()
            raise
        row = AuthorityRow(*found) if found else None
        permission = self._guard.judge(row, asked_at)
        if self._search.leave(in_recovery=permission.in_recovery, now=asked_at):
            self._disconnect()
        return row, permission

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


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
