"""What CloudWatch's alarms of a region said between two moments, from their own history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from drill.targets import ALARM, AlarmSeen

OK = "OK"
STATES = (OK, ALARM)
"""INSUFFICIENT_DATA is neither: it says that nobody told a figure."""


def alarms_of(
    cloudwatch: Any, region: str, suffix: str, start: float, end: float
) -> list[AlarmSeen]:
    """The region's alarms of the environment; names without the suffix. Raises botocore's errors."""
    described = [
        one
        for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        for one in page["MetricAlarms"]
        if one["AlarmName"].endswith(f"-{suffix}")
    ]
    items = [
        one
        for page in cloudwatch.get_paginator("describe_alarm_history").paginate(
            AlarmTypes=["MetricAlarm"],
            HistoryItemType="StateUpdate",
            StartDate=datetime.fromtimestamp(start, UTC),
            EndDate=datetime.fromtimestamp(end, UTC),
            ScanBy="TimestampAscending",
        )
        for one in page["AlarmHistoryItems"]
    ]
    return [
        seen(one, [item for item in items if item["AlarmName"] == one["AlarmName"]], region=region,
             suffix=suffix, start=start)
        for one in described
    ]  # fmt: skip


def seen(
    alarm: Mapping[str, Any],
    history: Iterable[Mapping[str, Any]],
    *,
    region: str,
    suffix: str,
    start: float,
) -> AlarmSeen:
    """One alarm. `history`: its changes since `start`, oldest first; without any it is in its state."""
    moves = [(one["Timestamp"].timestamp(), *_states(one)) for one in history]
    first = moves[0][1] if moves else str(alarm["StateValue"])
    told = [(start, first), *((at, after) for at, _before, after in moves)]
    figures = sum(1 for _at, state in told if state in STATES)
    changes = tuple((at, state) for at, state in told if state in STATES)
    periods = int(alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods") or 1)
    return AlarmSeen(
        name=str(alarm["AlarmName"]).removesuffix(f"-{suffix}"),
        region=region,
        # An alarm that nobody told anything is judged all the same: its silence shows nothing.
        changes=changes or ((start, OK),),
        breaching=told[-1][1] == ALARM,
        figures=figures,
        needs_seconds=float(alarm.get("Period") or 60) * periods,
    )


def _states(item: Mapping[str, Any]) -> tuple[str, str]:
    data = json.loads(item["HistoryData"])
    return data["oldState"]["stateValue"], data["newState"]["stateValue"]
