"""Which epochs were ever started in a region, for `lifeline authority init` (A10, A17).

After an environment was destroyed and made again its databases know no epoch, but the names of the old
plan's executions stay used up for 90 days; and a lease that was lost alone leaves traces in the regions'
tables. What Step Functions lists and the tables hold is asked for; what neither shows is not known here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lifeline.lambdas.adapters.region_state_table import (
    DECISION_ID,
    DECISION_PREFIX,
    MEMORY_ID,
    PLAN_PREFIX,
    PROMISE_ID,
    TRAFFIC_ID,
)

PAGE = 1000
"""Executions a page, at most (Step Functions, ListExecutions)."""
_NAME = re.compile(r"recover-e(\d+)(-r\d+)?")


def of_state_table(dynamodb: Any, table: str) -> int:
    """The highest epoch in any item of a region's table; 0 for none. Raises what DynamoDB raises."""
    return max((_of_item(item) for item in _items(dynamodb, table)), default=0)


def of_executions(states: Any, plan: str) -> int:
    """The highest epoch in the name of any execution that the service still lists; 0 for none.

    Raises LookupError when there is no state machine of that name, and what the service raises.
    """
    names = (_NAME.fullmatch(one) for one in _executions(states, machine_arn(states, plan)))
    return max((int(found[1]) for found in names if found), default=0)


def _items(dynamodb: Any, table: str) -> Iterator[Mapping[str, Any]]:
    following: dict[str, Any] = {}
    while True:
        page = dynamodb.scan(TableName=table, ConsistentRead=True, **following)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        following = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _of_item(item: Mapping[str, Any]) -> int:
    name = str(item["id"]["S"])
    if name.startswith(PLAN_PREFIX):
        return int(name.removeprefix(PLAN_PREFIX))
    if name.startswith(DECISION_PREFIX):
        return int(item.get("epoch", {}).get("S") or 0)
    if name == DECISION_ID:
        # `action:reason:epoch`; it does not expire, as the decisions do.
        return _whole(item.get("word", {}).get("S", "").rpartition(":")[2])
    if name == MEMORY_ID:
        seen = json.loads(item.get("body", {}).get("S") or "{}").get("seen") or [0]
        return int(seen[0])
    numbers = {PROMISE_ID: ("promoting", "released_epoch"), TRAFFIC_ID: ("epoch",)}.get(name, ())
    return max((int(item.get(key, {}).get("N", 0)) for key in numbers), default=0)


def _whole(text: str) -> int:
    return int(text) if text.isdigit() else 0


def machine_arn(states: Any, plan: str) -> str:
    """The ARN of the state machine of that name. Raises LookupError when there is none."""
    following: dict[str, Any] = {}
    while True:
        page = states.list_state_machines(maxResults=PAGE, **following)
        for one in page["stateMachines"]:
            if one["name"] == plan:
                return str(one["stateMachineArn"])
        if not page.get("nextToken"):
            raise LookupError(f"there is no state machine {plan}")
        following = {"nextToken": page["nextToken"]}


def _executions(states: Any, machine: str) -> Iterator[str]:
    following: dict[str, Any] = {}
    while True:
        page = states.list_executions(stateMachineArn=machine, maxResults=PAGE, **following)
        yield from (str(one["name"]) for one in page["executions"])
        if not page.get("nextToken"):
            return
        following = {"nextToken": page["nextToken"]}
