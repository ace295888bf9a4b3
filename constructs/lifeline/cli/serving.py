"""Whether the lease's holder serves: its public `/health` at the lease's epoch, a watermark that moves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lifeline.cli.failure import Refused
from lifeline.cli.places import Places
from lifeline.cli.waiting import Deadline
from lifeline.lambdas.adapters.http_json import call
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease

HEALTH_TIMEOUT_SECONDS = 5.0

Watermark = Mapping[str, int]
"""How far each shard's events are safe, by (origin, incarnation, shard, where)."""


def await_serving(places: Places, deadline: Deadline) -> Lease:
    """Wait until the lease's holder answers 200 and serves at the lease's epoch. Answers that lease."""
    seen: list[Lease] = []

    def look() -> str:
        lease = places.lease().read()
        if lease is None:
            return f"there is no lease in {places.lease_name}"
        seen.append(lease)
        return not_serving(places, lease)

    deadline.until("a region that serves", look)
    return seen[-1]


def not_serving(places: Places, lease: Lease) -> str:
    """Why the lease's holder does not serve at the lease's epoch; empty when it does.

    Raises OSError, or what boto3 raises, for what does not answer.
    """
    if lease.holder == NO_HOLDER:
        return f"nobody holds the lease at epoch {lease.epoch}"
    if not lease.renewals:
        return (
            f"the keeper of {lease.holder} has not renewed the lease yet; one starts every minute"
        )
    url = places.lease().region_facts(lease.holder).get("api_url", "").rstrip("/")
    if not url:
        return f"the keeper of {lease.holder} has not said where its API is"
    answer = call("GET", f"{url}/health", timeout_seconds=HEALTH_TIMEOUT_SECONDS)
    serving, epoch = bool(answer.body.get("serving")), int(answer.body.get("epoch") or 0)
    if answer.status == 200 and serving and epoch == lease.epoch:
        return ""
    return (
        f"/health of {lease.holder} answers {answer.status}, serving {str(serving).lower()}, epoch {epoch} "
        f"(the lease is at epoch {lease.epoch})"
    )


def await_watermark(places: Places, region: str, deadline: Deadline) -> None:
    """Wait until the watermark as `region` publishes it has moved: both logs take in and copy events."""
    first: list[Watermark] = []

    def look() -> str:
        now = watermark(places.functions(region), region, places.suffix)
        if now is None:
            return f"{region} publishes none yet"
        if not first:
            first.append(now)
        if moved(first[0], now):
            return ""
        return f"{len(now)} entries, and none has grown yet"

    deadline.until("the watermark", look)


def moved(before: Watermark, after: Watermark) -> bool:
    """Whether any entry grew, or is new."""
    return any(sequence > before.get(key, -1) for key, sequence in after.items())


def watermark(functions: Any, region: str, suffix: str) -> Watermark | None:
    """What `/v1/watermark` of the region says, read by its own function; None while it cannot be had.

    Raises what boto3 raises, and Refused for an answer that is none.
    """
    name = f"failover-step-{suffix}"
    answer = functions.invoke(
        FunctionName=name, Payload=json.dumps({"step": "watermark", "region": region}).encode()
    )
    text = answer["Payload"].read().decode(errors="replace")
    if answer.get("FunctionError"):
        return None
    try:
        rows = json.loads(json.loads(text)["detail"])
        return {str(key): int(sequence) for key, sequence in rows.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{name} in {region} answered what is no watermark: {text[:300]}") from error
