"""What S3, DynamoDB, EFS and Backup refuse."""

from __future__ import annotations

from typing import Any

from lab.refusals.row import On, Row
from lab.refusals.situation import Case, Resource
from lab.refusals.values import has_unknown

BUCKET, TABLE, FILES, PLAN = (
    "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::EFS::FileSystem", "AWS::Backup::BackupPlan"
)  # fmt: skip
S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"
DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference"
INFREQUENT = ("STANDARD_IA", "ONEZONE_IA")
LEAST_DAYS_BEFORE_INFREQUENT = 30
LEAST_COLD_DAYS = 90


def _rules(case: Case) -> list[dict[str, Any]]:
    found = case.resource.items("LifecycleConfiguration.Rules")
    return [one for one in found if isinstance(one, dict) and not has_unknown(one)]


def _transitions(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [*rule.get("Transitions", []), *([rule["Transition"]] if "Transition" in rule else [])]


def _too_early(case: Case) -> object:
    for rule in _rules(case):
        for move in _transitions(rule):
            days = float(move.get("TransitionInDays", LEAST_DAYS_BEFORE_INFREQUENT))
            if move.get("StorageClass") in INFREQUENT and days < LEAST_DAYS_BEFORE_INFREQUENT:
                return f"{move['StorageClass']} after {days:g} days"
    return False


def _ends_before_it_moves(case: Case) -> object:
    for rule in _rules(case):
        ends = rule.get("ExpirationInDays")
        for move in _transitions(rule):
            days = move.get("TransitionInDays")
            if ends is not None and days is not None and float(ends) <= float(days):
                return f"moved after {days} days, ended after {ends}"
    return False


def _keys(one: Resource) -> set[str]:
    """Every attribute that the table's keys and indexes name."""
    schemas = [one.items("KeySchema")]
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        schemas += [each.get("KeySchema", []) for each in one.items(kind) if isinstance(each, dict)]
    return {str(each["AttributeName"]) for schema in schemas for each in schema}


def _attributes(case: Case) -> str:
    one = case.resource
    if has_unknown(one.at("AttributeDefinitions")) or not one.given("AttributeDefinitions"):
        return ""
    defined = {str(each["AttributeName"]) for each in one.items("AttributeDefinitions")}
    return ", ".join(sorted(defined ^ _keys(one)))


def _indexes(one: Resource | None) -> set[str]:
    found = one.items("GlobalSecondaryIndexes") if one else []
    return {str(each.get("IndexName")) for each in found if isinstance(each, dict)}


def _index_changes(case: Case) -> object:
    changed = _indexes(case.before) ^ _indexes(case.resource)
    return len(changed) > 1 and ", ".join(sorted(changed))


def _cold_too_briefly(case: Case) -> object:
    for rule in case.resource.items("BackupPlan.BackupPlanRule"):
        life = rule.get("Lifecycle", {}) if isinstance(rule, dict) else {}
        cold, ends = life.get("MoveToColdStorageAfterDays"), life.get("DeleteAfterDays")
        if cold is None or ends is None or has_unknown([cold, ends]):
            continue
        if float(ends) < float(cold) + LEAST_COLD_DAYS:
            return f"cold after {cold} days, deleted after {ends}"
    return False


ROWS = (
    Row(
        id="replicated-bucket-without-versions",
        types=(BUCKET,),
        refuses=lambda case: (
            case.resource.given("ReplicationConfiguration")
            and case.resource.at("VersioningConfiguration.Status") in (None, "Suspended")
        ),
        sentence="A bucket that is replicated keeps versions.",
        source=f"{S3}/replication-requirements.html",
    ),
    Row(
        id="moved-to-infrequent-access-too-early",
        types=(BUCKET,),
        refuses=_too_early,
        sentence="Objects move to infrequent access after 30 days or more.",
        source=f"{S3}/lifecycle-transition-general-considerations.html",
    ),
    Row(
        id="objects-end-before-they-move",
        types=(BUCKET,),
        refuses=_ends_before_it_moves,
        sentence="Objects expire later than they move.",
        source=f"{S3}/lifecycle-expire-general-considerations.html",
    ),
    Row(
        id="object-lock-turned-off",
        types=(BUCKET,),
        on=On.CHANGED,
        refuses=lambda case: (
            case.before is not None
            and case.before.true("ObjectLockEnabled")
            and case.resource.false("ObjectLockEnabled")
        ),
        sentence="Object Lock is not turned off again.",
        source=f"{S3}/object-lock-configure.html",
    ),
    Row(
        id="table-attributes-without-a-key",
        types=(TABLE, "AWS::DynamoDB::GlobalTable"),
        refuses=_attributes,
        sentence="AttributeDefinitions are the attributes of the keys and indexes, no more and no fewer.",
        source=f"{DYNAMODB}/API_CreateTable.html (AttributeDefinitions)",
    ),
    Row(
        id="on-demand-table-with-throughput",
        types=(TABLE,),
        refuses=lambda case: (
            case.resource.known("BillingMode") == "PAY_PER_REQUEST"
            and case.resource.given("ProvisionedThroughput")
        ),
        sentence="A table that is paid per request names no ProvisionedThroughput.",
        source=f"{DYNAMODB}/API_CreateTable.html (ProvisionedThroughput)",
    ),
    Row(
        id="several-indexes-in-one-change",
        types=(TABLE,),
        on=On.CHANGED,
        refuses=_index_changes,
        sentence="One update makes or deletes one global secondary index.",
        source=f"{DYNAMODB}/API_UpdateTable.html (GlobalSecondaryIndexUpdates)",
    ),
    Row(
        id="protected-table-deleted",
        types=(TABLE,),
        on=On.DELETED,
        refuses=lambda case: (
            case.before is not None and case.before.true("DeletionProtectionEnabled")
        ),
        sentence="A table with deletion protection is not deleted: turn it off in an update first.",
        source=f"{DYNAMODB}/API_CreateTable.html (DeletionProtectionEnabled)",
    ),
    Row(
        id="provisioned-files-without-throughput",
        types=(FILES,),
        refuses=lambda case: (
            case.resource.known("ThroughputMode") == "provisioned"
            and not case.resource.given("ProvisionedThroughputInMibps")
        ),
        sentence="A file system in provisioned mode says its throughput.",
        source="https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html (ThroughputMode)",
    ),
    Row(
        id="backup-cold-too-briefly",
        types=(PLAN,),
        refuses=_cold_too_briefly,
        sentence="A backup stays in cold storage for 90 days or more.",
        source="https://docs.aws.amazon.com/aws-backup/latest/devguide/API_Lifecycle.html",
    ),
)
