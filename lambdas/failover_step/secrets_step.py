"""The step `secrets`: make this region's copy of the administrator's secret one of its own."""

from __future__ import annotations

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover_step.context import Degraded, StepContext
from lifeline.lambdas.failover_step.service_errors import CALL_ERRORS, code_of, is_final

CALL_SECONDS = 5.0
"""Two calls end before the step's own time-out of 15 s."""


def promote_secrets(context: StepContext) -> str:
    """Stop the replication into this region's copy: only then can it be rotated here.

    Its value is readable before and after, so nothing waits for this; rotation itself is off the critical
    path (D10). Raises Degraded when the service refuses for good.
    """
    name = context.settings.admin_secret
    if not name:
        return "this environment has no replicated secret"
    secrets = client("secretsmanager", context.region, CALL_SECONDS)
    try:
        primary = _primary(context, name)
        if primary in ("", context.region):
            return f"the secret {name} is no replica: it can be rotated here already"
        secrets.stop_replication_to_replica(SecretId=name)
    except CALL_ERRORS as error:
        if is_final(error):
            raise Degraded(f"the secret {name} stays a replica: {code_of(error)}") from error
        raise
    return f"the secret {name} is no replica of {primary} any more"


def look(context: StepContext) -> str:
    """What `promote_secrets` reads, and nothing else (D12)."""
    name = context.settings.admin_secret
    if not name:
        return "this environment has no replicated secret"
    return f"the secret {name} is of {_primary(context, name) or 'this region'}"


def _primary(context: StepContext, name: str) -> str:
    """The region of the secret that this one replicates; empty for one of its own."""
    secrets = client("secretsmanager", context.region, CALL_SECONDS)
    return str(secrets.describe_secret(SecretId=name).get("PrimaryRegion") or "")
