"""The last step: write the run's timeline where it survives, and record that the run completed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover.evidence_key import EvidenceKey
from lifeline.lambdas.failover.plan import BESIDE_THE_TABLE, EVERY_STEP
from lifeline.lambdas.failover.plan_runs import run_of
from lifeline.lambdas.failover_step.context import StepContext


def record_evidence(context: StepContext) -> str:
    """Write `recover-e{epoch}-r{run}.json` into this region's evidence bucket; a repetition overwrites it.

    Then record the completion in the region's table: from here on no keeper starts another run (A17). Then
    say in the evidence that the run completed: only such evidence counts as a drill.
    """
    execution = str(context.event.get("execution", ""))
    run = run_of(execution)
    key = EvidenceKey(context.epoch, run)
    results = context.event.get("results", {})
    body = {
        "epoch": context.epoch,
        "run": run,
        "from_epoch": int(context.event["from_epoch"]),
        "region": context.region,
        "execution": execution,
        "execution_started_at": context.event.get("execution_started_at", ""),
        "completed": False,
        "timeline": timeline(results),
        "interruptions": interruptions(results),
    }
    _write(context, key, body)
    if run and _complete(context, run):
        _write(context, key, {**body, "completed": True})
    bucket = context.settings.evidence_bucket
    return f"s3://{bucket}/{key.name}" if bucket else "in the state machine's history and log"


def _complete(context: StepContext, run: int) -> bool:
    """Whether the run's completion is recorded: now, or by an attempt whose answer was lost."""
    if context.local.complete_run(context.epoch, run=run):
        return True
    return context.local.plan_runs(context.epoch).completed == run


def _write(context: StepContext, key: EvidenceKey, body: dict[str, Any]) -> None:
    if not context.settings.evidence_bucket:
        return
    client("s3", context.region, 8.0).put_object(
        Bucket=context.settings.evidence_bucket,
        Key=key.name,
        Body=json.dumps(body, indent=2).encode(),
        ContentType="application/json",
    )


def timeline(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps' answers in the plan's order; a stage of several steps is a list of answers.

    A further step, which only the state machine knows, stands behind what had started before it.
    """
    found = {str(one["step"]): one for one in _answers(results)}
    for name in BESIDE_THE_TABLE:
        found.pop(name, None)
    known = [found.pop(step.name) for step in EVERY_STEP if step.name in found]
    for one in sorted(found.values(), key=lambda one: str(one["started_at"])):
        begun = [str(each["started_at"]) <= str(one["started_at"]) for each in known]
        known.insert(sum(begun), one)
    return known


def interruptions(results: dict[str, Any]) -> list[dict[str, Any]]:
    """What happened beside the steps, oldest first: the last page, a release that led forward."""
    found = [one for one in _answers(results) if one["step"] in BESIDE_THE_TABLE]
    return sorted(found, key=lambda one: str(one["started_at"]))


def _answers(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for answer in results.values():
        yield from answer if isinstance(answer, list) else [answer]
