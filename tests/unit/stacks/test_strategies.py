"""A strategy is a setting: the dev profile with each is synthesized whole, clean and proved."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from lifeline.compliance.nag_rows import CRITICALITY, Row, Status, rows_of
from lifeline.compliance.reach.assembly import world_of
from lifeline.compliance.reach.ledger import ledger_of
from lifeline.settings import Settings
from lifeline.strategy import Strategy
from lifeline.tiers import RecoveryTier
from scripts.iam_evaluator import evaluate
from tests.conftest import Assembly

pytestmark = [pytest.mark.synth, pytest.mark.slow]
REGIONS = ("cac1", "caw1")
PILOT_LIGHT = Settings(
    environment_suffix="test", strategy=Strategy.PILOT_LIGHT, tier=RecoveryTier.IMPORTANT
)


@pytest.fixture(scope="module")
def pilot_light(assembly_of: Callable[..., Assembly]) -> Assembly:
    return assembly_of("dev", "test", "strategy=pilot-light", "tier=IMPORTANT", "nag=true")


def services(assembly: Assembly, code: str) -> dict[str, dict[str, Any]]:
    found = assembly.resources(f"Application-{code}", "AWS::ECS::Service")
    return {str(one["Properties"]["ServiceName"]): one["Properties"] for one in found}


@pytest.mark.parametrize("code", REGIONS)
def test_nobody_but_the_plan_counts_the_tasks_that_rest(pilot_light: Assembly, code: str) -> None:
    """A count in the template would be set by each deploy, also where the region became active."""
    found = services(pilot_light, code)
    assert "DesiredCount" not in found["event-applier-test"]
    assert "DesiredCount" not in found["query-api-test"]
    (target,) = pilot_light.resources(
        f"Application-{code}", "AWS::ApplicationAutoScaling::ScalableTarget"
    )
    assert target["Properties"]["MinCapacity"] == 0


@pytest.mark.parametrize("code", REGIONS)
def test_markers_and_watermark_run_in_both_regions(pilot_light: Assembly, code: str) -> None:
    """B12: the program is the query API's; health and watermark of the API lead to it."""
    found = services(pilot_light, code)
    assert found["watermark-test"]["DesiredCount"] == 1
    groups = {
        name: len(one["LoadBalancers"]) for name, one in found.items() if "LoadBalancers" in one
    }
    assert groups == {"watermark-test": 2, "query-api-test": 1}
    methods = pilot_light.resources(f"Application-{code}", "AWS::ApiGateway::Method")
    uris = json.dumps([one["Properties"]["Integration"].get("Uri", "") for one in methods])
    assert set(re.findall(r":(844\d/[a-z0-9/]+)", uris)) == {
        "8443/health",
        "8443/v1/watermark",
        "8444/v1/events/",
        "8444/v1/patients/",
    }


@pytest.mark.parametrize("code", REGIONS)
def test_an_empty_target_group_takes_no_zone_from_health(pilot_light: Assembly, code: str) -> None:
    groups = pilot_light.resources(
        f"Application-{code}", "AWS::ElasticLoadBalancingV2::TargetGroup"
    )
    off = {
        "Key": "target_group_health.dns_failover.minimum_healthy_targets.count",
        "Value": "off",
    }
    found = [
        one["Properties"]["Name"]
        for one in groups
        if off in one["Properties"]["TargetGroupAttributes"]
    ]
    assert found == ["query-api-events-test"]


@pytest.mark.parametrize("code", REGIONS)
def test_the_plan_the_keeper_and_the_report_say_the_longer_time(
    pilot_light: Assembly, code: str
) -> None:
    (machine,) = pilot_light.resources(f"Failover-{code}", "AWS::StepFunctions::StateMachine")
    assert machine["Metadata"]["LifelineRtoBudgetSeconds"] == 335
    assert "await_capacity" in json.dumps(machine["Properties"]["DefinitionString"])
    told = [
        one["Properties"]["Environment"]["Variables"].get("PLAN_BUDGET_SECONDS")
        for one in pilot_light.resources(f"Failover-{code}", "AWS::Lambda::Function")
        if "Environment" in one["Properties"]
    ]
    assert [one for one in told if one] == ["335"]


def test_no_finding_is_left(pilot_light: Assembly) -> None:
    rows = rows_of(pilot_light.folder, PILOT_LIGHT)
    left = [one for one in rows if one.status is Status.FINDING]
    assert not left, left[:5]
    assert "335 s" in reason_of(rows)
    assert "pilot-light" in reason_of(rows)


def reason_of(rows: list[Row]) -> str:
    """What the report says of the promise to recover."""
    (row,) = [one for one in rows if one.control == CRITICALITY and one.rule == "RecoveryTier"]
    return row.reason


def test_every_call_has_a_route_and_a_right(pilot_light: Assembly) -> None:
    ledger = ledger_of(world_of(pilot_light.folder), evaluate)
    assert not ledger.failures, "\n".join(ledger.failures)
    tasks = {one.row.caller.token for one in ledger.entries if one.row.caller.reader == "query_api"}
    assert len(tasks) == 4  # the query API's and the watermark's, in each region
