"""A region's failover as one construct: what it brings, what each function may do, what it may not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lifeline.failover import RegionStores, ReplicationSource
from lifeline.failover.failover_step import CONCURRENCY
from lifeline.lambdas.failover.further_steps import PlanStep
from tests.unit.constructs.conftest import MakeStack, StackUnderTest
from tests.unit.constructs.failover.failover_parts import region_failover

STATE_HERE = "arn:aws:dynamodb:ca-west-1:123456789012:table/region-state-test"
STATE_THERE = "arn:aws:dynamodb:ca-central-1:123456789012:table/region-state-test"
LEASE = "arn:aws:dynamodb:us-east-2:123456789012:table/lease-test"


def allowed(made: StackUnderTest, function: str) -> dict[str, set[str]]:
    """From an action to the resources that the function's role allows it on, tokens left out."""
    found: dict[str, set[str]] = {}
    template = made.template()
    policies = template.find_resources("AWS::IAM::ManagedPolicy")
    (policy,) = [one for name, one in policies.items() if name.startswith(f"Failover{function}Pol")]
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        for action in _listed(statement["Action"]):
            resources = [one for one in _listed(statement["Resource"]) if isinstance(one, str)]
            found.setdefault(action, set()).update(resources)
    return found


def environment(made: StackUnderTest, name: str) -> dict[str, Any]:
    """The variables of the function of that physical name."""
    functions = made.resources("AWS::Lambda::Function")
    (found,) = [one for one in functions if one["Properties"]["FunctionName"] == name]
    variables: dict[str, Any] = found["Properties"]["Environment"]["Variables"]
    return variables


