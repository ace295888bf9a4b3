"""Ask everybody at the same time: the tables, CloudWatch, the plan, both public APIs. Writes nothing.

A table's answer carries the `Date` of its service: ages are counted by it, not by the clock of the laptop.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from lifeline.cli.places import Places
from lifeline.cli.status.asking import Asking
from lifeline.cli.status.facts import (
    AlarmFacts,
    Facts,
    LastDecision,
    PlanFacts,
    RegionFacts,
    Unknown,
)
from lifeline.cli.status.serving import fresh_report
from lifeline.lambdas.adapters.answer_date import answered_at
from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.http_json import call
from lifeline.lambdas.adapters.lease_table import LEASE_ID, REGION_PREFIX, lease_from_item
from lifeline.lambdas.adapters.region_state_table import (
    DECISION_ID,
    KEEPER_REPORT_ID,
    LAG_REPORT_ID,
    PLAN_PREFIX,
    PROBE_PREFIX,
    TRAFFIC_ID,
    runs_from_item,
    samples_from_item,
)
from lifeline.lambdas.adapters.started_epochs import machine_arn
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lag_report import LagReport
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.plan_runs import run_name

DEADLINE_SECONDS = 1.2
CALL_SECONDS = 1.0
SECOND_READ_SECONDS = 0.25
"""Between reads of the lease, until it moved or the time is up."""
ALARM = "takeover-not-ready"
"""It is in every region of an environment, the witness included: without it none is deployed there."""

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Items:
    """Some items of a table by id, and the service's time of the answer."""

    by_id: Mapping[str, Item]
    now: float

    def get(self, name: str) -> Item:
        """The item; empty when there is none."""
        return self.by_id.get(name, {})


def gather(places: Places, *, seconds: float = DEADLINE_SECONDS) -> Facts:
    """One look, in `seconds` at most. Raises nothing for what does not answer."""
    make_clients(places)
    asking = Asking(seconds)
    witness = asking.ask(lambda: _witness_items(places))
    moved = asking.ask(lambda: _moves(places, witness.result(), asking))
    plan = asking.ask(lambda: _plan(places, witness.result()))
    witness_alarms = asking.ask(lambda: _alarms(places, places.lease_region))
    asked = {
        region: (
            asking.ask(lambda region=region: _region_items(places, region)),  # type: ignore[misc]
            asking.ask(lambda region=region: _api(witness.result(), region)),  # type: ignore[misc]
            asking.ask(lambda region=region: _alarms(places, region)),  # type: ignore[misc]
        )
        for region in places.data_regions
    }
    there = asking.answer(witness)
    regions = tuple(_region(asking, region, *asked[region]) for region in places.data_regions)
    return Facts(
        suffix=places.suffix,
        home=places.home,
        recovery=places.recovery,
        has_standby=places.has_standby,
        witness=places.lease_region,
        now=time.time(),
        lease=_read(there, _lease),
        lease_now=time.time() if isinstance(there, Unknown) else there.now,
        samples=_read(
            there,
            lambda items: {
                region: tuple(samples_from_item(items.get(PROBE_PREFIX + region)))
                for region in places.data_regions
            },
        ),
        regions=regions,
        witness_alarms=asking.answer(witness_alarms),
        plan=asking.answer(plan),
        # Last: it takes the rest of the time unless the lease moves before.
        lease_moved=_or(asking.answer(moved), False)
        if _needs_second_read(there, *regions)
        else False,
    )


def make_clients(places: Places) -> None:
    """Before the threads: boto3's own session is not made for being used by several."""
    for region in dict.fromkeys((*places.data_regions, places.lease_region)):
        client("dynamodb", region, CALL_SECONDS)
        client("cloudwatch", region, CALL_SECONDS)
    for region in places.data_regions:
        client("stepfunctions", region, CALL_SECONDS)


def _items(region: str, table: str, names: Sequence[str]) -> Items:
    answer = client("dynamodb", region, CALL_SECONDS).batch_get_item(
        RequestItems={
            table: {"Keys": [{"id": {"S": name}} for name in names], "ConsistentRead": True}
        }
    )
    if answer.get("UnprocessedKeys"):
        raise ValueError(f"{table} in {region} is throttled")
    found = {one["id"]["S"]: one for one in answer["Responses"].get(table, [])}
    return Items(found, _date(answer))


def _date(answer: Mapping[str, Any]) -> float:
    """The service's own clock, to the second; ours where it says none."""
    said = answered_at(answer)
    return time.time() if said is None else said


def _witness_items(places: Places) -> Items:
    names = [LEASE_ID]
    for region in places.data_regions:
        names += [REGION_PREFIX + region, PROBE_PREFIX + region]
    if places.witness is not None:
        return _items(places.witness, places.lease_name, names)
    # Each region has a lease of its own; a person moved it to where its epoch is the highest (A21).
    found, errors = [], []
    for region in places.data_regions:
        try:
            found.append(_items(region, places.lease_name, names))
        except Exception as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return max(found, key=_epoch)


def _epoch(items: Items) -> int:
    lease = _lease(items)
    return 0 if lease is None else lease.epoch


def _lease(items: Items) -> Lease | None:
    item = items.get(LEASE_ID)
    return lease_from_item(item) if item else None


