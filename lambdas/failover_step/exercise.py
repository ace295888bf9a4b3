"""The call `exercise`: every step's reads, with nothing changed (D12), every five minutes in both regions.

By the same function, role, network and settings as the plan's: what a step will need first in a failover
(a route, a permission, a name, a sign-in) is missed today, not then. It also keeps the function from being
idle, after which Lambda takes its network interfaces back and refuses the next invocation until it has new
ones (Lambda Developer Guide, function states).
"""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools import Logger

from lifeline.lambdas.adapters.http_json import call
from lifeline.lambdas.failover_step import (
    api_token,
    cache_step,
    capacity_steps,
    database_steps,
    files_step,
    secrets_step,
    service_steps,
)
from lifeline.lambdas.failover_step.context import StepContext

logger = Logger(service="failover-step")

UNKNOWN_EVENT = "00000000-0000-0000-0000-000000000000"
NO_WAY_IN = frozenset({401, 403})
"""What the API answers to a token that it does not take; any other answer came from behind the sign-in."""


class ExerciseFailed(Exception):
    """A step's reads did not succeed: in a failover that step would not."""


def acquire(context: StepContext) -> str:
    """The lease, in the witness region."""
    if not context.settings.witness_region:
        return "there is no witness"
    lease = context.lease.read()
    return "there is no lease yet" if lease is None else f"the lease is at epoch {lease.epoch}"


def raise_capacity(context: StepContext) -> str:
    """The services whose tasks it raises."""
    if not context.tasks:
        return "there is no event applier"
    said = [
        f"{service}: {capacity_steps.desired_tasks(context, service)} tasks are desired"
        for service in context.tasks
    ]
    return "; ".join(said)


def fence(context: StepContext) -> str:
    """Where the other side's database is. Not the way to it: the fence is a courtesy (A1, A8)."""
    if not context.settings.witness_region:
        return "there is no witness"
    if not context.settings.has_standby:
        return "there is no other region"
    facts = context.lease.region_facts(context.settings.peer_region)
    return f"the directory names {facts.get('database_host') or 'no database'}"


def start_promotion(context: StepContext) -> str:
    """The global cluster, and what this region's table says of a promotion."""
    accepted = database_steps.promotion_accepted(context)
    return "the writer is here" if accepted else "the writer is elsewhere"


def open_database(context: StepContext) -> str:
    """The server's clock: it is read right before the epoch is written."""
    return f"the server says {context.database.clock()}"


def resume_processing(context: StepContext) -> str:
    """The event appliers' heartbeats."""
    within = service_steps.HEARTBEAT_WITHIN_SECONDS
    return f"heartbeats of epoch {context.database.heartbeat_epoch(context.region, within)}"


def open_api(context: StepContext) -> str:
    """This region's own `/health`, whatever it says of the region. Raises ExerciseFailed for another's."""
    url = f"{context.settings.own_api_url}/health"
    answer = call("GET", url, timeout_seconds=service_steps.HTTP_TIMEOUT_SECONDS)
    if answer.body.get("region") != context.region:
        raise ExerciseFailed(f"/health answered {answer.status}, and not as {context.region}")
    return f"/health answered {answer.status}"


def verify(context: StepContext) -> str:
    """A token, and an event that nobody has: the standby refuses to serve it, but not the token.

    A query API that rests cannot even refuse: then the token is for the watermark.
    """
    if not context.settings.api_client.token_url:
        return "there is no client of the API"
    if context.services_rest:
        status = service_steps.read_watermark(context).status
    else:
        status = service_steps.read_event(context, UNKNOWN_EVENT)
    if status in NO_WAY_IN:
        api_token.forget(context.region)
        raise ExerciseFailed(f"the API refused the plan's token: {status}")
    return f"the API took the token and answered {status}"


def shift_traffic(context: StepContext) -> str:
    """The region's traffic switch."""
    return f"the switch stands at epoch {context.local.traffic_epoch()}"


READS: dict[str, Callable[[StepContext], str]] = {
    "acquire": acquire,
    "assess": database_steps.assess,
    "raise_capacity": raise_capacity,
    "fence": fence,
    "start_promotion": start_promotion,
    "cache": cache_step.look,
    "files": files_step.look,
    "secrets": secrets_step.look,
    "open_database": open_database,
    "resume_processing": resume_processing,
    "open_api": open_api,
    "verify": verify,
    "shift_traffic": shift_traffic,
}
"""The reads of each step of the plan."""

NO_READS_OF_ITS_OWN = {
    "await_capacity": "It reads what raise_capacity reads.",
    "await_database": "It reads what start_promotion and assess read.",
    "record_evidence": "It only writes; that it may is proved from the templates.",
}


def exercise(context: StepContext) -> str:
    """Do each step's reads. Raises ExerciseFailed, which names every step whose reads failed."""
    failed: list[str] = []
    for name, read in READS.items():
        try:
            said = read(context)
        except Exception as error:
            failed.append(f"{name}: {error!r}")
            logger.error("exercise failed", extra={"step": name, "error": repr(error)})
        else:
            logger.info("exercise done", extra={"step": name, "detail": said})
    context.database.close()
    if failed:
        raise ExerciseFailed("; ".join(failed))
    return f"the reads of {len(READS)} steps succeed"
