"""The member of the global database: what both regions have alike, and what only creation tells apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match

from lifeline.data.backups import Backups
from lifeline.data.global_database import GlobalDatabase
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.tiers import RecoveryTier
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

CLUSTER = "AWS::RDS::DBCluster"


def database(made: StackUnderTest) -> GlobalDatabase:
    return GlobalDatabase(
        made.stack, "Database", site=made.site, vpc=made.network().vpc, keys=made.keys
    )


def cluster(made: StackUnderTest) -> dict[str, Any]:
    (found,) = made.resources(CLUSTER)
    return dict(found["Properties"])


def test_home_creates_the_global_cluster_and_the_admin(make_stack: MakeStack) -> None:
    made = make_stack()
    database(made)
    template = made.template()
    template.has_resource(
        "AWS::RDS::GlobalCluster",
        {"Properties": {"GlobalClusterIdentifier": "global-test"}, "DeletionPolicy": "Delete"},
    )
    template.has_resource_properties(
        CLUSTER, {"MasterUsername": "lifeline_admin", "DatabaseName": "lifeline"}
    )


def test_the_recovery_member_joins_without_an_admin(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    database(made)
    template = made.template()
    template.resource_count_is("AWS::RDS::GlobalCluster", 0)
    template.has_resource_properties(
        CLUSTER,
        {
            "GlobalClusterIdentifier": "global-test",
            "MasterUsername": Match.absent(),
            "MasterUserPassword": Match.absent(),
            "DatabaseName": Match.absent(),
        },
    )


def test_the_members_differ_in_facts_of_creation_only(make_stack: MakeStack) -> None:
    """Roles swap at run time: nothing else may tell the two apart, or a deploy would undo a failover."""
    both = []
    for region in ("ca-central-1", "ca-west-1"):
        made = make_stack(region, profile="prod")
        database(made)
        both.append(cluster(made))
    home, recovery = both
    different = {key for key in home if home[key] != recovery.get(key)}
    assert different == {
        "DBClusterIdentifier",
        "MasterUsername",
        "MasterUserPassword",
        "DatabaseName",
    }
    assert set(recovery) <= set(home)


def test_the_servers_stand_in_isolated_subnets(make_stack: MakeStack) -> None:
    made = make_stack()
    database(made)
    (group,) = made.resources("AWS::RDS::DBSubnetGroup")
    chosen = [one["Ref"] for one in group["Properties"]["SubnetIds"]]
    assert len(chosen) == 3
    assert all("StoreSubnet" in one for one in chosen)


@pytest.mark.parametrize(
    ("profile", "instances", "storage"),
    [("dev", 1, None), ("staging", 2, None), ("prod", 2, "aurora-iopt1")],
)
def test_instances_and_storage_follow_the_profile(
    make_stack: MakeStack, profile: str, instances: int, storage: str | None
) -> None:
    made = make_stack(profile=profile)
    database(made)
    template = made.template()
    template.resource_count_is("AWS::RDS::DBInstance", instances)
    template.has_resource_properties(CLUSTER, {"StorageType": storage or Match.absent()})


@pytest.mark.parametrize(("tier", "days"), [("CRITICAL", 35), ("STANDARD", 14), ("DEFERRABLE", 7)])
def test_point_in_time_recovery_follows_the_tier(
    make_stack: MakeStack, tier: str, days: int
) -> None:
    made = make_stack(tier=RecoveryTier[tier])
    database(made)
    assert cluster(made)["BackupRetentionPeriod"] == days


def test_every_wait_is_bounded_and_the_rpo_switch_is_left_alone(make_stack: MakeStack) -> None:
    made = make_stack()
    database(made)
    (group,) = made.resources("AWS::RDS::DBClusterParameterGroup")
    parameters = group["Properties"]["Parameters"]
    assert parameters["rds.force_ssl"] == "1"
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        assert 0 < int(parameters[name]) <= 600_000, name
    assert parameters["log_error_verbosity"] == "terse"
    assert "rds.global_db_rpo" not in parameters


def test_exported_logs_are_made_encrypted_before_the_service_would(make_stack: MakeStack) -> None:
    made = make_stack()
    database(made)
    template = made.template()
    (found,) = template.find_resources(CLUSTER).values()
    groups = template.find_resources("AWS::Logs::LogGroup")
    for exported in found["Properties"]["EnableCloudwatchLogsExports"]:
        (name,) = [
            name
            for name, one in groups.items()
            if one["Properties"]["LogGroupName"]
            == f"/aws/rds/cluster/database-cac1-test/{exported}"
        ]
        assert "KmsKeyId" in groups[name]["Properties"]
        assert name in found["DependsOn"]


def test_every_resource_of_the_service_is_deleted_with_its_stack(make_stack: MakeStack) -> None:
    made = make_stack()
    database(made)
    resources = made.template().to_json()["Resources"]
    for kind in ("GlobalCluster", "DBCluster", "DBInstance", "DBClusterParameterGroup"):
        found = [one for one in resources.values() if one["Type"] == f"AWS::RDS::{kind}"]
        assert found, kind
        assert {one["DeletionPolicy"] for one in found} == {"Delete"}
        assert {one["UpdateReplacePolicy"] for one in found} == {"Delete"}


def test_a_failover_and_a_failed_fence_are_told(make_stack: MakeStack) -> None:
    made = make_stack()
    database(made)
    (rule,) = [
        one["Properties"]
        for one in made.resources("AWS::Events::Rule")
        if one["Properties"]["Name"] == "database-events-test"
    ]
    pattern = json.dumps(rule["EventPattern"])
    for word in ("failover", "failure", "RDS-EVENT-0391", "database-cac1-test", "global-test"):
        assert f'"{word}"' in pattern
    assert rule["Targets"][0]["Arn"].endswith(":notice-test")


def test_signing_in_is_allowed_as_one_user_of_one_cluster(make_stack: MakeStack) -> None:
    made = make_stack()
    policy = iam.ManagedPolicy(made.stack, "Policy")
    made_database = database(made)
    made_database.grant_connect(policy)
    (found,) = [
        one["Properties"]["PolicyDocument"]["Statement"]
        for name, one in made.template().find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("Policy")
    ]
    assert found[0]["Action"] == "rds-db:connect"
    assert found[0]["Resource"]["Fn::Join"][1][-1] == "/lifeline"


def test_lag_is_measured_on_this_regions_cluster(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    made_database = database(made)
    for metric in (made_database.metric_replication_lag(), made_database.metric_rpo_lag()):
        assert metric.namespace == "AWS/RDS"
        assert metric.dimensions == {"DBClusterIdentifier": "database-caw1-test"}
        assert metric.period.to_seconds() == 60
    assert made_database.metric_capacity().metric_name == "ServerlessDatabaseCapacity"
    assert made_database.metric_connections().metric_name == "DatabaseConnections"


@pytest.mark.parametrize("region", ["ca-central-1", "ca-west-1"])
def test_no_finding_is_left(make_stack: MakeStack, region: str) -> None:
    made = make_stack(region, profile="prod", nag=True)
    network = made.network()
    ClosedDefaultGroup(made.stack, "Closed", site=made.site, vpc=network.vpc, keys=made.keys)
    store = GlobalDatabase(made.stack, "Database", site=made.site, vpc=network.vpc, keys=made.keys)
    Backups(
        made.stack,
        "Backups",
        site=made.site,
        keys=made.keys,
        tier=RecoveryTier.CRITICAL,
        stores=[store.protected],
    )
    assert made.template().find_resources(CLUSTER)
