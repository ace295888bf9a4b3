"""Whether the alarms of an environment tell anybody: a parameter of each region's Observability stack.

CloudFormation keeps the parameter's value from deploy to deploy and through a rollback, so no deploy switches
alarms off; `make deploy` says `false` only for a stack that it makes anew before the first activation.
"""

from __future__ import annotations

from typing import Any

from lifeline.cli.calls import reading, writing
from lifeline.cli.failure import Refused
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.waiting import Deadline
from lifeline.naming import ALARM_ACTIONS as PARAMETER
from lifeline.naming import OFF, ON

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
NAMES_A_CALL = 100
"""Source: CloudWatch API Reference, DescribeAlarms."""
DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
CLEANING_UP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"


def switch_on(places: Places, region: str, deadline: Deadline, output: Output) -> None:
    """The alarms of `region` tell people from now on, those that fire already, too. Safe to run again."""
    cloudformation, name = places.cloudformation(region), places.alarms_stack(region)
    with reading(f"{region}: the stack {name}"):
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    if _said(stack) == OFF:
        _update(cloudformation, stack, f"lifeline activate --suffix {places.suffix}")
        deadline.until(f"the alarms of {region}", lambda: _not_on(cloudformation, name, region))
    elif _said(stack) is None:
        output.note(f"alarms: {region}: {name} has no parameter {PARAMETER}; its alarms are on.")
    again = _evaluate_anew(cloudformation, places.cloudwatch(region), name)
    fired = f"; {again} that fire now page again" if again else ""
    output.say(f"activate: the alarms of {region} are on{fired}.")


def _said(stack: dict[str, Any]) -> str | None:
    values = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
    return values.get(PARAMETER)


def _update(cloudformation: Any, stack: dict[str, Any], look: str) -> None:
    kept = [
        {"ParameterKey": one["ParameterKey"], "UsePreviousValue": True}
        for one in stack["Parameters"]
        if one["ParameterKey"] != PARAMETER
    ]
    with writing(f"The parameter {PARAMETER} of {stack['StackName']}", look):
        cloudformation.update_stack(
            StackName=stack["StackName"],
            UsePreviousTemplate=True,
            Parameters=[*kept, {"ParameterKey": PARAMETER, "ParameterValue": ON}],
            Capabilities=CAPABILITIES,
        )


def _not_on(cloudformation: Any, name: str, region: str) -> str:
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    status = str(stack["StackStatus"])
    if status in DONE and _said(stack) != ON:
        raise Refused(
            f"The alarms of {region} are still off: {name} is {status}. "
            f"`aws cloudformation describe-stack-events --region {region} --stack-name {name}` tells why."
        )
    return "" if status in DONE or status == CLEANING_UP else f"{name} is {status}"


def _evaluate_anew(cloudformation: Any, cloudwatch: Any, name: str) -> int:
    """An alarm that was ALARM before its actions were on tells nobody: only a change of state does.

    So it is set to INSUFFICIENT_DATA, and CloudWatch finds its real state again within a minute. Source:
    CloudWatch API Reference, EnableAlarmActions and SetAlarmState.
    """
    with reading(f"The alarms of {name}"):
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        names = [
            one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
            if one["ResourceType"] == "AWS::CloudWatch::Alarm" and one.get("PhysicalResourceId")
        ]
        fires = [
            str(one["AlarmName"])
            for first in range(0, len(names), NAMES_A_CALL)
            for one in cloudwatch.describe_alarms(
                AlarmNames=names[first : first + NAMES_A_CALL], StateValue="ALARM"
            )["MetricAlarms"]
        ]
    for alarm in fires:
        with writing(f"The state of {alarm}", "the same command, run again"):
            cloudwatch.set_alarm_state(
                AlarmName=alarm,
                StateValue="INSUFFICIENT_DATA",
                StateReason="lifeline activate: evaluated anew, now that its actions are on",
            )
    return len(fires)
