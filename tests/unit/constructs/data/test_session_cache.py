"""The session cache: home's member with the global datastore, and the member that inherits from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match

from lifeline.data.cache_access import ISessionCache, SessionCacheAttributes
from lifeline.data.session_cache import (
    SecondaryCache,
    SessionCache,
    cache_name,
    hosts_parameter,
    user_name,
)
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

MEMBER = "AWS::ElastiCache::ReplicationGroup"
WORLD = "AWS::ElastiCache::GlobalReplicationGroup"
HOME, AWAY = "ca-central-1", "ca-west-1"


def cache(made: StackUnderTest) -> SessionCache | SecondaryCache:
    """The member that belongs into the stack's region."""
    network = made.network()
    if made.site.is_home:
        return SessionCache(made.stack, "Cache", site=made.site, vpc=network.vpc, keys=made.keys)
    return SecondaryCache(
        made.stack, "Cache", site=made.site, vpc=network.vpc, keys=made.keys, global_id="abc-cache"
    )


def member(made: StackUnderTest) -> dict[str, Any]:
    (found,) = made.resources(MEMBER)
    return dict(found["Properties"])


def test_home_is_encrypted_and_survives_a_zone(make_stack: MakeStack) -> None:
    made = make_stack()
    cache(made)
    made.template().has_resource_properties(
        MEMBER,
        {
            "Engine": "valkey",
            "EngineVersion": "8.2",
            "TransitEncryptionEnabled": True,
            "TransitEncryptionMode": "required",
            "AtRestEncryptionEnabled": True,
            "KmsKeyId": Match.any_value(),
            "MultiAZEnabled": True,
            "AutomaticFailoverEnabled": True,
            "AuthToken": Match.absent(),
            "GlobalReplicationGroupId": Match.absent(),
        },
    )


@pytest.mark.parametrize(("profile", "nodes"), [("dev", 2), ("prod", 3)])
def test_the_profile_says_how_many_nodes(make_stack: MakeStack, profile: str, nodes: int) -> None:
    for region in (HOME, AWAY):
        made = make_stack(region, profile=profile)
        cache(made)
        assert member(made)["NumCacheClusters"] == nodes


def test_the_secondary_names_nothing_that_it_inherits(make_stack: MakeStack) -> None:
    made = make_stack(AWAY)
    cache(made)
    properties = member(made)
    inherited = {
        "Engine",
        "EngineVersion",
        "CacheNodeType",
        "CacheParameterGroupName",
        "NumNodeGroups",
        "AtRestEncryptionEnabled",
        "TransitEncryptionEnabled",
        "TransitEncryptionMode",
        "SnapshotName",
        "AutomaticFailoverEnabled",
        "MultiAZEnabled",
        "ReplicasPerNodeGroup",
    }
    assert not inherited & set(properties)
    assert properties["GlobalReplicationGroupId"] == "abc-cache"
    assert "KmsKeyId" in properties


def test_the_secondary_leaves_the_datastore_before_it_is_deleted(make_stack: MakeStack) -> None:
    """What depends on a resource is deleted before it."""
    made = make_stack(AWAY)
    cache(made)
    template = made.template()
    ((name, _),) = template.find_resources(MEMBER).items()
    (left,) = template.find_resources("Custom::CacheMembership").values()
    assert name in left["DependsOn"]
    assert left["Properties"]["ReplicationGroupId"] == "cache-test"
    assert int(left["Properties"]["ServiceTimeout"]) <= 3_600


def test_the_datastore_is_deleted_before_home_and_made_after_it(make_stack: MakeStack) -> None:
    made = make_stack()
    cache(made)
    template = made.template()
    ((name, _),) = template.find_resources(MEMBER).items()
    (world,) = template.find_resources(WORLD).values()
    (only,) = world["Properties"]["Members"]
    assert only["ReplicationGroupId"] == {"Ref": name}
    assert only["Role"] == "PRIMARY"


