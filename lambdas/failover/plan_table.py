"""The plan as the runbook's table, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

from lifeline.lambdas.failover.plan import PLAN, OnFailure, Step, stages

HEAD = (
    "| # | step | does | budget s | attempts × timeout s (pause) | when it keeps failing |",
    "|---|---|---|---|---|---|",
)
WORDS = {
    OnFailure.COMPENSATE: "release",
    OnFailure.DEGRADE: "degrade",
    OnFailure.PAGE_AND_REPEAT: "page, repeat",
}


def plan_table(plan: Sequence[Step] = PLAN) -> str:
    """One row a step, numbered by stage; steps of one stage have letters."""
    rows = list(HEAD)
    for number, stage in enumerate(stages(plan), 1):
        for index, step in enumerate(stage):
            place = f"{number}{ascii_lowercase[index]}" if len(stage) > 1 else str(number)
            rows.append(
                f"| {place} | `{step.name}` | {step.description} | {step.budget_seconds} "
                f"| {attempts_cell(step)} | {WORDS[step.on_failure]} |"
            )
    return "\n".join(rows) + "\n"


def attempts_cell(step: Step) -> str:
    """Attempts, time-out and pause, as the table says them."""
    pause = f" ({step.pause_seconds})" if step.attempts > 1 else ""
    return f"{step.attempts} × {step.timeout_seconds}{pause}"
