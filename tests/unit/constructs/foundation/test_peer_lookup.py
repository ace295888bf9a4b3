"""Attributes of the peer: one lookup an attribute, each with the permissions it needs and no others."""

from __future__ import annotations

from typing import Any

from aws_cdk.assertions import Match

from lifeline.foundation.peer_lookup import PeerAttribute, PeerLookup
from tests.unit.constructs.conftest import MakeStack, StackUnderTest


def statements(made: StackUnderTest) -> dict[str, Any]:
    policies = made.resources("AWS::IAM::ManagedPolicy")
    return {
        one["Sid"]: one
        for policy in policies
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
    }


def test_an_attribute_asked_for_twice_is_looked_up_once(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    lookup = PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys)
    assert lookup.attribute(PeerAttribute.LOG_CLUSTER_ARN) == lookup.attribute(
        PeerAttribute.LOG_CLUSTER_ARN
    )
    template = made.template()
    template.resource_count_is("Custom::PeerAttribute", 1)
    template.has_resource(
        "Custom::PeerAttribute",
        {
            "Properties": {
                "Attribute": "log-cluster-arn",
                "Name": "log-test",
                "PeerRegion": "ca-central-1",
                "Parameter": "/lifeline/test/peer/log-cluster-arn",
                "ServiceTimeout": "330",
            },
            "DeletionPolicy": "Delete",
        },
    )


def test_only_attributes_asked_for_bring_permissions(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys).attribute(
        PeerAttribute.CACHE_GLOBAL_ID
    )
    said = statements(made)
    assert set(said) == {"WriteLogs", "KeepCacheGlobalId", "FindTheCache"}
    assert said["FindTheCache"]["Resource"] == (
        "arn:aws:elasticache:ca-central-1:123456789012:replicationgroup:cache-test"
    )
    assert said["KeepCacheGlobalId"]["Resource"] == (
        "arn:aws:ssm:ca-west-1:123456789012:parameter/lifeline/test/peer/cache-global-id"
    )


def test_the_database_is_asked_for_by_the_name_that_it_has_in_its_region(
    make_stack: MakeStack,
) -> None:
    made = make_stack("ca-west-1")
    PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys).attribute(
        PeerAttribute.DATABASE_RESOURCE_ID
    )
    asked = made.resources("Custom::PeerAttribute")[0]["Properties"]
    assert asked["Name"] == "database-cac1-test"
    assert statements(made)["FindTheDatabase"]["Resource"] == (
        "arn:aws:rds:ca-central-1:123456789012:cluster:database-cac1-test"
    )


def test_nothing_refers_to_the_peer_but_by_name(make_stack: MakeStack) -> None:
    made = make_stack()
    lookup = PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys)
    for attribute in PeerAttribute:
        lookup.attribute(attribute)
    template = made.template()
    assert not template.to_json().get("Parameters", {}).get("CrossRegion")
    asked = template.find_resources(
        "Custom::PeerAttribute", {"Properties": Match.object_like({"PeerRegion": "ca-west-1"})}
    )
    assert {one["Properties"]["Attribute"] for one in asked.values()} == set(PeerAttribute)


def test_the_rule_packs_find_nothing(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1", nag=True)
    lookup = PeerLookup(made.stack, "PeerLookup", site=made.site, keys=made.keys)
    for attribute in PeerAttribute:
        lookup.attribute(attribute)
    made.template()
