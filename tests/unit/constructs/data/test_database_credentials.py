"""The admin's secret: one at home, its replica, its rotation, and who may read it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import aws_rds as rds

from lifeline.data.database_credentials import DatabaseCredentials, SignIn
from lifeline.data.global_database import GlobalDatabase
from lifeline.foundation.function import Placement
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

SECRET = "AWS::SecretsManager::Secret"


def credentials(made: StackUnderTest) -> DatabaseCredentials:
    return DatabaseCredentials(made.stack, "Credentials", site=made.site, keys=made.keys)


def in_a_database(made: StackUnderTest) -> GlobalDatabase:
    return GlobalDatabase(
        made.stack, "Database", site=made.site, vpc=made.network().vpc, keys=made.keys
    )


def rule(made: StackUnderTest, name: str) -> dict[str, Any]:
    (found,) = [
        one["Properties"]
        for one in made.resources("AWS::Events::Rule")
        if one["Properties"]["Name"] == name
    ]
    return dict(found)


def test_the_secret_is_replicated_under_the_peers_own_key(make_stack: MakeStack) -> None:
    made = make_stack()
    credentials(made)
    (secret,) = made.resources(SECRET)
    assert secret["Properties"]["Name"] == "database-admin-test"
    assert secret["Properties"]["ReplicaRegions"] == [
        {
            "Region": "ca-west-1",
            "KmsKeyId": "arn:aws:kms:ca-west-1:123456789012:alias/secrets-key-test",
        }
    ]
    assert secret["DeletionPolicy"] == "Delete"


def test_the_recovery_region_finds_the_replica_by_name(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    found = credentials(made)
    assert found.secret.secret_name == "database-admin-test"
    made.template().resource_count_is(SECRET, 0)


def test_outside_home_there_is_neither_password_nor_rotation(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    network = made.network()
    found = GlobalDatabase(made.stack, "Database", site=made.site, vpc=network.vpc, keys=made.keys)
    assert found.admin_secret is None
    with pytest.raises(ValueError, match="fact of creation at home; ca-west-1"):
        _ = found.credentials.password
    instance = found.node.find_child("Instance1")
    assert isinstance(instance, rds.CfnDBInstance)
    placement = Placement(vpc=network.vpc, security_groups=[network.database_clients])
    sign_in = SignIn(host="host", port=5432, database="lifeline", ready=instance)
    with pytest.raises(ValueError, match="ca-west-1 holds the replica"):
        found.credentials.rotate(placement=placement, sign_in=sign_in)


def test_the_password_rotates_every_thirty_days_inside_the_network(make_stack: MakeStack) -> None:
    made = make_stack()
    in_a_database(made)
    template = made.template()
    template.has_resource_properties(
        "AWS::SecretsManager::RotationSchedule",
        {
            "RotationRules": {"ScheduleExpression": "rate(30 days)"},
            "RotateImmediatelyOnUpdate": False,
        },
    )
    (function,) = [
        one["Properties"]
        for one in template.find_resources("AWS::Lambda::Function").values()
        if one["Properties"].get("FunctionName") == "rotate-admin-test"
    ]
    assert function["VpcConfig"]["SubnetIds"]
    assert set(function["Environment"]["Variables"]) >= {
        "DATABASE_HOST",
        "DATABASE_PORT",
        "DATABASE_NAME",
        "SECRET_ARN",
    }
    assert "Transform" not in template.to_json()


def test_the_service_may_call_the_rotation_only_for_this_account(make_stack: MakeStack) -> None:
    made = make_stack()
    in_a_database(made)
    (permission,) = made.resources("AWS::Lambda::Permission")
    assert permission["Properties"]["Principal"] == "secretsmanager.amazonaws.com"
    assert permission["Properties"]["SourceAccount"] == "123456789012"


def test_only_named_roles_of_both_regions_may_read(make_stack: MakeStack) -> None:
    made = make_stack()
    credentials(made)
    (policy,) = made.resources("AWS::SecretsManager::ResourcePolicy")
    (statement,) = policy["Properties"]["ResourcePolicy"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "secretsmanager:GetSecretValue")
    allowed = [
        one.rpartition("/")[2] for one in statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
    ]
    assert allowed == [
        "rotate-admin-cac1-test",
        "rotate-admin-caw1-test",
        "services-start-cac1-test",
        "services-start-caw1-test",
        "cdk-*-cfn-exec-role-*",
    ]


def test_changing_the_policy_is_never_denied(make_stack: MakeStack) -> None:
    """A denial that also covered the policy itself could only be undone by the account's root."""
    made = make_stack()
    credentials(made)
    (policy,) = made.resources("AWS::SecretsManager::ResourcePolicy")
    said = json.dumps(policy["Properties"]["ResourcePolicy"])
    assert "ResourcePolicy" not in said
    assert "secretsmanager:*" not in said


