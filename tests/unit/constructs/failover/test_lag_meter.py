"""The lag meter's function: started each minute, told of every store, allowed to read and to beat."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk.assertions import Match

from lifeline.failover.lag_meter import LagMeter
from lifeline.failover.region_parts import RegionStores
from lifeline.failover.tables import RegionStateTable
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.foundation.function import Placement
from tests.unit.constructs.conftest import MakeStack, StackUnderTest
from tests.unit.constructs.failover.failover_parts import database, evidence


def metered(made: StackUnderTest, **stores: Any) -> LagMeter:
    network = made.network()
    ClosedDefaultGroup(made.stack, "DefaultGroup", site=made.site, vpc=network.vpc, keys=made.keys)
    return LagMeter(
        made.stack,
        "LagMeter",
        site=made.site,
        keys=made.keys,
        placement=Placement(vpc=network.vpc, security_groups=[network.database_clients]),
        database=database(made),
        region_state=RegionStateTable(made.stack, "Authority", site=made.site),
        query_api_url="http://query-api",
        stores=RegionStores(**stores),
        evidence=evidence(made),
    )


ALL = {
    "file_system_id": "fs-1",
    "admin_secret": "database-admin-test",
    "cache_group": "cache-test",
    "cache_user": "cache-workload-test",
    "cache_hosts_parameter": "/lifeline/test/cache-hosts",
}


def statements(made: StackUnderTest) -> dict[str, Any]:
    """Of the meter's own policy, by name; those of grants have none and go by a number."""
    found = made.template().find_resources("AWS::IAM::ManagedPolicy")
    (policy,) = [one for name, one in found.items() if name.startswith("LagMeter")]
    said = policy["Properties"]["PolicyDocument"]["Statement"]
    return {one.get("Sid", str(number)): one for number, one in enumerate(said)}


def test_it_is_started_every_minute_and_told_of_every_store(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    metered(made, **ALL)
    template = made.template()
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "FunctionName": "lag-meter-test",
            "Handler": "lifeline.lambdas.lag_meter.handler.handler",
            "Environment": {
                "Variables": Match.object_like(
                    {
                        "PEER_REGION": "ca-central-1",
                        "FILE_SYSTEM_ID": "fs-1",
                        "CACHE_HOSTS_PARAMETER": "/lifeline/test/cache-hosts",
                    }
                )
            },
        },
    )
    template.has_resource_properties(
        "AWS::Events::Rule",
        {"Name": "lag-meter-test", "ScheduleExpression": "rate(1 minute)"},
    )


def test_it_may_touch_nothing_but_the_secrets_tags_and_its_report(make_stack: MakeStack) -> None:
    made = make_stack()
    metered(made, **ALL)
    said = statements(made)
    acts = {action for one in said.values() for action in _actions(one)}
    reads = ("Describe", "Get", "List", "Connect", "connect", "Decrypt")
    writes = {one for one in acts if not one.split(":")[1].startswith(reads)}
    network = {one for one in writes if one.startswith("ec2:")}
    logs = {one for one in writes if one.startswith("logs:")}
    assert writes - network - logs == {"secretsmanager:TagResource", "dynamodb:PutItem"}
    assert said["BeatInTheSecretsTags"]["Resource"] == (
        "arn:aws:secretsmanager:ca-central-1:123456789012:secret:database-admin-test-??????"
    )


def test_it_reads_whether_a_recovery_completed(make_stack: MakeStack) -> None:
    made = make_stack()
    metered(made)
    (read,) = [
        one
        for one in statements(made).values()
        if _actions(one) == ["s3:GetObject"] and "recover-e*.json" in json.dumps(one["Resource"])
    ]
    assert read["Effect"] == "Allow"


@pytest.mark.parametrize("store", ["AskForTheLastSync", "BeatInTheSecretsTags", "SignInToTheCache"])
def test_a_store_that_is_not_there_brings_no_permission(make_stack: MakeStack, store: str) -> None:
    made = make_stack()
    metered(made)
    assert store not in statements(made)


def test_the_rule_packs_find_nothing(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1", nag=True)
    metered(made, **ALL)
    made.template()


def _actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else list(action)
