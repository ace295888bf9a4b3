"""Rules about independence: no region needs another one to deploy, decrypt or raise an alarm."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lifeline.compliance.continuity_rule import ContinuityRule, Refusal, everything, types
from lifeline.compliance.synthesized_environment import (
    Resource,
    StackTemplate,
    SynthesizedEnvironment,
    intrinsics,
    rendered,
    texts,
)

KEY_ARN = re.compile(r"arn:[^:]*:kms:([a-z0-9-]+):")
DYNAMIC = re.compile(r"\{\{resolve:[^}]*\}\}")
REGION_OF_ARN = re.compile(r"arn:[^:]*:[a-z0-9-]+:([a-z0-9-]+):")
CROSS_REGION_PROVIDERS = ("Custom::CrossRegionExport", "Custom::CrossRegionString")
CDK_EXPORTS = "/cdk/exports/"
KEY_GRANTS = ("AWS::IAM::", "AWS::KMS::")
"""Types that grant the use of keys, also of the peer's; they store nothing."""
REPLICA_KEYS = frozenset({"ReplicaRegions", "ReplicationConfiguration", "Replicas"})
"""Below these a service is told the key with which *it* encrypts in the other region."""
LAG_METRICS = (
    "AuroraGlobalDBReplicationLag",
    "AuroraGlobalDBRPOLag",
    "AuroraReplicaLag",
    "GlobalDatastoreReplicationLag",
    "ReplicationLag",
    "ReplicationLagSeconds",
    "ReplicationLatency",
    "MessageLag",
    "SumOffsetLag",
    "MaxOffsetLag",
    "TimeSinceLastSync",
    "EventsAtRisk",
    "PatientsAtRisk",
    "DaysSinceDrill",
)
WORD = re.compile(r"\w+")
HEARTBEAT = re.compile("heartbeat", re.IGNORECASE)


def _key_elsewhere(_environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    for text in texts(resource.properties, without=REPLICA_KEYS):
        for region in KEY_ARN.findall(text):
            if region != resource.region:
                yield Refusal(f"it needs a key of {region} to be read: {text}")
    for replica in resource.properties.get("ReplicaRegions", []):
        if not isinstance(replica, dict):
            continue
        own = rendered(replica.get("Region", ""))
        for region in KEY_ARN.findall(rendered(replica.get("KmsKeyId", ""))):
            if region != own:
                yield Refusal(f"its replica in {own} needs a key of {region} to be read")


def _encrypted(environment: SynthesizedEnvironment) -> Iterable[Resource]:
    return [one for one in environment.resources() if not one.type.startswith(KEY_GRANTS)]


def _into_another_region(
    environment: SynthesizedEnvironment, resource: Resource
) -> Iterable[Refusal]:
    if resource.type.startswith(CROSS_REGION_PROVIDERS):
        yield Refusal("it copies exports between regions, so both must live to deploy", "Type")
    exported = _exports(environment.stacks, resource.region)
    for name in intrinsics(resource.properties, "Fn::ImportValue"):
        if rendered(name) not in exported:
            yield Refusal(f"no stack of {resource.region} exports {rendered(name)!r}")
    for argument in intrinsics(resource.properties, "Fn::GetStackOutput"):
        yield Refusal(f"it reads an output of another stack by name: {rendered(argument)}")
    for text in texts(resource.properties):
        for reference in DYNAMIC.findall(text):
            regions = set(REGION_OF_ARN.findall(reference)) - {resource.region, ""}
            if regions or CDK_EXPORTS in reference:
                yield Refusal(f"it resolves a value of another region: {reference}")


def _exports(stacks: Iterable[StackTemplate], region: str) -> set[str]:
    return {name for stack in stacks if stack.region == region for name in stack.exports}


def _silence_is_fine(_environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    measured = [
        name for name in _metric_names(resource) if name in LAG_METRICS or HEARTBEAT.search(name)
    ]
    if measured and resource.properties.get("TreatMissingData") != "breaching":
        yield Refusal(
            f"missing data of {', '.join(measured)} reads as zero lag",
            "Properties/TreatMissingData",
        )


def _metric_names(resource: Resource) -> list[str]:
    found = {resource.text("MetricName")}
    for query in resource.properties.get("Metrics", []):
        metric = query.get("MetricStat", {}).get("Metric", {})
        found.add(rendered(metric.get("MetricName", "")))
        # A query (SELECT, SEARCH) names its metrics in its text.
        found.update(WORD.findall(rendered(query.get("Expression", ""))))
    return sorted(found - {""})


ISOLATION_RULES = (
    ContinuityRule(
        name="KeyOfAnotherRegion",
        description="What a region stores is encrypted with a key of that region.",
        fix="Use the region's own key of the purpose (lifeline.foundation.Keys).",
        controls=("164.308(a)(7)(ii)(C)", "164.312(a)(2)(ii)", "164.312(a)(2)(iv)"),
        examines=_encrypted,
        refuses=_key_elsewhere,
    ),
    ContinuityRule(
        name="ReferenceIntoAnotherRegion",
        description="No template reads an export, parameter or secret of another region.",
        fix="Address the peer by its deterministic name (Site.peer, Site.arn).",
        controls=("164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(C)"),
        examines=everything,
        refuses=_into_another_region,
    ),
    ContinuityRule(
        name="LagAlarmIgnoresMissingData",
        description="An alarm on lag, on a heartbeat or on what is at risk rings when its data stop.",
        fix="Set TreatMissingData to breaching.",
        controls=("164.308(a)(7)(ii)(B)", "164.312(b)"),
        examines=types("AWS::CloudWatch::Alarm"),
        refuses=_silence_is_fine,
    ),
)