def test_every_resource_of_the_service_is_deleted_with_its_stack(make_stack: MakeStack) -> None:
    for region in (HOME, AWAY):
        made = make_stack(region)
        cache(made)
        resources = made.template().to_json()["Resources"].values()
        found = [one for one in resources if one["Type"].startswith("AWS::ElastiCache::")]
        assert len(found) >= 4
        assert {one.get("DeletionPolicy") for one in found} == {"Delete"}
        assert {one.get("UpdateReplacePolicy") for one in found} == {"Delete"}


@pytest.mark.parametrize("region", [HOME, AWAY])
def test_nobody_signs_in_without_iam(make_stack: MakeStack, region: str) -> None:
    made = make_stack(region)
    cache(made)
    template = made.template()
    ((name, user),) = template.find_resources("AWS::ElastiCache::User").items()
    assert user["Properties"]["AuthenticationMode"] == {"Type": "iam"}
    assert user["Properties"]["UserId"] == user["Properties"]["UserName"] == "cache-workload-test"
    assert user["Properties"]["AccessString"].endswith(" -@dangerous +info +ping")
    (group,) = template.find_resources("AWS::ElastiCache::UserGroup").values()
    assert group["Properties"]["UserIds"] == [{"Ref": name}]
    assert len(member_of(template.to_json())["UserGroupIds"]) == 1


def member_of(template: Mapping[str, Any]) -> dict[str, Any]:
    (found,) = [one for one in template["Resources"].values() if one["Type"] == MEMBER]
    return dict(found["Properties"])


def test_connecting_is_allowed_to_a_member_that_is_not_made_yet(make_stack: MakeStack) -> None:
    made = make_stack(AWAY)
    policy = iam.ManagedPolicy(made.stack, "Policy")
    names = SessionCacheAttributes(
        identifier=cache_name(made.site),
        user=user_name(made.site),
        hosts_parameter=hosts_parameter(made.site),
    )
    later: ISessionCache = SessionCache.from_session_cache_attributes(made.stack, "Later", names)
    assert later.grant_connect(policy).success
    (found,) = made.resources("AWS::IAM::ManagedPolicy")
    (statement,) = found["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "elasticache:Connect"
    assert statement["Resource"] == [
        "arn:aws:elasticache:ca-west-1:123456789012:replicationgroup:cache-test",
        "arn:aws:elasticache:ca-west-1:123456789012:user:cache-workload-test",
    ]


def test_metrics_look_at_every_node(make_stack: MakeStack) -> None:
    made = make_stack(AWAY, profile="prod")
    lag = cache(made).metric_replication_lag()
    config = lag.to_metric_config()
    assert config.math_expression is not None
    assert config.math_expression.expression == "MAX([lag1, lag2, lag3])"


def test_a_wrong_side_is_refused(make_stack: MakeStack) -> None:
    away, home = make_stack(AWAY), make_stack()
    with pytest.raises(ValueError, match="ca-west-1 is the recovery region"):
        SessionCache(away.stack, "Cache", site=away.site, vpc=away.network().vpc, keys=away.keys)
    with pytest.raises(ValueError, match="ca-central-1 is home"):
        SecondaryCache(
            home.stack,
            "Cache",
            site=home.site,
            vpc=home.network().vpc,
            keys=home.keys,
            global_id="abc",
        )


@pytest.mark.parametrize("suffix", ["ab", "abcdefghijkl"])
def test_names_fit_the_services_forty_characters(make_stack: MakeStack, suffix: str) -> None:
    made = make_stack(environment_suffix=suffix)
    cache(made)
    assert len(member(made)["ReplicationGroupId"]) <= 40


@pytest.mark.parametrize("region", [HOME, AWAY])
def test_no_finding_is_left(make_stack: MakeStack, region: str) -> None:
    made = make_stack(region, profile="prod", nag=True)
    found = cache(made)
    network = made.stack.node.find_child("Network")
    ClosedDefaultGroup(
        made.stack,
        "Closed",
        site=made.site,
        vpc=network.vpc,  # type: ignore[attr-defined]
        keys=made.keys,
    )
    assert found.host
    assert made.template().find_resources(MEMBER)
