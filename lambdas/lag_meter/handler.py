"""Entry point: started every minute, looks every ten seconds, ends before the next start."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.http_json import get
from lifeline.lambdas.adapters.pace import run_until_deadline
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.certificates.cache_tls import client_for, signed_in
from lifeline.lambdas.certificates.database_tls import earliest_expiry
from lifeline.lambdas.contracts.cache import CachePlace
from lifeline.lambdas.contracts.lag_meter import LagMeterContract
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.figures import log_lines
from lifeline.lambdas.failover.markers import rows_of_vector
from lifeline.lambdas.lag_meter.cache import TIMEOUT_SECONDS, cache_lag_seconds
from lifeline.lambdas.lag_meter.database import MeterDatabase
from lifeline.lambdas.lag_meter.drills import last_drills
from lifeline.lambdas.lag_meter.meter import LagReader, Meter
from lifeline.lambdas.lag_meter.replicas import files_lag_seconds, secret_lag_seconds

LOOK_SECONDS = 10.0
"""Finer than the warning threshold of 15 s."""
RUN_SECONDS = 55.0
CALL_SECONDS = 3.0

logger = Logger(service="lag-meter")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Look until shortly before the next run starts. Answers the number of looks."""
    settings = LagMeterContract.from_env()
    meter = _meter(settings)

    def look() -> None:
        now = SYSTEM_CLOCK.now()
        for line in log_lines(meter.look(now), suffix=settings.suffix, now=now):
            print(line)
        try:
            table = RegionStateTable(
                client("dynamodb", settings.region), settings.region_state_table
            )
            table.note_lag(meter.report(now))
        except Exception as error:  # the figures were told; only `lifeline status` lacks them
            logger.warning("report not written", extra={"error": repr(error)})

    paced = {"run_seconds": RUN_SECONDS, **event}
    return {"looks": run_until_deadline(look, LOOK_SECONDS, context, paced)}


@cache
def _meter(settings: LagMeterContract) -> Meter:
    fast: dict[str, LagReader] = {}
    slow: dict[str, LagReader] = {}
    region = settings.region
    if settings.file_system_id:
        efs = client("efs", region, CALL_SECONDS)
        slow["files"] = lambda now: files_lag_seconds(efs, settings.file_system_id, now)
    if settings.admin_secret:
        secrets = client("secretsmanager", region, CALL_SECONDS)
        slow["secrets"] = lambda now: secret_lag_seconds(
            secrets, settings.admin_secret, settings.peer_region, now
        )
    place = settings.cache
    if place.group:
        elasticache = client("elasticache", region, CALL_SECONDS)
        fast["cache"] = lambda now: cache_lag_seconds(
            elasticache, place.group, lambda: _cache_client(place, region), now
        )
    local = RegionStateTable(client("dynamodb", region), settings.region_state_table)
    watermark = _Watermark(settings.query_api_url)
    s3 = client("s3", region, CALL_SECONDS)
    return Meter(
        regions=(region, settings.peer_region),
        database=MeterDatabase(settings.database),
        watermark=watermark.rows if settings.query_api_url else None,
        given_up=watermark.given_up,
        last_healthy_at=lambda: local.memory().get("last_healthy_at"),
        fast=fast,
        slow=slow,
        last_drills=(
            (lambda: last_drills(s3, settings.evidence_bucket))
            if settings.evidence_bucket
            else None
        ),
        authorities_end=lambda: earliest_expiry().timestamp(),
        has_standby=settings.has_standby,
        log=lambda message, **extra: logger.info(message, extra=extra),
    )


class _Watermark:
    """The region's own `/v1/watermark`, asked once for both."""

    def __init__(self, query_api_url: str) -> None:
        self._url = f"{query_api_url}/v1/watermark"
        self._given_up: int | None = None

    def rows(self) -> list[Any]:
        body = get(self._url, timeout_seconds=CALL_SECONDS)
        told = body.get("given_up")
        self._given_up = len(told) if isinstance(told, list) else None
        return rows_of_vector(body)

    def given_up(self) -> int | None:
        """As the last answer said; None: it did not, or a release before this one answered."""
        return self._given_up


def _cache_client(place: CachePlace, region: str) -> Any:
    hosts = place.hosts
    if not hosts:
        ssm = client("ssm", region, CALL_SECONDS)
        hosts = str(ssm.get_parameter(Name=place.hosts_parameter)["Parameter"]["Value"])
    how = signed_in(place.group, place.user, region) if place.auth == "iam" else {}
    return client_for(hosts, place.port, seconds=TIMEOUT_SECONDS, **how)
