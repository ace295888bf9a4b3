"""Alarms tell nobody before the activation, and everybody from then on, whatever is deployed later."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lifeline.cli import places as cli_places
from lifeline.cli.alarm_switch import switch_on
from lifeline.cli.failure import Refused
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.waiting import Deadline
from lifeline.lambdas.adapters import aws
from lifeline.naming import ALARM_ACTIONS as PARAMETER
from lifeline.naming import OFF, ON
from tests.support.clocks import ManualClock

REGION = "ca-west-1"
STACK = "observability-caw1-t"
THERE = Places("t", home="ca-central-1", recovery=REGION, witness="us-east-2")


class CloudFormation:
    """One stack of one alarm, whose actions follow the parameter, as the service keeps it.

    `UsePreviousValue` keeps a value; a parameter that is not named gets the template's default (UpdateStack).
    """

    def __init__(self, cloudwatch: Any, said: str | None) -> None:
        self._cloudwatch, self.said, self.status = cloudwatch, said, "CREATE_COMPLETE"
        self.updates, self.looks = 0, 0
        self._put()

    def _put(self) -> None:
        self._cloudwatch.put_metric_alarm(
            AlarmName="lag-t",
            ActionsEnabled=self.said != OFF,
            AlarmActions=["arn:aws:sns:ca-west-1:123456789012:page-t"],
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            MetricName="Lag",
            Namespace="Lifeline",
            Period=60,
            Statistic="Maximum",
            Threshold=1,
        )

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        assert StackName == STACK
        self.looks += 1
        if self.status == "UPDATE_IN_PROGRESS" and self.looks > 3:
            self.status = "UPDATE_COMPLETE"
        known = [{"ParameterKey": "BootstrapVersion", "ParameterValue": "/cdk-bootstrap/version"}]
        own = [{"ParameterKey": PARAMETER, "ParameterValue": self.said}] if self.said else []
        stack = {"StackName": STACK, "StackStatus": self.status, "Parameters": [*known, *own]}
        return {"Stacks": [stack]}

    def update_stack(self, **given: Any) -> None:
        assert given["UsePreviousTemplate"] is True, (
            "no template of this machine replaces the deployed one"
        )
        values = {one.pop("ParameterKey"): one for one in given["Parameters"]}
        assert values.pop("BootstrapVersion") == {"UsePreviousValue": True}
        self.said = values[PARAMETER]["ParameterValue"]
        self.updates, self.status = self.updates + 1, "UPDATE_IN_PROGRESS"
        self._put()

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_stack_resources"
        kinds = (("AWS::CloudWatch::Alarm", "lag-t"), ("AWS::CloudWatch::Dashboard", "board"))
        found = [{"ResourceType": kind, "PhysicalResourceId": name} for kind, name in kinds]
        return SimpleNamespace(paginate=lambda **_: [{"StackResourceSummaries": found}])


class Region:
    """One region's alarms."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, said: str | None) -> None:
        make: Any = boto3.client
        self.cloudwatch = make("cloudwatch", region_name=REGION)
        self.stack = CloudFormation(self.cloudwatch, said)
        parts = {"cloudformation": self.stack, "cloudwatch": self.cloudwatch}
        monkeypatch.setattr(cli_places, "client", lambda service, *_: parts[service])

    @property
    def alarm(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cloudwatch.describe_alarms()["MetricAlarms"][0]
        return found

    def fire(self) -> None:
        self.cloudwatch.set_alarm_state(AlarmName="lag-t", StateValue="ALARM", StateReason="test")


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    aws.client.cache_clear()
    with mock_aws():
        yield
    aws.client.cache_clear()


def switch() -> None:
    clock = ManualClock()
    switch_on(THERE, REGION, Deadline(clock, 60, Output(), after=""), Output())


def test_a_quiet_region_is_switched_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    region = Region(monkeypatch, OFF)
    assert region.alarm["ActionsEnabled"] is False
    switch()
    assert region.alarm["ActionsEnabled"] is True
    assert region.stack.status == "UPDATE_COMPLETE", "it is waited for"
    assert f"the alarms of {REGION} are on" in capsys.readouterr().out


def test_an_alarm_that_fired_in_silence_is_evaluated_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a change of its state pages: without this it would stay ALARM, and nobody would know."""
    region = Region(monkeypatch, OFF)
    region.fire()
    switch()
    assert region.alarm["StateValue"] == "INSUFFICIENT_DATA"


def test_interrupted_after_the_switch_it_still_evaluates_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    region = Region(monkeypatch, ON)
    region.fire()
    switch()
    assert region.alarm["StateValue"] == "INSUFFICIENT_DATA"


@pytest.mark.parametrize("said", [ON, None])
def test_alarms_that_are_on_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    region = Region(monkeypatch, said)
    switch()
    assert region.stack.updates == 0
    assert region.alarm["ActionsEnabled"] is True


def test_an_update_that_was_rolled_back_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    region = Region(monkeypatch, OFF)

    def refuse(**_given: Any) -> None:
        region.stack.status = "UPDATE_ROLLBACK_COMPLETE"

    monkeypatch.setattr(region.stack, "update_stack", refuse)
    with pytest.raises(
        Refused, match=f"The alarms of {REGION} are still off.*describe-stack-events"
    ):
        switch()
