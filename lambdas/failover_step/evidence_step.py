"""The last step: write the run's timeline where it survives, and record that the run completed."""

from __future__ import annotations

import json
from typing import Any

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover.plan import PLAN
from lifeline.lambdas.failover.plan_runs import run_of
from lifeline.lambdas.failover_step.context import StepContext


def record_evidence(context: StepContext) -> str:
    """Write `recover-e{epoch}.json` into this region's evidence bucket; a repetition overwrites it.

    Then record the completion in the region's table: from here on no keeper starts another run (A17).
    """
    execution = str(context.event.get("execution", ""))
    run = run_of(execution)
    key = f"recover-e{context.epoch}.json"
    body = {
        "epoch": context.epoch,
        "run": run,
        "from_epoch": int(context.event["from_epoch"]),
        "region": context.region,
        "execution": execution,
        "execution_started_at": context.event.get("execution_started_at", ""),
        "timeline": timeline(context.event.get("results", {})),
    }
    bucket = context.settings.evidence_bucket
    if bucket:
        client("s3", context.region, 8.0).put_object(
            Bucket=bucket,
            Key=key,
            Body=json.dumps(body, indent=2).encode(),
            ContentType="application/json",
        )
    if run:
        context.local.complete_run(context.epoch, run=run)
    return f"s3://{bucket}/{key}" if bucket else "in the state machine's history and log"


def timeline(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps' answers in the plan's order; a stage of several steps is a list of answers.

    A further step, which only the state machine knows, stands behind what had started before it.
    """
    found: dict[str, dict[str, Any]] = {}
    for answer in results.values():
        for one in answer if isinstance(answer, list) else [answer]:
            found[str(one["step"])] = one
    known = [found.pop(step.name) for step in PLAN if step.name in found]
    for one in sorted(found.values(), key=lambda one: str(one["started_at"])):
        begun = [str(each["started_at"]) <= str(one["started_at"]) for each in known]
        known.insert(sum(begun), one)
    return known