def test_one_construct_brings_the_whole_failover(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    region_failover(made)
    names = {
        one["Properties"].get("FunctionName") for one in made.resources("AWS::Lambda::Function")
    }
    assert names >= {"keeper-test", "probe-test", "failover-step-test", "lag-meter-test"}
    (machine,) = made.resources("AWS::StepFunctions::StateMachine")
    assert machine["Properties"]["StateMachineName"] == "failover-plan-test"
    (table,) = made.resources("AWS::DynamoDB::Table")
    assert table["Properties"]["TableName"] == "region-state-test"
    rules = {one["Properties"].get("Name") for one in made.resources("AWS::Events::Rule")}
    assert rules >= {"keeper-test", "probe-test", "lag-meter-test"}


def test_a_keeper_holds_the_lease_and_asks_the_peer_for_promises(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    region_failover(made)
    may = allowed(made, "Keeper")
    assert may["dynamodb:UpdateItem"] == {STATE_HERE, STATE_THERE, LEASE}
    # It writes whole items only where it notes decisions and its line of the directory.
    assert may["dynamodb:PutItem"] == {STATE_HERE, LEASE}
    assert may["states:StartExecution"] == {
        "arn:aws:states:ca-west-1:123456789012:stateMachine:failover-plan-test"
    }
    assert may["rds-db:connect"]


YOURS = "arn:aws:lambda:ca-west-1:123456789012:function:promote-search"


def test_the_step_calls_the_functions_of_further_steps_beside_its_own(
    make_stack: MakeStack,
) -> None:
    """Steps of one stage run at the same time: one that is throttled would lose an attempt."""
    made = make_stack("ca-west-1")
    further = PlanStep(
        name="search",
        description="Promotes the search index.",
        function_arn=YOURS,
        beside="await_stores",
        budget_seconds=20,
    )
    region_failover(made, further_steps=[further])
    assert allowed(made, "Step")["lambda:InvokeFunction"] == {YOURS}
    (step,) = [
        one["Properties"]
        for one in made.resources("AWS::Lambda::Function")
        if one["Properties"].get("FunctionName") == "failover-step-test"
    ]
    assert step["ReservedConcurrentExecutions"] == CONCURRENCY + 2
    assert step["VpcConfig"], "the way to Lambda is the private subnets' way out"


def test_the_steps_are_exercised_every_five_minutes(make_stack: MakeStack) -> None:
    """D12, N14: by the same function; a start that failed is not repeated, the next one is due."""
    made = make_stack("ca-west-1")
    region_failover(made)
    (rule,) = [
        one["Properties"]
        for one in made.resources("AWS::Events::Rule")
        if one["Properties"]["Name"] == "failover-step-test"
    ]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    (target,) = rule["Targets"]
    assert json.loads(target["Input"]) == {"step": "exercise", "region": "ca-west-1"}
    steps = [
        name
        for name, one in made.template().to_json()["Resources"].items()
        if one.get("Properties", {}).get("FunctionName") == "failover-step-test"
    ]
    assert target["Arn"] == {"Fn::GetAtt": [steps[0], "Arn"]}
    configured = {
        one["Properties"]["FunctionName"]["Ref"]: one["Properties"]["MaximumRetryAttempts"]
        for one in made.resources("AWS::Lambda::EventInvokeConfig")
    }
    assert configured[steps[0]] == 0


def test_without_a_witness_a_region_has_a_lease_of_its_own(make_stack: MakeStack) -> None:
    """It serves by that, asks the other region's table, and may touch no other lease (A21)."""
    made = make_stack("ca-west-1", witness_region=None)
    region_failover(made)
    names = [one["Properties"]["TableName"] for one in made.resources("AWS::DynamoDB::Table")]
    assert sorted(names) == ["lease-test", "region-state-test"]
    own, other = (
        f"arn:aws:dynamodb:{region}:123456789012:table/{name}-test"
        for region, name in (("ca-west-1", "lease"), ("ca-central-1", "region-state"))
    )
    for function in ("Keeper", "Step"):
        may_write = allowed(made, function)["dynamodb:UpdateItem"]
        assert {own, other} <= may_write
        assert LEASE not in may_write
    told = environment(made, "keeper-test")
    assert (told["WITNESS_REGION"], told["LEASE_TABLE"]) == ("ca-west-1", "lease-test")


def test_with_a_witness_no_region_has_a_lease_of_its_own(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    region_failover(made)
    names = [one["Properties"]["TableName"] for one in made.resources("AWS::DynamoDB::Table")]
    assert names == ["region-state-test"]


def test_an_application_without_markers_is_judged_by_its_heartbeat_row(
    make_stack: MakeStack,
) -> None:
    by_markers, by_heartbeat = make_stack("ca-west-1"), make_stack("ca-west-1")
    region_failover(by_markers)
    region_failover(by_heartbeat, replication_signal=ReplicationSource.HEARTBEAT)
    assert environment(by_markers, "keeper-test")["REPLICATION_SIGNAL"] == "markers"
    assert environment(by_heartbeat, "keeper-test")["REPLICATION_SIGNAL"] == "heartbeat"


@pytest.mark.parametrize(
    "action",
    [
        "elasticache:FailoverGlobalReplicationGroup",
        "elasticfilesystem:DeleteReplicationConfiguration",
        "secretsmanager:StopReplicationToReplica",
    ],
)
def test_a_store_that_is_not_there_brings_no_permission(make_stack: MakeStack, action: str) -> None:
    with_all, with_none = make_stack("ca-west-1"), make_stack("ca-west-1")
    region_failover(with_all)
    region_failover(with_none, RegionStores())
    assert action in allowed(with_all, "Step")
    assert action not in allowed(with_none, "Step")


def test_releasing_files_rests_on_nothing_in_the_other_region(make_stack: MakeStack) -> None:
    """R8: a tag of the source is kept in the region that is lost; no answer would be a denial."""
    made = make_stack("ca-west-1")
    region_failover(made)
    policies = made.template().find_resources("AWS::IAM::ManagedPolicy").values()
    statements = [
        one
        for policy in policies
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if "elasticfilesystem:DeleteReplicationConfiguration" in _listed(one["Action"])
    ]
    assert allowed(made, "Step")["elasticfilesystem:DeleteReplicationConfiguration"] >= {
        "arn:aws:elasticfilesystem:ca-central-1:123456789012:file-system/*"
    }
    assert [one.get("Condition") for one in statements] == [None, None]


def test_no_right_rests_on_a_tag(make_stack: MakeStack) -> None:
    """The same for every right of a recovery function: a tag is an answer of the region it stands in."""
    made = make_stack("ca-west-1")
    region_failover(made)
    assert "ResourceTag" not in json.dumps(made.template().to_json())


def test_a_step_acts_on_the_two_members_of_its_own_global_database(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    region_failover(made)
    assert allowed(made, "Step")["rds:FailoverGlobalCluster"] == {
        "arn:aws:rds::123456789012:global-cluster:global-test",
        "arn:aws:rds:ca-west-1:123456789012:cluster:database-here",
        "arn:aws:rds:ca-central-1:123456789012:cluster:database-there",
    }


def test_the_rule_packs_find_nothing(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1", nag=True)
    region_failover(made)
    made.template()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
