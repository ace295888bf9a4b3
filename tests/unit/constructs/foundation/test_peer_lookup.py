"""Facts of the peer: one lookup a fact, each with the permissions it needs and no others."""

from __future__ import annotations

from typing import Any

from aws_cdk.assertions import Match

from lifeline.foundation.peer_lookup import Fact, PeerLookup
from tests.unit.constructs.conftest import MakeStack, StackUnderTest


def statements(made: StackUnderTest) -> dict[str, Any]:
    policies = made.resources("AWS::IAM::ManagedPolicy")
    return {
        one["Sid"]: one
        for policy in policies
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
    }


def test_a_fact_asked_for_twice_is_looked_up_once(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    facts = PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys)
    assert facts.fact(Fact.LOG_CLUSTER_ARN) == facts.fact(Fact.LOG_CLUSTER_ARN)
    template = made.template()
    template.resource_count_is("Custom::PeerFact", 1)
    template.has_resource(
        "Custom::PeerFact",
        {
            "Properties": {
                "Fact": "log-cluster-arn",
                "Name": "log-test",
                "PeerRegion": "ca-central-1",
                "Parameter": "/lifeline/test/peer/log-cluster-arn",
                "ServiceTimeout": "330",
            },
            "DeletionPolicy": "Delete",
        },
    )


def test_only_facts_asked_for_bring_permissions(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys).fact(Fact.CACHE_GLOBAL_ID)
    said = statements(made)
    assert set(said) == {"WriteLogs", "KeepCacheGlobalId", "FindTheCache"}
    assert said["FindTheCache"]["Resource"] == (
        "arn:aws:elasticache:ca-central-1:123456789012:replicationgroup:cache-test"
    )
    assert said["KeepCacheGlobalId"]["Resource"] == (
        "arn:aws:ssm:ca-west-1:123456789012:parameter/lifeline/test/peer/cache-global-id"
    )


def test_nothing_refers_to_the_peer_but_by_name(make_stack: MakeStack) -> None:
    made = make_stack()
    facts = PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys)
    for fact in Fact:
        facts.fact(fact)
    template = made.template()
    assert not template.to_json().get("Parameters", {}).get("CrossRegion")
    asked = template.find_resources(
        "Custom::PeerFact", {"Properties": Match.object_like({"PeerRegion": "ca-west-1"})}
    )
    assert {one["Properties"]["Fact"] for one in asked.values()} == set(Fact)


def test_the_rule_packs_find_nothing(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1", nag=True)
    facts = PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys)
    for fact in Fact:
        facts.fact(fact)
    made.template()
