"""Steps about what serves: resume_processing, open_api, verify, shift_traffic."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

from lifeline.lambdas.adapters.http_json import Answer, call
from lifeline.lambdas.failover.markers import rows_of_vector
from lifeline.lambdas.failover_step import api_token
from lifeline.lambdas.failover_step.capacity_steps import raise_again
from lifeline.lambdas.failover_step.context import NotReady, StepContext
from lifeline.lambdas.failover_step.waiting import wait

HTTP_TIMEOUT_SECONDS = 3.0
HEARTBEAT_WITHIN_SECONDS = 5.0
SYNTHETIC_PATIENT = "synthetic-recovery"
USER_AGENT = "lifeline-recovery/1"
"""The web ACL blocks a request that names none."""


def resume_processing(context: StepContext) -> str:
    """Wait for an event applier's heartbeat at this epoch; heartbeats, not task states, are proof."""

    def look() -> str:
        epoch = context.database.heartbeat_epoch(context.region, HEARTBEAT_WITHIN_SECONDS)
        if epoch is not None and epoch >= context.epoch:
            return ""
        return f"the newest heartbeat is of epoch {epoch}"

    raise_again(context)
    return wait(context, look, f"event appliers apply at epoch {context.epoch}")


def open_api(context: StepContext) -> str:
    """Wait until this region's own public path says that it serves at this epoch."""

    def look() -> str:
        answer = call(
            "GET", f"{context.settings.own_api_url}/health", timeout_seconds=HTTP_TIMEOUT_SECONDS
        )
        epoch = int(answer.body.get("epoch") or 0)
        if answer.status == 200 and answer.body.get("serving") and epoch >= context.epoch:
            return ""
        return (
            f"/health answered {answer.status}, serving {answer.body.get('serving')}, epoch {epoch}"
        )

    return wait(context, look, "the regional API serves")


def verify(context: StepContext) -> str:
    """A synthetic patient's event by the regional host into the database and back (D2).

    The event's id follows from the epoch and its sequence is the epoch, so a repetition is a resend.
    """
    raise_again(context)
    base = context.settings.own_api_url
    body, event_id = _synthetic_event(context)
    posted = _post(context, f"{base}/v1/events", body)
    if posted.status != 202:
        raise NotReady(f"POST /v1/events answered {posted.status}")

    def look() -> str:
        answer = _get(context, f"{base}/v1/events/{event_id}")
        return "" if answer.status == 200 else f"GET /v1/events answered {answer.status}"

    return wait(context, look, "the synthetic event came back from the database")


def read_event(context: StepContext, event_id: str) -> int:
    """The status with which this region's API answers who asks for one event."""
    return _get(context, f"{context.settings.own_api_url}/v1/events/{event_id}").status


def read_watermark(context: StepContext) -> Answer:
    """What this region's API answers who asks for the watermark."""
    return _get(context, f"{context.settings.own_api_url}/v1/watermark")


def shift_traffic(context: StepContext) -> str:
    """Turn this region's traffic switch on. Edges follow the highest reachable epoch."""
    changed = context.local.shift_traffic(context.epoch)
    return f"switched on at epoch {context.epoch}" if changed else "switched on already"


def holes(context: StepContext) -> str:
    """What stands in the way of this region's watermark, for `lifeline log`. Read only."""
    answer = read_watermark(context)
    if answer.status != 200:
        raise NotReady(f"GET /v1/watermark answered {answer.status}")
    rows = rows_of_vector(answer.body)
    own = [row for row in rows if row["safe_in"] == context.region]
    found = {name: answer.body.get(name, []) for name in ("holes", "given_up")}
    return json.dumps({**found, "entries": own})


def watermark(context: StepContext) -> str:
    """How far this region's public API says that events are safe, for `lifeline activate`. Read only."""
    answer = read_watermark(context)
    if answer.status != 200:
        raise NotReady(f"GET /v1/watermark answered {answer.status}")
    return json.dumps(
        {
            f"{row['region']} {row['incarnation']} {row['shard']} safe in {row['safe_in']}": str(
                row["sequence"]
            )
            for row in rows_of_vector(answer.body)
        }
    )


def _synthetic_event(context: StepContext) -> tuple[bytes, str]:
    started = str(context.event.get("execution_started_at", ""))
    name = f"lifeline/{context.settings.suffix}/{context.region}/{context.epoch}/{started}"
    event_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    occurred_on = _instant(started, context.clock.now())
    event = {
        "eventId": event_id,
        "eventType": "ObservationRecordedEvent",
        "aggregateId": f"{SYNTHETIC_PATIENT}-{context.region}",
        "aggregateType": "Patient",
        "occurredOn": occurred_on,
        "version": 1,
        "sequence": context.epoch,
        "payload": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": f"Patient/{SYNTHETIC_PATIENT}-{context.region}"},
            "effectiveDateTime": occurred_on,
            "valueQuantity": {
                "value": 60,
                "unit": "/min",
                "system": "http://unitsofmeasure.org",
                "code": "/min",
            },
        },
        "metadata": {
            "correlationId": event_id,
            "causationId": event_id,
            "traceId": event_id,
            "userId": "lifeline-recovery",
        },
    }
    return json.dumps({"events": [event]}).encode(), event_id


def _instant(text: str, now: float) -> str:
    """The execution's start as an instant: the same for every repetition of the step (C2)."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        moment = datetime.fromtimestamp(now, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _post(context: StepContext, url: str, body: bytes) -> Answer:
    return _authorized(context, "POST", url, body)


def _get(context: StepContext, url: str) -> Answer:
    return _authorized(context, "GET", url, None)


def _authorized(context: StepContext, method: str, url: str, body: bytes | None) -> Answer:
    """As any caller from outside: with a token of this region's pool."""
    headers = {
        "Authorization": "Bearer "
        + api_token.bearer(context.region, context.settings.api_client, context.clock),
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
    }
    answer = call(method, url, timeout_seconds=HTTP_TIMEOUT_SECONDS, body=body, headers=headers)
    if answer.status == 401:
        api_token.forget(context.region)
    return answer
