"""What the platform wrote about itself, read for the evidence: lease, decisions, timeline."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from drill.plan_steps import BUDGETS
from drill.targets import Target

CODES = {"ca-central-1": "cac1", "ca-west-1": "caw1"}


def lease(target: Target) -> dict[str, Any]:
    """The lease item; empty when there is none. Raises botocore's errors when it cannot be read."""
    answer = target.observer("dynamodb", target.witness).get_item(
        TableName=f"lease-{target.suffix}", Key={"id": {"S": "lease"}}, ConsistentRead=True
    )
    return {key: plain(value) for key, value in answer.get("Item", {}).items()}


def decisions(target: Target, regions: Sequence[str]) -> list[dict[str, Any]]:
    """Every decision of the keepers of these regions, oldest first."""
    found = []
    for region in regions:
        pages = target.observer("dynamodb", region).get_paginator("scan")
        for page in pages.paginate(TableName=f"region-state-{target.suffix}", ConsistentRead=True):
            for item in page.get("Items", []):
                if item["id"]["S"].startswith("decision#"):
                    found.append(_decision(region, {k: plain(v) for k, v in item.items()}))
    return sorted(found, key=lambda one: (one["at"], one["region"]))


def timeline(target: Target, region: str, epoch: int) -> list[dict[str, Any]]:
    """The recovery plan's steps as the surviving region recorded them; empty when it did not."""
    storage = target.observer("s3", region)
    prefix, suffix = f"evidence-{CODES.get(region, region)}-", f"-{target.suffix}"
    for bucket in storage.list_buckets().get("Buckets", []):
        name = bucket["Name"]
        if name.startswith(prefix) and name.endswith(suffix):
            try:
                recorded = _recovery(storage, name, epoch)
            except storage.exceptions.ClientError:
                continue
            steps = recorded.get("timeline", recorded.get("steps", []))
            return [
                {
                    "step": str(one.get("step", "")),
                    "started_at": instant_text(one.get("started_at")),
                    "ended_at": instant_text(one.get("ended_at")),
                    "outcome": str(one.get("outcome", "")),
                    "detail": str(one.get("detail", "")),
                }
                for one in steps
            ]
    return []


def newest_run(target: Target, region: str, epoch: int) -> str | None:
    """The ARN of the newest execution of the epoch's plan; None when there is none."""
    client = target.observer("stepfunctions", region)
    prefix = f"recover-e{epoch}-r"
    for machine in client.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        found = client.list_executions(stateMachineArn=arn).get("executions", [])
        mine = [one for one in found if one["name"].startswith(prefix)]
        if mine:
            newest = max(mine, key=lambda one: int(one["name"].removeprefix(prefix)))
            return str(newest["executionArn"])
    return None


def running_steps(target: Target, region: str, epoch: int) -> list[dict[str, Any]]:
    """The plan's steps as far as they are by now, from the execution's history; no end: it runs."""
    execution = newest_run(target, region, epoch)
    return [] if execution is None else entered_steps(target, region, execution)


def entered_steps(target: Target, region: str, execution: str) -> list[dict[str, Any]]:
    """The steps that one execution has entered."""
    history = target.observer("stepfunctions", region).get_execution_history(
        executionArn=execution, maxResults=1000, includeExecutionData=False
    )
    return steps_of(history["events"])


def steps_of(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The table's steps that a history says were entered, oldest first."""
    found: dict[str, dict[str, Any]] = {}
    for event in history:
        at = event["timestamp"]
        moment = instant_text(at.timestamp() if isinstance(at, datetime) else at)
        entered = event.get("stateEnteredEventDetails", {}).get("name", "")
        left = event.get("stateExitedEventDetails", {}).get("name", "")
        if entered in BUDGETS:
            begun = found.get(entered, {}).get("started_at", moment)
            found[entered] = {
                "step": entered, "started_at": begun, "ended_at": "", "outcome": "running"
            }  # fmt: skip
        if left in found:
            found[left] |= {"ended_at": moment, "outcome": "done"}
    return list(found.values())


def _recovery(storage: Any, bucket: str, epoch: int) -> dict[str, Any]:
    """The evidence of the epoch's first run that completed; while none did, of the newest run.

    `recover-e{epoch}.json` is what the first release wrote, whichever the run.
    """
    listed = storage.list_objects_v2(Bucket=bucket, Prefix=f"recover-e{epoch}").get("Contents", [])
    pattern = re.compile(rf"recover-e{epoch}(?:-r(\d+))?\.json")
    found = [match for one in listed if (match := pattern.fullmatch(one["Key"]))]
    recorded: dict[str, Any] = {}
    for match in sorted(found, key=lambda match: int(match[1] or -1)):
        recorded = json.loads(storage.get_object(Bucket=bucket, Key=match[0])["Body"].read())
        if recorded.get("completed", match[1] is None):
            break
    return recorded


def plain(value: dict[str, Any]) -> Any:
    """One DynamoDB attribute value as a Python value."""
    kind, inner = next(iter(value.items()))
    if kind == "N":
        return float(inner) if "." in inner or "e" in inner.lower() else int(inner)
    if kind == "M":
        return {key: plain(one) for key, one in inner.items()}
    if kind == "L":
        return [plain(one) for one in inner]
    if kind == "NULL":
        return None
    return inner


def instant_text(value: object) -> str:
    """Seconds, milliseconds or ISO text as one form: ISO in UTC with milliseconds and `Z`."""
    if value is None or value == "":
        return ""
    try:
        number = float(str(value))
    except ValueError:
        try:
            moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            return str(value)
    else:
        moment = datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(instant: str) -> float:
    """The inverse of `instant_text`: epoch seconds."""
    return datetime.fromisoformat(instant.replace("Z", "+00:00")).timestamp()


def _decision(region: str, item: dict[str, Any]) -> dict[str, Any]:
    at = item.get("at") or str(item["id"]).removeprefix("decision#")
    return {
        "at": instant_text(at),
        "region": str(item.get("region") or region),
        "action": str(item.get("action", "")),
        "reason": str(item.get("reason", "")),
        "epoch": item.get("epoch"),
        "evidence": _evidence(item.get("evidence")),
    }


def _evidence(text: Any) -> dict[str, Any]:
    """What the keeper noted that its decision rests on; empty when it noted nothing."""
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
