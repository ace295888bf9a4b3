"""Rules about what stays and who owns it: deletion, permissions, tags and names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lifeline.compliance.continuity_rule import ContinuityRule, Refusal
from lifeline.compliance.physical_names import NAME_PROPERTIES, carries
from lifeline.compliance.synthesized_environment import Resource, SynthesizedEnvironment, rendered
from lifeline.compliance.tagging import tag_keys, tag_property

KEEPING = ("Retain", "RetainExceptOnCreate", "Snapshot")
STATEFUL = frozenset(
    {
        "AWS::Backup::BackupVault",
        "AWS::Cognito::UserPool",
        "AWS::DynamoDB::Table",
        "AWS::ECR::Repository",
        "AWS::EFS::FileSystem",
        "AWS::ElastiCache::GlobalReplicationGroup",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::Glue::Registry",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::Logs::LogGroup",
        "AWS::MSK::Cluster",
        "AWS::MSK::Topic",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::RDS::GlobalCluster",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
    }
)
"""Types that hold what a deploy cannot make again; CloudFormation snapshots some of them by default."""
IDENTITIES = (
    "AWS::IAM::Group",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::User",
)


def identity_statements(resource: Resource) -> Iterator[dict[str, Any]]:
    """Every statement that gives an identity permissions; trust policies are not among them."""
    properties = resource.properties
    documents = [properties.get("PolicyDocument", {})]
    documents += [one.get("PolicyDocument", {}) for one in properties.get("Policies", [])]
    for document in documents:
        yield from _listed(document.get("Statement", []))


def actions_of(statement: dict[str, Any]) -> list[str]:
    """The actions of a statement, `NotAction` written as the wildcard that it is."""
    if "NotAction" in statement:
        return ["*"]
    return [str(one) for one in _listed(statement.get("Action", []))]


def resources_of(statement: dict[str, Any]) -> list[str]:
    """The resources of a statement, rendered."""
    if "NotResource" in statement:
        return ["*"]
    return [rendered(one) for one in _listed(statement.get("Resource", []))]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _whole_service(_environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    for statement in identity_statements(resource):
        if statement.get("Effect") == "Deny":
            continue
        for action in actions_of(statement):
            if action == "*" or action.endswith(":*"):
                yield Refusal(f"it allows {action}", "Properties/PolicyDocument")


def _identities(environment: SynthesizedEnvironment) -> Iterable[Resource]:
    return environment.of_type(*IDENTITIES)


def _kept(_environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        given = resource.body.get(policy)
        if given in KEEPING:
            yield Refusal(f"its {policy} is {given}", policy)
        elif given is None and resource.type in STATEFUL:
            yield Refusal(f"its {policy} is left to CloudFormation; write Delete", policy)


def _deletable(environment: SynthesizedEnvironment) -> Iterable[Resource]:
    if not environment.policy.deletable:
        return []
    said = ("DeletionPolicy", "UpdateReplacePolicy")
    return [
        one
        for one in environment.resources()
        if one.type in STATEFUL or any(policy in one.body for policy in said)
    ]


def _untagged(environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    name = tag_property(resource.type, resource.region)
    if name is None:
        return
    missing = environment.policy.required_tags - tag_keys(resource.properties.get(name))
    if missing:
        yield Refusal(f"it lacks {', '.join(sorted(missing))}", f"Properties/{name}")


def _taggable(environment: SynthesizedEnvironment) -> Iterable[Resource]:
    if not environment.policy.required_tags:
        return []
    return [one for one in environment.resources() if tag_property(one.type, one.region)]


def _foreign_name(environment: SynthesizedEnvironment, resource: Resource) -> Iterable[Refusal]:
    name, suffix = physical_name(resource), environment.policy.suffix
    if suffix and not carries(name, suffix):
        yield Refusal(
            f"its name {name!r} is not of environment {suffix!r}",
            f"Properties/{NAME_PROPERTIES[resource.type].property}",
        )


def physical_name(resource: Resource) -> str:
    """The name that the template gives the resource, rendered; empty when the service chooses it."""
    if resource.type not in NAME_PROPERTIES:
        return ""
    value: Any = resource.properties
    for part in NAME_PROPERTIES[resource.type].property.split("/"):
        value = value.get(part, {}) if isinstance(value, dict) else {}
    return rendered(value)


def _named(environment: SynthesizedEnvironment) -> Iterable[Resource]:
    if environment.policy.suffix is None:
        return []
    return [one for one in environment.resources() if physical_name(one)]


KEEPING_RULES = (
    ContinuityRule(
        name="WholeServiceAllowed",
        description="No identity is allowed `*` or all actions of a service.",
        fix="Name each action.",
        controls=("164.308(a)(3)(i)", "164.308(a)(4)(ii)(B)", "164.312(a)(1)"),
        examines=_identities,
        refuses=_whole_service,
    ),
    ContinuityRule(
        name="KeptAfterDelete",
        description="Deleting a stack deletes what it made; what holds state says so.",
        fix="Write Delete as deletion and update-replace policy.",
        controls=("164.310(d)(2)(i)",),
        examines=_deletable,
        refuses=_kept,
    ),
    ContinuityRule(
        name="WithoutTags",
        description="What takes tags carries those that the policy names.",
        fix="Make it in a stack that tags (stacks.site_stack), or tag it by hand.",
        controls=("164.310(d)(2)(iii)",),
        examines=_taggable,
        refuses=_untagged,
    ),
    ContinuityRule(
        name="NameWithoutSuffix",
        description="A physical name carries the environment's suffix.",
        fix="Take the name from Site.names.",
        controls=("164.310(d)(2)(iii)",),
        examines=_named,
        refuses=_foreign_name,
    ),
)
