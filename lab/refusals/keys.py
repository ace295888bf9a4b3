"""What KMS, Secrets Manager and IAM refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from lab.refusals.row import On, Row
from lab.refusals.situation import Case
from lab.refusals.values import has_unknown

KEY, ALIAS, SECRET = "AWS::KMS::Key", "AWS::KMS::Alias", "AWS::SecretsManager::Secret"
ROTATION, POLICY = "AWS::SecretsManager::RotationSchedule", "AWS::IAM::ManagedPolicy"
KMS = "https://docs.aws.amazon.com/kms/latest/APIReference"
SECRETS = "https://docs.aws.amazon.com/secretsmanager/latest/apireference"
HOURS = re.compile(r"rate\((\d+) hours?\)")
LEAST_HOURS = 4
MOST_POLICY_CHARACTERS = 6_144


def _statements(policy: Any) -> Iterator[dict[str, Any]]:
    found = policy.get("Statement", []) if isinstance(policy, dict) else []
    yield from (
        one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)
    )


def _locks_itself_out(case: Case) -> bool:
    """No statement lets anybody put another policy. A principal or action nobody knows may be the one."""
    policy = case.resource.known("KeyPolicy")
    if policy is None or case.resource.true("BypassPolicyLockoutSafetyCheck"):
        return False
    for one in _statements(policy):
        actions = one.get("Action", [])
        listed = actions if isinstance(actions, list) else [actions]
        may = has_unknown(listed) or any(
            fnmatchcase("kms:putkeypolicy", str(action).lower()) for action in listed
        )
        if one.get("Effect") == "Allow" and may and not _is_a_service(one.get("Principal")):
            return False
    return True


def _is_a_service(principal: Any) -> bool:
    return isinstance(principal, dict) and set(principal) == {"Service"}


def _replicas(case: Case) -> list[str]:
    regions = [
        one.get("Region") for one in case.resource.items("ReplicaRegions") if isinstance(one, dict)
    ]
    return [one for one in regions if isinstance(one, str)]


def _taken_there(case: Case) -> str:
    """Regions in which another stack makes a secret of the same name."""
    name = case.resource.text("Name")
    return ", ".join(
        region
        for region in _replicas(case)
        if any(
            name and one.text("Name") == name
            for one in case.situation.beside(SECRET, region=region)
        )
    )


def _too_often(case: Case) -> object:
    found = HOURS.fullmatch(case.resource.text("RotationRules.ScheduleExpression"))
    return found is not None and int(found[1]) < LEAST_HOURS and found[0]


def _policy_length(case: Case) -> object:
    document = case.resource.known("PolicyDocument")
    if document is None or has_unknown(document):
        return False
    characters = len(re.sub(r"\s", "", json.dumps(document, separators=(",", ":"))))
    return characters > MOST_POLICY_CHARACTERS and str(characters)


ROWS = (
    Row(
        id="key-policy-that-locks-itself-out",
        types=(KEY, "AWS::KMS::ReplicaKey"),
        refuses=_locks_itself_out,
        sentence="A key policy lets the account, or who makes the key, put a new policy (kms:PutKeyPolicy).",
        source=f"{KMS}/API_CreateKey.html (Policy)",
    ),
    Row(
        id="key-turned-multi-region",
        types=(KEY,),
        on=On.CHANGED,
        refuses=lambda case: (
            case.before is not None
            and case.before.true("MultiRegion") != case.resource.true("MultiRegion")
            and not has_unknown([case.before.at("MultiRegion"), case.resource.at("MultiRegion")])
        ),
        sentence="Whether a key is for many regions is decided when it is made.",
        source=f"{KMS}/API_CreateKey.html (MultiRegion)",
    ),
    Row(
        id="alias-of-aws",
        types=(ALIAS,),
        refuses=lambda case: case.resource.text("AliasName").startswith("alias/aws/"),
        sentence="Aliases that begin with alias/aws/ are AWS's own.",
        source=f"{KMS}/API_CreateAlias.html (AliasName)",
    ),
    Row(
        id="alias-of-no-form",
        types=(ALIAS,),
        refuses=lambda case: (
            case.resource.text("AliasName") != ""
            and not case.resource.text("AliasName").startswith("alias/")
            and case.resource.text("AliasName")
        ),
        sentence="An alias begins with alias/.",
        source=f"{KMS}/API_CreateAlias.html (AliasName)",
    ),
    Row(
        id="secret-replicated-over-another",
        types=(SECRET,),
        refuses=_taken_there,
        sentence="A secret is not replicated over one of the same name that is there.",
        source=f"{SECRETS}/API_CreateSecret.html (ForceOverwriteReplicaSecret)",
    ),
    Row(
        id="secret-replicated-to-its-own-region",
        types=(SECRET,),
        refuses=lambda case: case.situation.region in _replicas(case) and case.situation.region,
        sentence="A secret's replicas are in other regions than the secret.",
        source=f"{SECRETS}/API_ReplicateSecretToRegions.html",
    ),
    Row(
        id="generated-secret-without-its-frame",
        types=(SECRET,),
        refuses=lambda case: (
            case.resource.given("GenerateSecretString.GenerateStringKey")
            != case.resource.given("GenerateSecretString.SecretStringTemplate")
        ),
        sentence="GenerateStringKey and SecretStringTemplate come together.",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        "aws-properties-secretsmanager-secret-generatesecretstring.html",
    ),
    Row(
        id="secret-with-two-contents",
        types=(SECRET,),
        refuses=lambda case: (
            case.resource.given("SecretString") and case.resource.given("GenerateSecretString")
        ),
        sentence="A secret has a text or a generated one.",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        "aws-resource-secretsmanager-secret.html",
    ),
    Row(
        id="secret-rotated-too-often",
        types=(ROTATION,),
        refuses=_too_often,
        sentence="A secret rotates every four hours at most.",
        source=f"{SECRETS}/API_RotationRulesType.html",
    ),
    Row(
        id="secret-rotated-by-two-rules",
        types=(ROTATION,),
        refuses=lambda case: (
            case.resource.given("RotationRules.ScheduleExpression")
            and case.resource.given("RotationRules.AutomaticallyAfterDays")
        ),
        sentence="A rotation goes by ScheduleExpression or by AutomaticallyAfterDays, not by both.",
        source=f"{SECRETS}/API_RotationRulesType.html",
    ),
    Row(
        id="managed-policy-too-long",
        types=(POLICY,),
        refuses=_policy_length,
        sentence=f"A managed policy has at most {MOST_POLICY_CHARACTERS} characters, white space apart.",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
    ),
)
