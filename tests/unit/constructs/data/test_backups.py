"""Backups by tier: how often, how long, where the copies go, and the proof that they can be restored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lifeline.data.backup_vault import CopyVault
from lifeline.data.backups import START_WITHIN_MINUTES, Backups
from lifeline.data.global_database import BACKUP_WINDOW
from lifeline.data.protected_store import ProtectedStore
from lifeline.lambdas.empty_vault.vault import EMPTY_WITHIN_SECONDS
from lifeline.tiers import AUDIT_DAYS, BackupPolicy, RecoveryTier
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

PLAN = "AWS::Backup::BackupPlan"
DATABASE = ProtectedStore(
    resource_type="Aurora",
    arn="arn:aws:rds:ca-central-1:123456789012:cluster:database-cac1-test",
    keeps_a_journal=True,
    restore_into={"dbsubnetgroupname": "database-test"},
)
FILES = ProtectedStore(
    resource_type="EFS",
    arn="arn:aws:elasticfilesystem:ca-central-1:123456789012:file-system/fs-11111111",
    keeps_a_journal=False,
)


def backups(made: StackUnderTest, tier: RecoveryTier = RecoveryTier.CRITICAL) -> Backups:
    return Backups(
        made.stack,
        "Backups",
        site=made.site,
        keys=made.keys,
        tier=tier,
        stores=[DATABASE, FILES],
    )


def rules(made: StackUnderTest, plan_name: str) -> dict[str, dict[str, Any]]:
    """The rules of one plan by their names."""
    (plan,) = [
        one["Properties"]["BackupPlan"]
        for one in made.resources(PLAN)
        if one["Properties"]["BackupPlan"]["BackupPlanName"] == plan_name
    ]
    return {one["RuleName"]: one for one in plan["BackupPlanRule"]}


@pytest.mark.parametrize(
    ("tier", "schedule"),
    [
        (RecoveryTier.CRITICAL, "cron(15 */1 * * ? *)"),
        (RecoveryTier.IMPORTANT, "cron(15 */1 * * ? *)"),
        (RecoveryTier.STANDARD, "cron(15 */1 * * ? *)"),
        (RecoveryTier.DEFERRABLE, "cron(30 2 * * ? *)"),
    ],
)
def test_the_tier_says_how_often_files_are_copied(
    make_stack: MakeStack, tier: RecoveryTier, schedule: str
) -> None:
    made = make_stack()
    backups(made, tier)
    assert rules(made, "backup-snapshot-test")["hot-test"]["ScheduleExpression"] == schedule


@pytest.mark.parametrize("tier", list(RecoveryTier))
def test_a_store_with_a_journal_is_copied_once_a_day(
    make_stack: MakeStack, tier: RecoveryTier
) -> None:
    """Its copies to another region are whole ones: hourly they would move terabytes for nothing."""
    made = make_stack()
    backups(made, tier)
    hot = rules(made, "backup-journaled-test")["hot-test"]
    assert hot["ScheduleExpression"] == "cron(30 2 * * ? *)"


@pytest.mark.parametrize("region", ["ca-central-1", "ca-west-1"])
def test_every_rule_copies_into_the_other_regions_vault(make_stack: MakeStack, region: str) -> None:
    peer = {"ca-central-1": "ca-west-1", "ca-west-1": "ca-central-1"}[region]
    made = make_stack(region)
    backups(made)
    found = 0
    for plan in made.resources(PLAN):
        for rule in plan["Properties"]["BackupPlan"]["BackupPlanRule"]:
            (copy,) = rule["CopyActions"]
            assert copy["DestinationBackupVaultArn"] == (
                f"arn:aws:backup:{peer}:123456789012:backup-vault:backup-test"
            )
            assert copy["Lifecycle"] == rule["Lifecycle"]
            found += 1
    assert found == 4


def test_daily_copies_live_35_days_and_monthly_ones_seven_years(make_stack: MakeStack) -> None:
    made = make_stack()
    backups(made)
    found = rules(made, "backup-snapshot-test")
    assert found["hot-test"]["Lifecycle"] == {"DeleteAfterDays": 35}
    assert found["audit-test"]["Lifecycle"] == {
        "DeleteAfterDays": AUDIT_DAYS,
        "MoveToColdStorageAfterDays": 30,
    }
    assert AUDIT_DAYS >= 7 * 365


def test_copies_are_encrypted_with_the_peers_data_key_only(make_stack: MakeStack) -> None:
    made = make_stack()
    backups(made)
    (statement,) = [
        one
        for policy in made.resources("AWS::IAM::ManagedPolicy")
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if one["Sid"] == "UseThePeersDataKey"
    ]
    assert statement["Resource"] == "arn:aws:kms:ca-west-1:123456789012:key/*"
    assert statement["Condition"] == {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/data-key-test"}
    }


def test_stores_are_named_one_by_one(make_stack: MakeStack) -> None:
    made = make_stack()
    backups(made)
    chosen = [
        one["Properties"]["BackupSelection"]
        for one in made.resources("AWS::Backup::BackupSelection")
    ]
    assert sorted(arn for one in chosen for arn in one["Resources"]) == [FILES.arn, DATABASE.arn]
    assert all("ListOfTags" not in one for one in chosen)


def test_only_the_emptying_function_may_delete_a_copy_early(make_stack: MakeStack) -> None:
    made = make_stack()
    backups(made)
    (vault,) = made.resources("AWS::Backup::BackupVault")
    (statement,) = vault["Properties"]["AccessPolicy"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert "backup:DeleteRecoveryPoint" in statement["Action"]
    assert "backup:DeleteBackupVault" not in statement["Action"]
    allowed = statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    roles = [one["Properties"].get("RoleName") for one in made.resources("AWS::IAM::Role")]
    assert allowed.rpartition("/")[2] in roles


def test_the_vault_is_emptied_before_it_is_deleted(make_stack: MakeStack) -> None:
    made = make_stack()
    backups(made)
    template = made.template()
    ((vault_id, vault),) = template.find_resources("AWS::Backup::BackupVault").items()
    (emptied,) = template.find_resources("Custom::EmptyVault").values()
    assert vault_id in emptied["DependsOn"]
    (role,) = template.find_resources(
        "AWS::IAM::Role", {"Properties": {"RoleName": "backup-cac1-test"}}
    )
    # AWS Backup deletes a point with the role that made it.
    assert role in emptied["DependsOn"]
    waits = int(emptied["Properties"]["PatienceSeconds"])
    assert 3 * EMPTY_WITHIN_SECONDS <= waits < int(emptied["Properties"]["ServiceTimeout"]) <= 600
    assert emptied["Properties"]["VaultName"] == vault["Properties"]["BackupVaultName"]
    resources = template.to_json()["Resources"].values()
    ours = [one for one in resources if one["Type"].startswith("AWS::Backup::")]
    assert len(ours) == 8
    assert {one["DeletionPolicy"] for one in ours} == {"Delete"}


@pytest.mark.parametrize("copies_only", [False, True])
def test_a_point_whose_first_deletion_was_refused_can_be_deleted(
    make_stack: MakeStack, copies_only: bool
) -> None:
    """N18: it is EXPIRED then, and goes only for who may make the service's role (DeleteRecoveryPoint,
    AWS Backup API Reference)."""
    made = make_stack()
    if copies_only:
        CopyVault(made.stack, "Copies", site=made.site, keys=made.keys)
    else:
        backups(made)
    granted = [
        one
        for policy in made.template().find_resources("AWS::IAM::ManagedPolicy").values()
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if one["Action"] == "iam:CreateServiceLinkedRole"
    ]
    (statement,) = granted
    role = "role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
    assert statement["Resource"] == f"arn:aws:iam::123456789012:{role}"
    assert statement["Condition"] == {
        "StringEquals": {"iam:AWSServiceName": "backup.amazonaws.com"}
    }


@pytest.mark.parametrize(
    ("tier", "schedule"),
    [
        (RecoveryTier.CRITICAL, "cron(0 10 ? * MON *)"),
        (RecoveryTier.IMPORTANT, "cron(0 10 2 * ? *)"),
    ],
)
def test_each_store_is_restored_on_a_schedule_of_its_tier(
    make_stack: MakeStack, tier: RecoveryTier, schedule: str
) -> None:
    made = make_stack()
    backups(made, tier)
    (plan,) = made.resources("AWS::Backup::RestoreTestingPlan")
    assert plan["Properties"]["ScheduleExpression"] == schedule
    assert plan["Properties"]["RestoreTestingPlanName"] == "restore_test_test"
    tested = {
        one["Properties"]["ProtectedResourceType"]: one["Properties"]
        for one in made.resources("AWS::Backup::RestoreTestingSelection")
    }
    assert set(tested) == {"Aurora", "EFS"}
    assert tested["Aurora"]["ProtectedResourceArns"] == [DATABASE.arn]
    assert tested["Aurora"]["RestoreMetadataOverrides"] == {"dbsubnetgroupname": "database-test"}


def test_failures_of_backups_copies_and_restores_are_told(make_stack: MakeStack) -> None:
    made = make_stack()
    backups(made)
    (rule,) = [one for one in made.resources("AWS::Events::Rule") if "Targets" in one["Properties"]]
    assert rule["Properties"]["Targets"][0]["Arn"].endswith(":notice-test")
    assert len(rule["Properties"]["EventPattern"]["detail-type"]) == 3
    assert "COMPLETED" not in json.dumps(rule["Properties"]["EventPattern"])


@pytest.mark.parametrize(("resource_type", "hours"), [("Aurora", 24), ("EFS", 1)])
def test_completed_jobs_are_counted_for_each_kind_of_store(
    make_stack: MakeStack, resource_type: str, hours: int
) -> None:
    """S8: the vault's sum hides a missing copy of the database behind the files' hourly ones."""
    made = make_stack()
    metric = backups(made, RecoveryTier.CRITICAL).metric_completed(resource_type)
    assert (metric.namespace, metric.metric_name) == ("AWS/Backup", "NumberOfBackupJobsCompleted")
    assert metric.period.to_hours() == hours
    assert metric.dimensions == {"BackupVaultName": "backup-test", "ResourceType": resource_type}


def test_a_kind_of_store_that_is_not_backed_up_has_no_metric(make_stack: MakeStack) -> None:
    made = make_stack()
    with pytest.raises(
        ValueError, match="Nothing of type 'S3' is backed up here; allowed are Aurora, EFS"
    ):
        backups(made).metric_completed("S3")


def test_a_plan_without_stores_is_refused(make_stack: MakeStack) -> None:
    made = make_stack()
    with pytest.raises(ValueError, match="no stores to back up"):
        Backups(
            made.stack,
            "Backups",
            site=made.site,
            keys=made.keys,
            tier=RecoveryTier.CRITICAL,
            stores=[],
        )


def test_tiers_are_ordered_by_how_well_they_are_backed_up() -> None:
    policies = [tier.backups for tier in RecoveryTier]
    days = [one.point_in_time_days for one in policies]
    assert days == sorted(days, reverse=True)
    hours = [one.hours_between_snapshots for one in policies]
    assert hours == sorted(hours)
    tests = [one.days_between_restore_tests for one in policies]
    assert tests == sorted(tests)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"hours_between_snapshots": 5}, "do not divide a day"),
        ({"point_in_time_days": 36}, "allowed are 1 to 35"),
        ({"audit_days": 10}, "would go before"),
        ({"days_between_restore_tests": 2}, "have no schedule"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, int], says: str) -> None:
    right = {
        "point_in_time_days": 35,
        "hours_between_snapshots": 1,
        "days_between_restore_tests": 7,
    }
    with pytest.raises(ValueError, match=says):
        BackupPolicy(**{**right, **wrong})


def test_a_type_that_is_no_word_of_the_service_is_refused() -> None:
    with pytest.raises(ValueError, match="Bad resource type"):
        ProtectedStore(resource_type="AWS::EFS::FileSystem", arn="a", keeps_a_journal=False)


@pytest.mark.parametrize("account", ["123456789012", None])
@pytest.mark.parametrize("region", ["ca-central-1", "ca-west-1"])
def test_no_finding_is_left(make_stack: MakeStack, region: str, account: str | None) -> None:
    made = make_stack(region, profile="prod", nag=True, account=account)
    backups(made)
    assert made.template().find_resources(PLAN)


def test_no_plan_is_left_when_the_vault_is_emptied(make_stack: MakeStack) -> None:
    """A job of a plan that outlives the emptying would fill the vault again: it could not be deleted."""
    made = make_stack()
    backups(made)
    template = made.template()
    (emptied,) = template.find_resources("Custom::EmptyVault")
    for kind in (PLAN, "AWS::Backup::BackupSelection"):
        found = template.find_resources(kind)
        assert len(found) == 2
        assert all(emptied in one["DependsOn"] for one in found.values())


def test_copies_of_the_database_keep_clear_of_the_hour_before_its_own_window(
    make_stack: MakeStack,
) -> None:
    made = make_stack()
    backups(made)
    hour, minute = (int(part) for part in BACKUP_WINDOW.partition("-")[0].split(":"))
    for name, rule in rules(made, "backup-journaled-test").items():
        at_minute, at_hour, *_ = rule["ScheduleExpression"].removeprefix("cron(").split()
        last_start = 60 * int(at_hour) + int(at_minute) + START_WITHIN_MINUTES
        assert last_start <= 60 * hour + minute - 60, name
