"""The small constructs of a recovery: the tables, the loops, the plan's state machine, a provider."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lifeline.failover import FailoverPlan, LeaseTable, MinuteLoop, Probe, RegionStateTable
from lifeline.foundation import Function, Provisioner, Size
from lifeline.lambdas.failover.further_steps import PlanStep
from lifeline.lambdas.failover.plan import PLAN
from tests.unit.constructs.conftest import MakeStack, StackUnderTest


def function(made: StackUnderTest, package: str) -> Function:
    """A function of the shared asset that runs in no network."""
    return Function(
        made.stack,
        "Function",
        site=made.site,
        package=package,
        description="Something",
        environment={},
        size=Size(memory_mib=256, timeout_seconds=30, concurrency=2),
        keys=made.keys,
    )


WITNESS = "us-east-2"


@pytest.mark.parametrize(
    ("region", "table", "name", "expires"),
    [
        ("ca-central-1", RegionStateTable, "region-state-test", True),
        (WITNESS, LeaseTable, "lease-test", False),
    ],
)
def test_a_table_of_the_protocol_forgets_only_what_may_expire(
    make_stack: MakeStack,
    region: str,
    table: type[LeaseTable] | type[RegionStateTable],
    name: str,
    expires: bool,
) -> None:
    made = make_stack(region)
    assert table(made.stack, "Table", site=made.site).table_name == name
    (found,) = made.resources("AWS::DynamoDB::Table")
    assert found["DeletionPolicy"] == "Delete"
    properties = found["Properties"]
    assert properties["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert ("TimeToLiveSpecification" in properties) is expires
    # The lease must not hang on a key of ours that a disaster takes away.
    assert "KMSMasterKeyId" not in properties.get("SSESpecification", {})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "cannot be in ca-central-1; allowed is the witness region us-east-2."),
    ],
)
def test_a_lease_table_in_a_region_that_it_judges_is_refused(
    make_stack: MakeStack, settings: dict[str, Any], words: str
) -> None:
    made = make_stack(**settings)
    with pytest.raises(ValueError, match=re.escape(words)):
        LeaseTable(made.stack, "Lease", site=made.site)


def test_a_loop_starts_each_minute_and_repeats_no_start(make_stack: MakeStack) -> None:
    """Rule A7."""
    made = make_stack()
    MinuteLoop(
        made.stack, "Loop", site=made.site, function=function(made, "keeper"), rule_name="keeper"
    )
    template = made.template()
    (rule,) = template.find_resources("AWS::Events::Rule").values()
    assert rule["Properties"]["Name"] == "keeper-test"
    assert rule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    (target,) = rule["Properties"]["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    (config,) = template.find_resources("AWS::Lambda::EventInvokeConfig").values()
    assert config["Properties"]["MaximumRetryAttempts"] == 0


def test_the_plan_calls_its_one_function_for_every_step(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    step = function(made, "failover_step")
    plan = FailoverPlan(made.stack, "Plan", site=made.site, step=step, keys=made.keys)
    assert plan.state_machine_arn.endswith(":stateMachine:failover-plan-test")
    (machine,) = made.resources("AWS::StepFunctions::StateMachine")
    properties = machine["Properties"]
    assert properties["LoggingConfiguration"]["Level"] == "ALL"
    text = json.dumps(properties["DefinitionString"])
    for each in PLAN:
        assert each.name in text
    assert text.count("lambda:invoke") >= len(PLAN)


def test_the_plan_may_call_that_function_and_no_other(make_stack: MakeStack) -> None:
    made = make_stack()
    step = function(made, "failover_step")
    FailoverPlan(made.stack, "Plan", site=made.site, step=step, keys=made.keys)
    statements = [
        statement
        for policy in made.resources("AWS::IAM::ManagedPolicy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "lambda:InvokeFunction"
    ]
    (allowed,) = statements
    assert "Fn::GetAtt" in allowed["Resource"]


YOURS = "arn:aws:lambda:ca-west-1:123456789012:function:promote-search"


def further(**given: Any) -> PlanStep:
    """A step of the user's own."""
    return PlanStep(
        **{
            "name": "search",
            "description": "Promotes the search index.",
            "function_arn": YOURS,
            "after": "open_database",
            "budget_seconds": 20,
            "attempts": 1,
            **given,
        }
    )


def test_a_step_of_the_users_own_is_called_budgeted_and_in_the_runbook(
    make_stack: MakeStack,
) -> None:
    made = make_stack("ca-west-1")
    step = function(made, "failover_step")
    plan = FailoverPlan(
        made.stack, "Plan", site=made.site, step=step, keys=made.keys, further_steps=[further()]
    )
    assert plan.budget_seconds == 275 + 20
    assert "`search` | Promotes the search index. | 20 |" in plan.runbook
    (machine,) = made.resources("AWS::StepFunctions::StateMachine")
    assert machine["Metadata"]["LifelineRtoBudgetSeconds"] == 295
    assert YOURS in json.dumps(machine["Properties"]["DefinitionString"])
    allowed = {
        statement["Sid"]: statement["Resource"]
        for policy in made.resources("AWS::IAM::ManagedPolicy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "lambda:InvokeFunction"
    }
    assert allowed["CallFurtherSteps"] == YOURS, "the step's function calls it"
    assert "Fn::GetAtt" in allowed["CallSteps"], "the state machine calls the step's alone"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (further(budget_seconds=26), "add up to 301 s, above the RTO of 300 s (tier CRITICAL)"),
        (further(after="start_promotion"), "between the accepted promotion and the wait"),
    ],
)
def test_a_step_that_the_plan_cannot_have_is_refused_at_synth(
    make_stack: MakeStack, step: PlanStep, words: str
) -> None:
    made = make_stack("ca-west-1")
    with pytest.raises(ValueError, match=re.escape(words)):
        FailoverPlan(
            made.stack,
            "Plan",
            site=made.site,
            step=function(made, "failover_step"),
            keys=made.keys,
            further_steps=[step],
        )


def test_a_probe_writes_where_it_is_told(make_stack: MakeStack) -> None:
    made = make_stack()
    results = RegionStateTable(made.stack, "Table", site=made.site).reference
    Probe(
        made.stack,
        "Probe",
        site=made.site,
        regions=[made.site.peer.region],
        results=results,
        keys=made.keys,
    )
    (found,) = made.resources("AWS::Lambda::Function")
    variables = found["Properties"]["Environment"]["Variables"]
    assert variables["RESULTS_TABLE"] == "region-state-test"
    assert json.loads(variables["PROBE_REGIONS"]) == ["ca-west-1"]


def test_what_a_provider_makes_has_a_deadline_and_outlives_no_permission(
    make_stack: MakeStack,
) -> None:
    made = make_stack()
    provider = Provisioner(
        made.stack,
        "Provider",
        site=made.site,
        package="stream_incarnation",
        description="Looks something up",
        keys=made.keys,
    )
    provider.resource("Fact", resource_type="Fact", properties={"Of": "this"})
    (found,) = made.resources("Custom::Fact")
    assert found["DeletionPolicy"] == "Delete"
    assert int(found["Properties"]["ServiceTimeout"]) == 330
    assert any("Policy" in one for one in found["DependsOn"])


def test_no_rule_finds_anything(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    step = function(made, "failover_step")
    step.without_dead_letters("Called by the state machine only.")
    FailoverPlan(made.stack, "Plan", site=made.site, step=step, keys=made.keys)
    RegionStateTable(made.stack, "Table", site=made.site)
    made.template()
