"""From CloudWatch's history to what an alarm said in one run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.stub import ANY, Stubber

from drill.alarms import without_figures
from drill.targets.aws_alarms import alarms_of, seen

START = 1_790_000_000.0


def alarm(name: str, state: str = "OK") -> dict[str, Any]:
    return {
        "AlarmName": name, "StateValue": state, "Period": 60, "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
    }  # fmt: skip


def change(name: str, after_seconds: float, old: str, new: str) -> dict[str, Any]:
    data = {"oldState": {"stateValue": old}, "newState": {"stateValue": new}}
    return {
        "AlarmName": name,
        "Timestamp": datetime.fromtimestamp(START + after_seconds, UTC),
        "HistoryData": json.dumps(data),
    }


def said(state: str, *changes: dict[str, Any]) -> Any:
    return seen(alarm("lag-x", state), changes, region="ca-west-1", suffix="x", start=START)


def test_an_alarm_without_a_change_was_in_its_state_all_the_time() -> None:
    assert said("OK").changes == ((START, "OK"),)
    assert said("ALARM").fired


def test_changes_follow_the_state_before_the_first() -> None:
    one = said("OK", change("lag-x", 60, "OK", "ALARM"), change("lag-x", 120, "ALARM", "OK"))
    assert one.changes == ((START, "OK"), (START + 60, "ALARM"), (START + 120, "OK"))
    assert one.fired
    assert not one.breaching
    assert one.needs_seconds == 120.0


def test_an_alarm_that_nobody_told_anything_has_no_figures() -> None:
    one = said("INSUFFICIENT_DATA")
    assert without_figures([one]) == ["lag (ca-west-1)"]
    told = said("ALARM", change("lag-x", 60, "INSUFFICIENT_DATA", "ALARM"))
    assert told.changes == ((START + 60, "ALARM"),)
    assert without_figures([told]) == []


def test_only_the_environments_own_alarms_count() -> None:
    make: Any = boto3.client
    cloudwatch = make(
        "cloudwatch", region_name="ca-west-1", aws_access_key_id="t", aws_secret_access_key="t"
    )
    with Stubber(cloudwatch) as stub:
        named = [alarm("lag-x"), alarm("lag-prod", "ALARM")]
        stub.add_response("describe_alarms", {"MetricAlarms": named}, {"AlarmTypes": ANY})
        history = [change("lag-prod", 5, "OK", "ALARM"), change("lag-x", 9, "OK", "ALARM")]
        stub.add_response(
            "describe_alarm_history",
            {"AlarmHistoryItems": history},
            {
                "AlarmTypes": ANY, "HistoryItemType": "StateUpdate", "StartDate": ANY,
                "EndDate": ANY, "ScanBy": ANY,
            },
        )  # fmt: skip
        (one,) = alarms_of(cloudwatch, "ca-west-1", "x", START, START + 300)
    assert (one.name, one.changes[-1]) == ("lag", (START + 9, "ALARM"))