def _moves(places: Places, first: Items, asking: Asking) -> bool:
    """Whether `renewals` grows while we look."""
    before = _lease(first)
    while before is not None and asking.left > SECOND_READ_SECONDS:
        time.sleep(SECOND_READ_SECONDS)
        after = _lease(_witness_items(places))
        if after is not None and after.renewals > before.renewals:
            return True
    return False


def _region_items(places: Places, region: str) -> Items:
    names = [KEEPER_REPORT_ID, LAG_REPORT_ID, DECISION_ID, TRAFFIC_ID]
    return _items(region, places.local_name, names)


def _region(
    asking: Asking,
    region: str,
    asked: Future[Items],
    api: Future[int],
    alarms: Future[AlarmFacts],
) -> RegionFacts:
    items = asking.answer(asked)
    return RegionFacts(
        region=region,
        now=time.time() if isinstance(items, Unknown) else items.now,
        keeper=_read(items, lambda one: _body(one.get(KEEPER_REPORT_ID), KeeperReport.from_json)),
        lag=_read(items, lambda one: _body(one.get(LAG_REPORT_ID), LagReport.from_json)),
        decision=_read(items, lambda one: _decision(one.get(DECISION_ID))),
        traffic_epoch=_read(
            items, lambda one: int(one.get(TRAFFIC_ID).get("epoch", {"N": "0"})["N"])
        ),
        api=asking.answer(api),
        alarms=asking.answer(alarms),
    )


def _body(item: Item, read: Callable[[Mapping[str, Any]], Any]) -> Any:
    return read(json.loads(item["body"]["S"])) if item else None


def _decision(item: Item) -> LastDecision | None:
    """`action:reason:epoch`, as `note_decision` writes it."""
    if not item:
        return None
    action, reason, _epoch = item["word"]["S"].split(":")
    at = item.get("decided_at")
    return LastDecision(action=action, reason=reason, at=None if at is None else float(at["N"]))


def _api(witness: Items, region: str) -> int:
    """What the region's public API answers; its address stands in the witness's directory."""
    url = witness.get(REGION_PREFIX + region).get("api_url", {}).get("S", "")
    if not url:
        raise LookupError("the directory does not say where it is")
    return call("GET", f"{url.rstrip('/')}/health", timeout_seconds=CALL_SECONDS).status


def _alarms(places: Places, region: str) -> AlarmFacts:
    cloudwatch = client("cloudwatch", region, CALL_SECONDS)
    ending = f"-{places.suffix}"
    known = cloudwatch.describe_alarms(AlarmNames=[f"{ALARM}{ending}"])["MetricAlarms"]
    # For it no data is a fault: it leaves this state with CloudWatch's first look, within minutes.
    if not known or known[0]["StateValue"] == "INSUFFICIENT_DATA":
        return AlarmFacts(deployed=False)
    firing: list[str] = []
    following: dict[str, str] = {}
    while True:
        page = cloudwatch.describe_alarms(
            StateValue="ALARM", AlarmTypes=["MetricAlarm"], **following
        )
        firing += [one["AlarmName"] for one in page["MetricAlarms"]]
        if not page.get("NextToken"):
            break
        following = {"NextToken": page["NextToken"]}
    ours = (one.removesuffix(ending) for one in firing if one.endswith(ending))
    return AlarmFacts(
        deployed=True, firing=tuple(one for one in ours if not one.startswith("scale-"))
    )


def _plan(places: Places, witness: Items) -> PlanFacts | None:
    """The newest run of the lease's epoch, from its holder's table and state machine."""
    lease = _lease(witness)
    if lease is None or lease.holder == NO_HOLDER:
        return None
    name = f"{PLAN_PREFIX}{lease.epoch}"
    runs = runs_from_item(lease.epoch, _items(lease.holder, places.local_name, [name]).get(name))
    if not runs.run:
        return None
    named = run_name(lease.epoch, runs.run)
    if runs.completed:
        return PlanFacts(name=run_name(lease.epoch, runs.completed), completed=True)
    states = client("stepfunctions", lease.holder, CALL_SECONDS)
    machine = machine_arn(states, places.plan_name)
    arn = f"{machine.replace(':stateMachine:', ':execution:', 1)}:{named}"
    history = states.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=100)
    entered = [one for one in history["events"] if one["type"].endswith("StateEntered")]
    ended = [
        one["type"]
        for one in history["events"]
        if one["type"].startswith("Execution") and one["type"] != "ExecutionStarted"
    ]
    if ended:
        return PlanFacts(name=named, completed=False, status=f"ended: {ended[0]}")
    newest = entered[0] if entered else None
    return PlanFacts(
        name=named,
        completed=False,
        status="running",
        step="" if newest is None else newest["stateEnteredEventDetails"]["name"],
        step_since=None if newest is None else newest["timestamp"].timestamp(),
    )


def _needs_second_read(there: Items | Unknown, *regions: RegionFacts) -> bool:
    """Not when the holder's own keeper proves that it serves: then nobody has to wait for the lease."""
    if isinstance(there, Unknown):
        return False
    reports = [fresh_report(one) for one in regions]
    return not any(report is not None and report.renewed_row for report in reports)


def _read(items: Items | Unknown, read: Callable[[Items], Any]) -> Any:
    """What `read` makes of the items; Unknown for what nobody answered, and for what makes no sense."""
    if isinstance(items, Unknown):
        return items
    try:
        return read(items)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Unknown(f"damaged: {error!r}")


def _or(found: Any, default: Any) -> Any:
    return default if isinstance(found, Unknown) else found
