"""What RDS refuses."""

from __future__ import annotations

import re

from lab.refusals.row import Known, On, Row
from lab.refusals.situation import Case, Resource

CLUSTER, INSTANCE, WORLD = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::RDS::GlobalCluster"
API = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference"
GLOBAL_GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-getting-started.html"
IDENTIFIER = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
MOST_CHARACTERS = 63
MOST_CAPACITY = 256
MOST_BACKUP_DAYS = 35
INSIGHT_DAYS = {7, 731, *(31 * months for months in range(1, 24))}
MONITORING_SECONDS = {0, 1, 5, 10, 15, 30, 60}
WINDOW = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
DAY_WINDOW = re.compile(r"[A-Za-z]{3}:(\d\d):(\d\d)-[A-Za-z]{3}:(\d\d):(\d\d)")
MINUTES_A_DAY = 24 * 60


def _is_secondary(case: Case) -> bool:
    """In a global cluster that another region's template makes."""
    name, situation = case.resource.text("GlobalClusterIdentifier"), case.situation
    own = situation.of_type(WORLD) + situation.beside(WORLD, region=situation.region)
    elsewhere = [
        one for one in situation.beside(WORLD) if one.text("GlobalClusterIdentifier") == name
    ]
    return bool(name and elsewhere) and not any(
        one.text("GlobalClusterIdentifier") == name for one in own
    )


def _capacity(case: Case) -> object:
    least = case.resource.number("ServerlessV2ScalingConfiguration.MinCapacity")
    most = case.resource.number("ServerlessV2ScalingConfiguration.MaxCapacity")
    for one in (least, most):
        if one is not None and (one * 2 != int(one * 2) or not 0 <= one <= MOST_CAPACITY):
            return f"{one:g}"
    if most is not None and most < 1:
        return f"at most {most:g}"
    return least is not None and most is not None and least > most and f"{least:g} to {most:g}"


def _bad_identifier(case: Case) -> object:
    for name in ("DBClusterIdentifier", "DBInstanceIdentifier"):
        text = case.resource.text(name)
        if text and (len(text) > MOST_CHARACTERS or not IDENTIFIER.fullmatch(text)):
            return text
    return False


def _protected(case: Case) -> bool:
    before = case.before
    return before is not None and before.true("DeletionProtection")


def _members_left(case: Case) -> str:
    name = case.resource.text("GlobalClusterIdentifier")
    left = [one for one in case.situation.of_type(CLUSTER)] + case.situation.beside(CLUSTER)
    return ", ".join(
        one.path for one in left if name and one.text("GlobalClusterIdentifier") == name
    )


def _cluster_of(case: Case) -> Resource | None:
    clusters = [one for one in case.situation.of_type(CLUSTER) if case.resource.refers_to(one)]
    return clusters[0] if len(clusters) == 1 else None


def _serverless_without_range(case: Case) -> bool:
    cluster = _cluster_of(case)
    return (
        case.resource.text("DBInstanceClass") == "db.serverless"
        and cluster is not None
        and not cluster.given("ServerlessV2ScalingConfiguration")
    )


def _named_with_a_source(case: Case) -> str:
    if not case.resource.given("SourceDBClusterIdentifier"):
        return ""
    named = ("Engine", "EngineVersion", "StorageEncrypted", "DatabaseName")
    return ", ".join(name for name in named if case.resource.given(name))


def _overlapping_windows(case: Case) -> object:
    backup = WINDOW.fullmatch(case.resource.text("PreferredBackupWindow"))
    upkeep = DAY_WINDOW.fullmatch(case.resource.text("PreferredMaintenanceWindow"))
    if backup is None or upkeep is None:
        return False
    spans = []
    for found in (backup, upkeep):
        h1, m1, h2, m2 = (int(one) for one in found.groups())
        start, end = h1 * 60 + m1, h2 * 60 + m2
        spans.append((start, end if end > start else end + MINUTES_A_DAY))
    (a, b), (c, d) = spans
    return a < d and c < b


