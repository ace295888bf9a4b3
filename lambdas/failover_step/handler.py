"""Entry point: one step of the plan a call (docs/mechanisms/contracts.md)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from lifeline.lambdas.contracts.failover_step import FailoverStepContract
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.plan import Outcome
from lifeline.lambdas.failover_step import (
    authority_steps,
    cache_step,
    capacity_steps,
    database_steps,
    evidence_step,
    exercise,
    files_step,
    further_step,
    rewind_step,
    secrets_step,
    service_steps,
)
from lifeline.lambdas.failover_step.context import Degraded, StepAnswer, StepContext

logger = Logger(service="failover-step")

STEPS: dict[str, Callable[[StepContext], str | StepAnswer]] = {
    "acquire": authority_steps.acquire,
    "assess": database_steps.assess,
    "raise_capacity": capacity_steps.raise_capacity,
    "fence": authority_steps.fence,
    "start_promotion": database_steps.start_promotion,
    "await_capacity": capacity_steps.await_capacity,
    "await_database": database_steps.await_database,
    "cache": cache_step.promote_cache,
    "files": files_step.promote_files,
    "secrets": secrets_step.promote_secrets,
    "open_database": database_steps.open_database,
    "resume_processing": service_steps.resume_processing,
    "open_api": service_steps.open_api,
    "verify": service_steps.verify,
    "shift_traffic": service_steps.shift_traffic,
    "record_evidence": evidence_step.record_evidence,
    "call": further_step.call,
    "release": authority_steps.release,
    "page": authority_steps.page,
    "report": database_steps.report,
    "watermark": service_steps.watermark,
    "holes": service_steps.holes,
    "exercise": exercise.exercise,
    "rest": capacity_steps.rest,
    "rewind": rewind_step.rewind,
}


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Run the step named in the event. Raises NotReady, NotMine, or what a service raised."""
    name = str(event.get("step", ""))
    if name not in STEPS:
        raise ValueError(f"there is no step {name!r}; the steps are {', '.join(STEPS)}")
    context = StepContext(FailoverStepContract.from_env(), event)
    if event.get("region") != context.region:
        raise ValueError(
            f"this plan makes {context.region} active, asked for {event.get('region')!r}"
        )
    try:
        said = STEPS[name](context)
    except Degraded as reason:
        said = StepAnswer(Outcome.DEGRADED, str(reason))
    answer = said if isinstance(said, StepAnswer) else StepAnswer(Outcome.DONE, said)
    told = {"outcome": answer.outcome.value, "detail": answer.detail}
    shown = str(event.get("further_step") or name)
    logger.info("step done", extra={"step": shown, "epoch": context.epoch, **told})
    return {
        "step": shown,
        **told,
        "started_at": event.get("entered_at") or _now(),
        "ended_at": _now(),
    }


def _now() -> str:
    moment = datetime.fromtimestamp(SYSTEM_CLOCK.now(), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