@pytest.mark.parametrize("region", ["ca-central-1", "ca-west-1"])
def test_an_unexpected_read_pages_in_each_region(make_stack: MakeStack, region: str) -> None:
    made = make_stack(region)
    credentials(made)
    found = rule(made, "admin-read-test")
    assert found["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    assert found["Targets"][0]["Arn"] == f"arn:aws:sns:{region}:123456789012:page-test"
    detail = found["EventPattern"]["detail"]
    issuer, kind = detail["$or"]
    excepted = issuer["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"][0]
    assert any("services-start" in one for one in excepted["anything-but"]["wildcard"])
    # Root and users have no session: the first alternative would never see them.
    assert kind == {"userIdentity": {"type": [{"anything-but": ["AssumedRole"]}]}}


def test_another_environments_secret_does_not_page_here(make_stack: MakeStack) -> None:
    made = make_stack()
    credentials(made)
    names = rule(made, "admin-read-test")["EventPattern"]["detail"]["requestParameters"]
    assert names["secretId"] == [
        "database-admin-test",
        {"suffix": ":secret:database-admin-test"},
        {"wildcard": "*:secret:database-admin-test-*"},
    ]


def test_no_finding_is_left(make_stack: MakeStack) -> None:
    made = make_stack(nag=True, account=None)
    credentials(made)
    # Its rotation needs the database, in whose own nag test it is; alone it must be the only finding.
    with pytest.raises(RuntimeError) as found:
        made.template()
    rules = {line.split("::")[-1] for line in str(found.value).split("'") if "::" in line}
    assert {one.rpartition("-")[2] for one in rules} == {"SecretsManagerRotationEnabled", "SMG4"}


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_nothing_rotates_before_an_instance_answers(make_stack: MakeStack, profile: str) -> None:
    made = make_stack(profile=profile)
    in_a_database(made)
    template = made.template()
    (schedule,) = template.find_resources("AWS::SecretsManager::RotationSchedule").values()
    first = [
        name
        for name, one in template.find_resources("AWS::RDS::DBInstance").items()
        if one["Properties"]["DBInstanceIdentifier"].startswith("database-1-")
    ]
    assert len(first) == 1
    assert first[0] in schedule["DependsOn"]


def test_a_failed_rotation_is_told_where_the_secret_rotates(make_stack: MakeStack) -> None:
    made = make_stack()
    in_a_database(made)
    pattern = rule(made, "admin-rotation-test")["EventPattern"]
    assert "RotationFailed" in pattern["detail"]["eventName"]
    assert "AWS Service Event via CloudTrail" in pattern["detail-type"]


def test_the_rotation_has_the_concurrency_that_the_guide_asks_for(make_stack: MakeStack) -> None:
    made = make_stack()
    in_a_database(made)
    (function,) = [
        one["Properties"]
        for one in made.resources("AWS::Lambda::Function")
        if one["Properties"]["FunctionName"] == "rotate-admin-test"
    ]
    assert function["ReservedConcurrentExecutions"] >= 10
