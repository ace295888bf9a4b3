"""The step `rewind`, for `lifeline rewind`: no step of the plan, a person asks for it."""

from __future__ import annotations

import json

from aws_lambda_powertools import Logger

from lifeline.lambdas.failover.rewind import Lowered
from lifeline.lambdas.failover_step.context import NotMine, NotReady, StepContext

logger = Logger(service="failover-step")
ASKED, DONE = "rewind asked for", "rewound"
"""The `message` of the lines that are kept as the audit."""


def rewind(context: StepContext) -> str:
    """Lower the applied markers in the transaction that raises the epoch, if that is still the event's.

    The lease is raised before the database. A step that ends in between leaves a database behind its
    lease: the keeper's plan opens it at the new epoch, as after any interruption (A4), and none is lowered.
    """
    rows = [Lowered.from_row(row).to_row() for row in context.event["rows"]]
    region, epoch = context.region, context.epoch
    lease = context.lease.read()
    if lease is None or (lease.holder, lease.epoch) != (region, epoch):
        raise NotMine(f"the lease is not {region}'s at epoch {epoch}")
    view = context.database.view()
    if not view.serves(lease):
        raise NotReady(
            f"the database is at epoch {view.epoch} of {view.holder or 'nobody'}, replica {view.in_recovery}"
        )
    told = {"who": str(context.event.get("who", "")), "to": str(context.event.get("to", ""))}
    logger.info(ASKED, extra={**told, "epoch": epoch, "markers": len(rows)})
    # At the next epoch a takeover's word, which is for this one, holds no more: silence would stop us (A21).
    context.require_other_region(must_answer=True)
    if context.lease.advance(region=region, epoch=epoch) is None:
        raise NotMine("the lease moved, or a promotion is under way")
    lowered = context.database.rewind_epoch(region=region, epoch=epoch, rows=rows)
    logger.info(DONE, extra={**told, "epoch": epoch + 1, "lowered": lowered})
    return json.dumps({"epoch": epoch + 1, "lowered": lowered})
