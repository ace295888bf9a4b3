"""The continuity pack on an application that is not ours: plain CDK, no settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_backup as backup
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

from lifeline.compliance.continuity_pack import attach_continuity
from lifeline.compliance.continuity_policy import ContinuityPolicy
from lifeline.compliance.pack_names import CONTINUITY
from tests.unit.constructs.conftest import ACCOUNT, FLAGS

HOME, OTHER = "eu-west-1", "eu-central-1"


class Region(cdk.Stack):
    """Stores, backups and a lag alarm; `survives`: with all that the other region needs."""

    def __init__(self, app: cdk.App, region: str | None, *, survives: bool) -> None:
        env = cdk.Environment(account=ACCOUNT, region=region) if region else None
        super().__init__(app, f"Clinic-{region}", env=env)
        peer = OTHER if region == HOME else HOME
        if region == HOME and survives:
            rds.CfnGlobalCluster(
                self, "World", global_cluster_identifier="clinic", engine="aurora-postgresql"
            )
        rds.CfnDBCluster(
            self,
            "Database",
            engine="aurora-postgresql",
            global_cluster_identifier="clinic" if survives else None,
        )
        replica = secretsmanager.CfnSecret.ReplicaRegionProperty(region=peer)
        secretsmanager.CfnSecret(
            self, "Secret", name="clinic", replica_regions=[replica] if survives else None
        )
        kinesis.CfnStream(self, "Stream", shard_count=1)
        s3.Bucket(self, "Archive", removal_policy=cdk.RemovalPolicy.RETAIN)
        self._alarm(survives)
        self._backups(f"arn:aws:backup:{peer}:{ACCOUNT}:backup-vault:clinic" if survives else None)

    def _alarm(self, survives: bool) -> None:
        cloudwatch.CfnAlarm(
            self,
            "Lag",
            namespace="AWS/RDS",
            metric_name="AuroraGlobalDBReplicationLag",
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=1,
            threshold=5_000,
            treat_missing_data="breaching" if survives else None,
        )

    def _backups(self, copy_to: str | None) -> None:
        copy = backup.CfnBackupPlan.CopyActionResourceTypeProperty
        backup.CfnBackupPlan(
            self,
            "Backups",
            backup_plan=backup.CfnBackupPlan.BackupPlanResourceTypeProperty(
                backup_plan_name="clinic",
                backup_plan_rule=[
                    backup.CfnBackupPlan.BackupRuleResourceTypeProperty(
                        rule_name="daily",
                        target_backup_vault="clinic",
                        copy_actions=[copy(destination_backup_vault_arn=copy_to)]
                        if copy_to
                        else None,
                    )
                ],
            ),
        )
        if copy_to:
            backup.CfnRestoreTestingPlan(
                self,
                "Restores",
                restore_testing_plan_name="clinic",
                schedule_expression="rate(7 days)",
                recovery_point_selection=(
                    backup.CfnRestoreTestingPlan.RestoreTestingRecoveryPointSelectionProperty(
                        algorithm="LATEST_WITHIN_WINDOW",
                        include_vaults=["*"],
                        recovery_point_types=["SNAPSHOT"],
                    )
                ),
            )


def checked(folder: Path, *regions: str | None, survives: bool, **policy: Any) -> set[str]:
    """The findings of the pack alone, as `rule Stack/Construct`, of an app in these regions."""
    app = cdk.App(outdir=str(folder), analytics_reporting=False, context=FLAGS)
    for region in regions:
        Region(app, region, survives=survives)
    attach_continuity(app, ContinuityPolicy(**policy) if policy else ContinuityPolicy())
    refused = ""
    try:
        app.synth()
    except RuntimeError as refusal:
        refused = str(refusal)
    reports = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    # A pack that refused nothing does not report.
    own = [one for one in reports if one["pluginName"] == CONTINUITY]
    if errors := [
        one["metadata"]["error"] for one in own if "error" in (one.get("metadata") or {})
    ]:
        raise ValueError(errors[0])
    found = {
        f"{one['ruleName'].removeprefix('LifelineContinuity-')} {construct['constructPath']}"
        for report in own
        for one in report["violations"]
        for construct in one["violatingConstructs"]
    }
    assert bool(found) == ("ValidationFailed" in refused), refused
    return found


def test_an_application_that_survives_has_no_finding(tmp_path: Path) -> None:
    assert checked(tmp_path, HOME, OTHER, survives=True) == set()


def test_one_that_does_not_is_told_where(tmp_path: Path) -> None:
    assert checked(tmp_path, HOME, OTHER, survives=False) == {
        f"{rule} Clinic-{region}/{construct}"
        for region in (HOME, OTHER)
        for rule, construct in (
            ("BackupWithoutCopy", "Backups"),
            ("DatabaseWithoutSecondMember", "Database"),
            ("LagAlarmIgnoresMissingData", "Lag"),
            ("RestoreUntested", "Backups"),
            ("SecretWithoutReplica", "Secret"),
        )
    }


def test_half_of_a_pair_is_no_pair(tmp_path: Path) -> None:
    assert checked(tmp_path, HOME, survives=True) == {
        f"DatabaseWithoutSecondMember Clinic-{HOME}/World"
    }


def test_what_its_policy_asks_for_is_checked_too(tmp_path: Path) -> None:
    found = checked(
        tmp_path,
        HOME,
        OTHER,
        survives=True,
        suffix="prod",
        required_tags=frozenset({"Owner"}),
        deletable=True,
        outage_seconds=48 * 3600,
    )
    assert {one.split(" ")[0] for one in found} == {
        "KeptAfterDelete",
        "NameWithoutSuffix",
        "StreamRetentionTooShort",
        "WithoutTags",
    }
    assert f"NameWithoutSuffix Clinic-{HOME}/Secret" in found


def test_a_stack_without_a_region_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="The stack Clinic-None has no region"):
        checked(tmp_path, None, survives=True)


def test_an_outage_that_no_stream_outlasts_is_refused() -> None:
    with pytest.raises(ValueError, match="An outage of 0 s"):
        ContinuityPolicy(outage_seconds=0)
    with pytest.raises(ValueError, match="An outage of 31536001 s"):
        ContinuityPolicy(outage_seconds=365 * 24 * 3600 + 1)
