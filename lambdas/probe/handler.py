"""Entry point: runs probe cycles for nearly three minutes; a new run starts every minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.adapters.pace import run_until_deadline
from lifeline.lambdas.adapters.region_state_table import ProbeResults
from lifeline.lambdas.contracts.probe import ProbeContract
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.figures import Figure, log_lines, serving_seen, takeover_ready
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.readiness import NOT_KEPT, Readiness, witness_readiness
from lifeline.lambdas.probe.cycle import probe_once

logger = Logger(service="probe")
_directory: dict[str, str] = {}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Probe until shortly before the function's time is up. Answers the number of cycles."""
    settings = ProbeContract.from_env()
    policy = Policy()
    results = ProbeResults(client("dynamodb", settings.region), settings.results_table)

    def cycle() -> None:
        now = SYSTEM_CLOCK.now()
        try:
            seen = probe_once(
                targets={region: _base_url(settings, region) for region in settings.probe_regions},
                control_url=control_url(settings),
                results=results,
                policy=policy,
                now=now,
                log=lambda message, **extra: logger.info(message, extra=extra),
            )
        except Exception as error:  # an observer that cannot write is silent: its samples grow old
            logger.warning("cycle failed", extra={"error": repr(error)})
            _tell(settings, [takeover_ready(Readiness(False, NOT_KEPT))], now)
            return
        if seen is not None:  # else an overlapping run has this cycle, and tells of it
            ready = takeover_ready(witness_readiness(seen.health))
            _tell(settings, [ready, *serving_seen(seen.serving)], now)

    return {"cycles": run_until_deadline(cycle, policy.probe_cycle_seconds / 2, context, event)}


def _tell(settings: ProbeContract, figures: Sequence[Figure], now: float) -> None:
    """The witness says each cycle what it sees (A19, A22); of a data region its keeper says so."""
    if settings.region != settings.witness_region:
        return
    for line in log_lines(figures, suffix=settings.suffix, now=now):
        print(line)


def control_url(settings: ProbeContract) -> str:
    """What a control probe asks: the override, or the region's DynamoDB endpoint.

    That one answers GET without credentials: it shows that this observer's own network works, which is all
    a control probe is for.
    """
    return settings.probe_control_url or f"https://dynamodb.{settings.region}.amazonaws.com/"


def _base_url(settings: ProbeContract, region: str) -> str:
    """Where `region` is: the override, else the directory, else what the directory said last."""
    if region in settings.probe_targets:
        return settings.probe_targets[region].rstrip("/")
    if region not in _directory and settings.witness_region:
        lease_table = LeaseTable(client("dynamodb", settings.witness_region), settings.lease_table)
        url = lease_table.region_facts(region).get("api_url", "")
        if url:
            _directory[region] = url.rstrip("/")
    return _directory.get(region, "")
