"""Rules about pairs: what one region has, the other must have too, or losing a region loses it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from lifeline.compliance.continuity_rule import ContinuityRule, Refusal, types
from lifeline.compliance.synthesized_environment import Resource, SynthesizedEnvironment, rendered

BACKUP_PLAN = ("164.308(a)(7)(ii)(A)",)
RECOVERY_PLAN = ("164.308(a)(7)(ii)(B)",)
EMERGENCY_MODE = ("164.308(a)(7)(ii)(C)",)
TESTING = ("164.308(a)(7)(ii)(D)",)
REGION_OF_ARN = re.compile(r"arn:[^:]*:[a-z0-9-]+:([a-z0-9-]+):")
REPLICATOR = "AWS::MSK::Replicator"
RECOVERY_PLAN_NAME = "failover-plan"
"""How the name of the state machine begins that makes a region active."""
Examines = Callable[[SynthesizedEnvironment], Iterable[Resource]]
MIRROR = "mirror"
"""Part of the name of the MirrorMaker service, where that copies the log."""


def _database_alone(environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    clusters = environment.of_type("AWS::RDS::DBCluster")
    if resource.type == "AWS::RDS::GlobalCluster":
        wanted = {resource.text("GlobalClusterIdentifier"), f"${{{resource.logical_id}}}"}
    elif "GlobalClusterIdentifier" not in resource.properties:
        yield Refusal("it is in no global cluster, so the other region has no copy")
        return
    else:
        wanted = {resource.text("GlobalClusterIdentifier")}
    regions = {one.region for one in clusters if one.text("GlobalClusterIdentifier") in wanted}
    if resource.type == "AWS::RDS::GlobalCluster" and len(regions) < 2:
        yield Refusal(f"its members lie in {_named(regions)} only")


def _cache_alone(environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    groups = environment.of_type("AWS::ElastiCache::ReplicationGroup")
    globals_ = environment.of_type("AWS::ElastiCache::GlobalReplicationGroup")
    members = [
        (
            rendered(one.get("ReplicationGroupId", "")),
            rendered(one.get("ReplicationGroupRegion", "")),
        )
        for each in globals_
        for one in each.properties.get("Members", [])
    ]
    if resource.type == "AWS::ElastiCache::ReplicationGroup":
        own = {resource.text("ReplicationGroupId"), f"${{{resource.logical_id}}}"}
        member = any(group in own for group, _ in members)
        if not member and "GlobalReplicationGroupId" not in resource.properties:
            yield Refusal("it is in no global group, so the other region has no copy")
        return
    joined = {one.region for one in groups if "GlobalReplicationGroupId" in one.properties}
    regions = {region for _, region in members} | joined
    if len(regions) < 2:
        yield Refusal(f"its members lie in {_named(regions)} only")


def _secret_alone(_environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    replicas = resource.properties.get("ReplicaRegions", [])
    elsewhere = {rendered(one.get("Region")) for one in replicas} - {resource.region}
    if not elsewhere:
        yield Refusal("it has no replica in another region", "Properties/ReplicaRegions")


def _one_way(environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    copiers = {one.region for one in environment.resources() if _copies_the_log(one)}
    if resource.region not in copiers:
        yield Refusal(f"nothing in {resource.region} copies the other region's log to it")


def _copies_the_log(resource: Resource) -> bool:
    if resource.type == REPLICATOR:
        return True
    return resource.type == "AWS::ECS::Service" and MIRROR in resource.text("ServiceName")


def _forgets_too_soon(environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    needed = environment.policy.outage_seconds
    hours = int(resource.properties.get("RetentionPeriodHours", 24))
    if hours * 3600 < needed:
        yield Refusal(
            f"it keeps events for {hours} h; an outage of RTO and detection takes {needed} s",
            "Properties/RetentionPeriodHours",
        )


def _copied_nowhere(_environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    plan = resource.properties.get("BackupPlan", {})
    for number, rule in enumerate(plan.get("BackupPlanRule", [])):
        vaults = [rendered(one["DestinationBackupVaultArn"]) for one in rule.get("CopyActions", [])]
        found = [REGION_OF_ARN.match(vault) for vault in vaults]
        if not any(one and one[1] != resource.region for one in found):
            yield Refusal(
                f"its rule {rendered(rule.get('RuleName', number))} copies to no other region",
                f"Properties/BackupPlan/BackupPlanRule/{number}",
            )


def _restore_untested(environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    tested = {one.region for one in environment.of_type("AWS::Backup::RestoreTestingPlan")}
    if resource.region not in tested:
        yield Refusal(f"no restore-testing plan in {resource.region} ever restores what it keeps")


def _drills_unwatched(environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    alarms = environment.of_type("AWS::CloudWatch::Alarm")
    if not any("DaysSinceDrill" in rendered(one.properties) for one in alarms):
        yield Refusal(
            "no alarm tells that the last drill is too long ago (Lifeline/DaysSinceDrill)"
        )


def _with_a_standby(examines: Examines) -> Examines:
    """Nothing, where the second region only keeps copies (ADR 23): no compliance is claimed either."""
    return lambda environment: examines(environment) if environment.policy.has_standby else ()


def _recovery_plans(environment: SynthesizedEnvironment) -> Iterable[Resource]:
    machines = environment.of_type("AWS::StepFunctions::StateMachine")
    return [one for one in machines if one.text("StateMachineName").startswith(RECOVERY_PLAN_NAME)]


def _named(regions: set[str]) -> str:
    return ", ".join(sorted(regions)) or "no region"


PAIRING_RULES = (
    ContinuityRule(
        name="DatabaseWithoutSecondMember",
        description="A database is a member of a global cluster with members in two regions.",
        fix="Make the member of the other region (lifeline.data.GlobalDatabase in both).",
        controls=RECOVERY_PLAN + EMERGENCY_MODE,
        examines=_with_a_standby(types("AWS::RDS::GlobalCluster", "AWS::RDS::DBCluster")),
        refuses=_database_alone,
    ),
    ContinuityRule(
        name="CacheWithoutSecondMember",
        description="A cache is a member of a global group with members in two regions.",
        fix="Make the member of the other region (lifeline.data.SessionCache in both).",
        controls=RECOVERY_PLAN + EMERGENCY_MODE,
        examines=_with_a_standby(
            types("AWS::ElastiCache::GlobalReplicationGroup", "AWS::ElastiCache::ReplicationGroup")
        ),
        refuses=_cache_alone,
    ),
    ContinuityRule(
        name="SecretWithoutReplica",
        description="A secret has a replica in the other region.",
        fix="Give it ReplicaRegions; acknowledge one that is of use in its own region only.",
        controls=(*EMERGENCY_MODE, "164.312(a)(2)(ii)"),
        examines=_with_a_standby(types("AWS::SecretsManager::Secret")),
        refuses=_secret_alone,
    ),
    ContinuityRule(
        name="ReplicatorInOneDirection",
        description="The log is copied in both directions: a replicator lives in each region.",
        fix="Make the replicator (or MirrorMaker service) of the other direction.",
        controls=BACKUP_PLAN + RECOVERY_PLAN,
        examines=_with_a_standby(types("AWS::MSK::Cluster")),
        refuses=_one_way,
    ),
    ContinuityRule(
        name="StreamRetentionTooShort",
        description="The edge stream keeps events longer than RTO and detection together.",
        fix="Raise RetentionPeriodHours.",
        controls=BACKUP_PLAN,
        examines=types("AWS::Kinesis::Stream"),
        refuses=_forgets_too_soon,
    ),
    ContinuityRule(
        name="BackupWithoutCopy",
        description="Every rule of a backup plan copies to a vault of another region.",
        fix="Give the rule a copy action with the other region's vault.",
        controls=BACKUP_PLAN,
        examines=types("AWS::Backup::BackupPlan"),
        refuses=_copied_nowhere,
    ),
    ContinuityRule(
        name="RestoreUntested",
        description="What a backup plan keeps is restored for a test, regularly, in its region.",
        fix="Make a restore-testing plan beside the backup plan.",
        controls=TESTING,
        examines=types("AWS::Backup::BackupPlan"),
        refuses=_restore_untested,
    ),
    ContinuityRule(
        name="DrillsUnwatched",
        description="An alarm rings when the last drill is too long ago.",
        fix="Make the alarm on Lifeline/DaysSinceDrill (lifeline.observability).",
        controls=TESTING,
        examines=_with_a_standby(_recovery_plans),
        refuses=_drills_unwatched,
    ),
)
