"""An account in which everything is as it should be gives no finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lifeline.preflight.assembly import Assembly
from lifeline.preflight.probe import Place, Result, Verdict
from lifeline.preflight.probes import PROBES
from tests.unit.preflight.good_account import HOME, RECOVERY, WITNESS

Preflight = Callable[..., list[Result]]


def test_a_good_account_gives_no_finding(preflight: Preflight) -> None:
    results = preflight()
    assert [one for one in results if one.verdict is not Verdict.OK] == []
    assert {one.probe for one in results} == {probe.id for probe in PROBES}


def test_each_region_is_asked_what_it_gets(preflight: Preflight) -> None:
    asked = {(one.probe, one.region) for one in preflight()}
    assert {("bootstrap", region) for region in (HOME, RECOVERY, WITNESS)} <= asked
    assert ("kafka-version", RECOVERY) in asked
    assert ("kafka-version", WITNESS) not in asked
    assert [region for probe, region in asked if probe == "names-roles"] == [HOME]


def test_an_environment_that_stands_takes_its_own_names(
    preflight: Preflight, prod: Assembly, everywhere: Place
) -> None:
    """`make deploy` updates more often than it creates: what stands is neither taken nor wanted again."""
    names = {one.text("LogGroupName") for one in prod.resources if one.text("LogGroupName")}

    def stands(_region: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": one.logical_id,
                    "ResourceType": one.type,
                    "ResourceStatus": "CREATE_COMPLETE",
                    "LastUpdatedTimestamp": 0,
                }
                for one in prod.resources
                if one.stack == parameters["StackName"]
            ]
        }

    changes = {
        ("cloudformation", "list_stack_resources"): stands,
        ("logs", "describe_log_groups"): lambda _region, _parameters: {
            "logGroups": [{"logGroupName": name} for name in sorted(names)]
        },
        ("lambda", "get_account_settings"): lambda _region, _parameters: {
            "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 100}
        },
    }
    ids = ("names-log-groups", "lambda-concurrency")
    assert {one.verdict for one in preflight(changes, ids=ids)} == {Verdict.OK}
    changes.pop(("cloudformation", "list_stack_resources"))
    alone = preflight(changes, ids=ids, place=replace(everywhere))
    assert Verdict.WRONG in {one.verdict for one in alone}
