"""Backups of one region's stores, by tier: a vault, copies in the other region's, and restore tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from aws_cdk import Duration
from aws_cdk import aws_backup as backup
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.data.backup_vault import emptied_on_delete, vault_in, vault_name
from lifeline.data.notices import notice
from lifeline.data.protected_store import ProtectedStore
from lifeline.foundation.alert_topics import AlertTargets, Severity
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys, Purpose, RegionKeys
from lifeline.foundation.metric_options import MetricOptions, metric
from lifeline.site import Site
from lifeline.tiers import RecoveryTier

COLD_AFTER_DAYS = 30
START_WITHIN_MINUTES = 60
END_WITHIN_MINUTES = 12 * 60
DAILY = "cron(30 2 * * ? *)"
"""Not within an hour before the database's own windows (05:00, and 07:00 on Sundays)."""
MONTHLY = "cron(30 0 1 * ? *)"
RESTORE_TESTS = {
    1: "cron(0 10 * * ? *)",
    7: "cron(0 10 ? * MON *)",
    30: "cron(0 10 2 * ? *)",
}
FAILED = ("FAILED", "ABORTED", "EXPIRED", "PARTIAL")
MANAGED_POLICIES = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
)


class Backups(Construct):
    """The vault of this region, its plans, and the proof that a copy can be restored.

    Stores that keep a journal (Aurora) are wound back to any moment of the tier's days by themselves; here
    they get a whole copy a day. Others get one as often as the tier says. Every copy also goes to the
    other region's vault, encrypted there with that region's key; one a month is kept seven years. Both
    regions back up, as neither template knows which is active.
    Covers: a wrong statement, a deleted file, a lost region together with its vault, a copy that cannot be
    restored (the test fails and tells). Does not cover: the lease and region state tables, whose restore
    would bring an old epoch back (A10); buckets, which are versioned and replicated; the cache, which can
    be made again and has snapshots of its own; Kinesis and MSK, which are copied as they are written.
    The vault is emptied when its stack is deleted, not when an update drops it; only that function may
    delete a copy before its time.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        tier: RecoveryTier | None = None,
        stores: Sequence[ProtectedStore],
        alert_topics: AlertTargets | None = None,
    ) -> None:
        """Raises ValueError without a store to back up.

        `tier`: how often and how long; the settings' by default. `alert_topics`: who is told of a failure;
            by default the application's topics.
        """
        if not stores:
            raise ValueError("There are no stores to back up; name at least one.")
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site, self._keys = site, keys
        self.policy = (tier or site.settings.tier).backups
        self.vault_name = vault_name(site)
        self.vault = vault_in(self, site=site, keys=keys)
        self.role = self._role()
        # A recovery point is deleted with the role that made it: the role goes after the points.
        self._emptied = emptied_on_delete(
            self, site=site, keys=keys, after=[self.vault, self.role, self._role_policy]
        )
        for keeps_a_journal in (True, False):
            chosen = [store for store in stores if store.keeps_a_journal is keeps_a_journal]
            if chosen:
                self._plan("Journaled" if keeps_a_journal else "Snapshot", chosen)
        self._restore_tests(stores)
        self._tell_of_failures(alert_topics)
        self._completed = {
            store.resource_type: self.policy.hours_between(keeps_a_journal=store.keeps_a_journal)
            for store in stores
        }
        """Hours between two backups, by kind of store."""

    def metric_completed(
        self, resource_type: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Jobs of one kind of store into this vault that succeeded within the time between two of them.

        Not the vault's sum: hourly copies of files would hide a database without one. AWS Backup publishes
        the count by vault and resource type as well (AWS Backup Developer Guide, "AWS Backup metrics with
        CloudWatch"). Raises ValueError for a kind that is not backed up.
        """
        if resource_type not in self._completed:
            raise ValueError(
                f"Nothing of type {resource_type!r} is backed up here; allowed are "
                f"{', '.join(sorted(self._completed))}."
            )
        return metric(
            "AWS/Backup",
            "NumberOfBackupJobsCompleted",
            {"BackupVaultName": self.vault_name, "ResourceType": resource_type},
            default_statistic="Sum",
            default_period=Duration.hours(self._completed[resource_type]),
            **options,
        )

    def metric_failed(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Backup jobs into this vault that failed in that time."""
        return self._metric("NumberOfBackupJobsFailed", **options)

    def _metric(self, name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        return metric(
            "AWS/Backup",
            name,
            {"BackupVaultName": self.vault_name},
            default_statistic="Sum",
            default_period=Duration.hours(self.policy.hours_between_snapshots),
            **options,
        )

    def _role(self) -> iam.Role:
        site = self._site
        role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name("backup", "role"),
            description="AWS Backup copies and restores as this role",
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in MANAGED_POLICIES
            ],
        )
        acknowledge(
            role,
            *(
                f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]"
                for name in MANAGED_POLICIES
            ),
            reason="The service's own policies, which follow what it needs for each kind of store; the "
            "plans name the stores one by one.",
        )
        policy = iam.ManagedPolicy(self, "Policy", roles=[role])
        there = site.peer.arn("kms", "key/*")
        crypto = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]
        allow(policy, "UseTheDataKey", [*crypto, "kms:CreateGrant"], [self._keys.data.key_arn])
        allow(
            policy,
            "UseThePeersDataKey",
            [*crypto, "kms:CreateGrant"],
            [there],
            {
                "ForAnyValue:StringEquals": {
                    "kms:ResourceAliases": f"alias/{RegionKeys.alias(site.peer, Purpose.DATA)}"
                }
            },
        )
        acknowledge_pattern(
            policy,
            there,
            reason="One key only, the one with the data key's alias: its id is made up in the other "
            "region.",
        )
        self._role_policy = policy
        return role

    def _plan(self, kind: str, stores: Sequence[ProtectedStore]) -> None:
        site, policy = self._site, self.policy
        hourly = f"cron(15 */{policy.hours_between_snapshots} * * ? *)"
        often = kind == "Snapshot" and policy.hours_between_snapshots < 24
        plan = backup.CfnBackupPlan(
            self,
            f"{kind}Plan",
            backup_plan=backup.CfnBackupPlan.BackupPlanResourceTypeProperty(
                backup_plan_name=site.names.regional_name(f"backup-{kind.lower()}"),
                backup_plan_rule=[
                    self._rule("hot", hourly if often else DAILY, policy.hot_days, cold=False),
                    self._rule("audit", MONTHLY, policy.audit_days, cold=True),
                ],
            ),
        )
        selection = backup.CfnBackupSelection(
            self,
            f"{kind}Selection",
            backup_plan_id=plan.ref,
            backup_selection=backup.CfnBackupSelection.BackupSelectionResourceTypeProperty(
                iam_role_arn=self.role.role_arn,
                selection_name=site.names.regional_name(f"backup-{kind.lower()}"),
                resources=[store.arn for store in stores],
            ),
        )
        selection.node.add_dependency(self._role_policy)
        for resource in (plan, selection):
            # Deleted before the vault is emptied: a job that starts after that would fill it again.
            resource.node.add_dependency(self._emptied)
            destroyable(resource)

    def _rule(
        self, name: str, schedule: str, days: int, *, cold: bool
    ) -> backup.CfnBackupPlan.BackupRuleResourceTypeProperty:
        """Stores without a cold class ignore it. The copy lives as long as the original."""
        life = backup.CfnBackupPlan.LifecycleResourceTypeProperty(
            delete_after_days=days,
            move_to_cold_storage_after_days=COLD_AFTER_DAYS if cold else None,
        )
        peer = self._site.peer
        return backup.CfnBackupPlan.BackupRuleResourceTypeProperty(
            rule_name=self._site.names.regional_name(name),
            target_backup_vault=self.vault.ref,
            schedule_expression=schedule,
            start_window_minutes=START_WITHIN_MINUTES,
            completion_window_minutes=END_WITHIN_MINUTES,
            lifecycle=life,
            copy_actions=[
                backup.CfnBackupPlan.CopyActionResourceTypeProperty(
                    destination_backup_vault_arn=peer.arn(
                        "backup", f"backup-vault:{vault_name(peer)}"
                    ),
                    lifecycle=life,
                )
            ],
        )

    def _restore_tests(self, stores: Sequence[ProtectedStore]) -> None:
        """The service restores the newest copy of each store into something new, and deletes that."""
        suffix, days = (
            self._site.settings.environment_suffix,
            self.policy.days_between_restore_tests,
        )
        plan = backup.CfnRestoreTestingPlan(
            self,
            "RestoreTests",
            restore_testing_plan_name=f"restore_test_{suffix}",
            schedule_expression=RESTORE_TESTS[days],
            start_window_hours=1,
            recovery_point_selection=(
                backup.CfnRestoreTestingPlan.RestoreTestingRecoveryPointSelectionProperty(
                    algorithm="LATEST_WITHIN_WINDOW",
                    include_vaults=[self.vault.attr_backup_vault_arn],
                    recovery_point_types=["SNAPSHOT"],
                    selection_window_days=max(days, 2),
                )
            ),
        )
        destroyable(plan)
        for store in stores:
            selection = backup.CfnRestoreTestingSelection(
                self,
                f"Restore{store.resource_type}",
                restore_testing_plan_name=plan.ref,
                restore_testing_selection_name=f"restore_{store.resource_type.lower()}_{suffix}",
                iam_role_arn=self.role.role_arn,
                protected_resource_type=store.resource_type,
                protected_resource_arns=[store.arn],
                restore_metadata_overrides=dict(store.restore_into) or None,
                validation_window_hours=1,
            )
            selection.add_resource_dependency(plan)
            selection.node.add_dependency(self._role_policy)
            destroyable(selection)

    def _tell_of_failures(self, topics: AlertTargets | None) -> None:
        notice(
            self,
            "Failures",
            site=self._site,
            topics=topics,
            name="backup-failed",
            description="A backup, its copy to the other region or a restore test failed",
            pattern={
                "source": ["aws.backup"],
                "detail-type": [
                    "Backup Job State Change",
                    "Copy Job State Change",
                    "Restore Job State Change",
                ],
                "detail": {
                    "$or": [
                        {"state": list(FAILED), "backupVaultName": [self.vault_name]},
                        {
                            "state": list(FAILED),
                            "sourceBackupVaultArn": [
                                self._site.arn("backup", f"backup-vault:{self.vault_name}")
                            ],
                        },
                        {"status": list(FAILED), "iamRoleArn": [self.role.role_arn]},
                    ]
                },
            },
            severity=Severity.WARNING,
        )