ROWS = (
    Row(
        id="secondary-cluster-with-a-master-user",
        types=(CLUSTER,),
        refuses=lambda case: (
            _is_secondary(case)
            and ", ".join(
                name
                for name in ("MasterUsername", "MasterUserPassword", "ManageMasterUserPassword")
                if case.resource.given(name)
            )
        ),
        sentence="A secondary of a global database has no master user of its own.",
        source=GLOBAL_GUIDE,
    ),
    Row(
        id="secondary-cluster-with-a-database",
        types=(CLUSTER,),
        refuses=lambda case: _is_secondary(case) and case.resource.given("DatabaseName"),
        sentence="A secondary of a global database makes no database of its own: leave DatabaseName out.",
        source=GLOBAL_GUIDE,
        known=Known.INFERRED,
    ),
    Row(
        id="encrypted-secondary-without-a-key",
        types=(CLUSTER,),
        refuses=lambda case: (
            _is_secondary(case)
            and case.resource.true("StorageEncrypted")
            and not case.resource.given("KmsKeyId")
        ),
        sentence="An encrypted copy in another region names a key of that region.",
        source=f"{API}/API_CreateDBCluster.html (KmsKeyId)",
    ),
    Row(
        id="managed-password-in-a-global-cluster",
        types=(CLUSTER,),
        refuses=lambda case: (
            case.resource.given("GlobalClusterIdentifier")
            and case.resource.true("ManageMasterUserPassword")
        ),
        sentence="Secrets Manager manages no master password in a global database.",
        source="https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html",
    ),
    Row(
        id="managed-password-beside-a-password",
        types=(CLUSTER, INSTANCE),
        refuses=lambda case: (
            case.resource.true("ManageMasterUserPassword")
            and case.resource.given("MasterUserPassword")
        ),
        sentence="A managed master password excludes MasterUserPassword.",
        source=f"{API}/API_CreateDBCluster.html (ManageMasterUserPassword)",
    ),
    Row(
        id="global-cluster-with-source-and-engine",
        types=(WORLD,),
        refuses=_named_with_a_source,
        sentence="A global cluster made from a cluster takes engine, version and encryption from it.",
        source=f"{API}/API_CreateGlobalCluster.html (SourceDBClusterIdentifier)",
    ),
    Row(
        id="database-capacity-range",
        types=(CLUSTER,),
        refuses=_capacity,
        sentence="Capacity goes in halves from 0 to 256 ACU; the greatest is 1 or more, not below the least.",
        source=f"{API}/API_ServerlessV2ScalingConfiguration.html",
    ),
    Row(
        id="serverless-instance-without-a-range",
        types=(INSTANCE,),
        refuses=_serverless_without_range,
        sentence="A cluster with db.serverless instances has a ServerlessV2ScalingConfiguration.",
        source="https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.create.html",
    ),
    Row(
        id="database-identifier",
        types=(CLUSTER, INSTANCE),
        refuses=_bad_identifier,
        sentence="An identifier: up to 63 letters, digits, single hyphens; a letter first, no hyphen last.",
        source=f"{API}/API_CreateDBCluster.html (DBClusterIdentifier)",
    ),
    Row(
        id="database-backup-days",
        types=(CLUSTER,),
        refuses=lambda case: (
            (days := case.resource.number("BackupRetentionPeriod")) is not None
            and not 1 <= days <= MOST_BACKUP_DAYS
            and f"{days:g}"
        ),
        sentence="Aurora keeps backups for 1 to 35 days.",
        source=f"{API}/API_CreateDBCluster.html (BackupRetentionPeriod)",
    ),
    Row(
        id="database-windows-overlap",
        types=(CLUSTER,),
        refuses=_overlapping_windows,
        sentence="The backup window may not meet the maintenance window.",
        source=f"{API}/API_CreateDBCluster.html (PreferredBackupWindow)",
    ),
    Row(
        id="database-monitoring-without-a-role",
        types=(CLUSTER, INSTANCE),
        refuses=lambda case: (
            (case.resource.number("MonitoringInterval") or 0) > 0
            and not case.resource.given("MonitoringRoleArn")
        ),
        sentence="Enhanced monitoring takes a MonitoringRoleArn.",
        source=f"{API}/API_CreateDBInstance.html (MonitoringRoleArn)",
    ),
    Row(
        id="database-monitoring-interval",
        types=(CLUSTER, INSTANCE),
        refuses=lambda case: (
            (seconds := case.resource.number("MonitoringInterval")) is not None
            and seconds not in MONITORING_SECONDS
            and f"{seconds:g}"
        ),
        sentence="MonitoringInterval is 0, 1, 5, 10, 15, 30 or 60 seconds.",
        source=f"{API}/API_CreateDBCluster.html (MonitoringInterval)",
    ),
    Row(
        id="database-insights-days",
        types=(CLUSTER, INSTANCE),
        refuses=lambda case: (
            (days := case.resource.number("PerformanceInsightsRetentionPeriod")) is not None
            and days not in INSIGHT_DAYS
            and f"{days:g}"
        ),
        sentence="Performance Insights keeps 7 days, 731 days or 31 days for each of 1 to 23 months.",
        source=f"{API}/API_CreateDBInstance.html (PerformanceInsightsRetentionPeriod)",
    ),
    Row(
        id="protected-database-deleted",
        types=(CLUSTER, INSTANCE, WORLD),
        on=On.DELETED,
        refuses=_protected,
        sentence="A database with deletion protection is not deleted: turn it off in an update first.",
        source=f"{API}/API_CreateDBCluster.html (DeletionProtection)",
    ),
    Row(
        id="global-cluster-deleted-with-members",
        types=(WORLD,),
        on=On.DELETED,
        refuses=_members_left,
        sentence="A global cluster is deleted when its clusters have left it.",
        source=f"{API}/API_DeleteGlobalCluster.html",
    ),
)
