"""Entry point: runs cycles for nearly three minutes; a new run starts every minute (A7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger

from lifeline.lambdas.adapters.pace import run_until_deadline
from lifeline.lambdas.contracts.keeper import KeeperContract
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.figures import Figure, log_lines
from lifeline.lambdas.failover.pages import Sender
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.replication_signal import ReplicationSource
from lifeline.lambdas.keeper.adapters import ports, publish_directory
from lifeline.lambdas.keeper.cycle import Cycle

logger = Logger(service="keeper")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Run cycles until shortly before the function's time is up. Answers the number of cycles."""
    settings = KeeperContract.from_env()
    if not settings.witness_region:
        logger.warning("nothing to keep: no region is set that holds the lease")
        return {"cycles": 0, "reason": "no-lease-region"}
    policy = Policy(
        ttl_seconds=settings.ttl_seconds,
        max_loss_seconds=settings.tier_rpo_seconds,
        automatic_hand_over=settings.automatic_hand_over,
    )
    try:
        publish_directory(settings)
    except Exception as error:  # the directory is for others; this keeper works without it
        logger.warning("directory not published", extra={"error": repr(error)})

    def publish(figures: Sequence[Figure], now: float) -> None:
        for line in log_lines(figures, suffix=settings.suffix, now=now):
            print(line)

    cycle = Cycle(
        sender=Sender(
            suffix=settings.suffix,
            region=settings.region,
            peer=settings.peer_region,
            witness=settings.witness_region,
        ),
        policy=policy,
        ports=ports(settings),
        clock=SYSTEM_CLOCK.now,
        log=lambda message, **extra: logger.info(message, extra=extra),
        publish=publish,
        alone=settings.alone,
        applies=settings.replication_signal is ReplicationSource.MARKERS,
        plan_budget_seconds=settings.plan_budget_seconds,
    )
    cycles = run_until_deadline(cycle.run, policy.loop_seconds, context, event)
    return {"cycles": cycles}
