"""A template as the text of its snapshot: what a reviewer must read stands in full, the rest as a hash.

In full: every policy statement, security groups, and the properties of resources that hold state. Each
resource begins at the margin, so that git names it above a change.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lifeline.compliance.keeping_rules import STATEFUL
from lifeline.compliance.synthesized_environment import rendered

ASSET_HASH = re.compile(r"[0-9a-f]{64}")
PLAN = "AWS::StepFunctions::StateMachine"
IN_FULL = (
    "AWS::Backup::",
    "AWS::DynamoDB::",
    "AWS::EC2::SecurityGroup",
    "AWS::EFS::",
    "AWS::ElastiCache::",
    "AWS::IAM::",
    "AWS::KMS::",
    "AWS::Kinesis::",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::MSK::",
    "AWS::RDS::",
    "AWS::S3::",
    "AWS::SecretsManager::",
)
"""How the types begin whose properties stand in full, beside those that hold state (`STATEFUL`)."""
TAGS = frozenset({"FileSystemTags", "Tags", "UserPoolTags", "BackupVaultTags", "BackupPlanTags"})
"""The continuity rule `WithoutTags` judges tags: here they are part of the hash."""
WORDS = frozenset({"false", "null", "true"})
PLAIN = re.compile(r"(?![\d\[{\"-])\S(?:.*\S)?")
"""Texts that need no quotes: one line that begins like no number, list or object."""
TEXTS = frozenset({"Fn::GetAtt", "Fn::Join", "Fn::Sub", "Ref"})


def template_text(template: Mapping[str, Any]) -> str:
    """Every resource of a template by its logical id, sorted; asset hashes scrubbed."""
    scrubbed = json.loads(ASSET_HASH.sub("asset", json.dumps(template)))
    resources = sorted(scrubbed["Resources"].items())
    return "".join(f"{line}\n" for name, body in resources for line in _resource(name, body))


def difference(stored: str, found: str) -> str:
    """What changed, resource by resource, as text; empty when nothing did."""
    old, new = _by_resource(stored), _by_resource(found)
    told = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, []), new.get(name, [])
        if before == after:
            continue
        verb = "changed" if before and after else "added" if after else "removed"
        told.append(f"{verb}: {(after or before)[0]}")
        told += [
            f"  {line}"
            for line in difflib.unified_diff(before, after, lineterm="", n=3)
            if not line.startswith(("---", "+++", "@@"))
        ]
    return "\n".join(told)


def _by_resource(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            name = line.split(" ")[0]
        found.setdefault(name, []).append(line)
    return found


def _resource(name: str, body: Mapping[str, Any]) -> Iterator[str]:
    kind = str(body["Type"])
    rest = copy.deepcopy(dict(body))
    del rest["Type"]
    shown: dict[str, Any] = {}
    if kind == PLAN:
        # Thousands of lines, and tests/unit/failover/test_plan.py reads them.
        rest["Properties"]["DefinitionString"] = "the plan"
    elif kind.startswith(IN_FULL) or kind in STATEFUL:
        properties = rest.pop("Properties", {})
        rest["Tags"] = {one: properties.pop(one) for one in TAGS & properties.keys()}
        policies = ("DeletionPolicy", "UpdateReplacePolicy")
        shown = {one: rest.pop(one) for one in policies if one in rest} | properties
    else:
        shown = _take_documents(rest)
    digits = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:8]
    yield f"{name} {kind} {digits}"
    yield from _lines(_readable(shown), " ")


def _take_documents(value: Any, path: str = "") -> dict[str, Any]:
    """Every policy document below `value`, by its path; each is emptied where it was."""
    found: dict[str, Any] = {}
    if _is_policy(value):
        found[path] = dict(value)
        value.clear()
    elif isinstance(value, dict):
        for key, one in value.items():
            found |= _take_documents(one, f"{path}/{key}".lstrip("/"))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            found |= _take_documents(one, f"{path}/{number}")
    return found


def _is_policy(value: Any) -> bool:
    """A policy document; a rule of a web ACL has a `Statement` too, without an effect."""
    statements = value.get("Statement") if isinstance(value, dict) else None
    listed = statements if isinstance(statements, list) else [statements]
    return any(isinstance(one, dict) and "Effect" in one for one in listed)


def _readable(value: Any) -> Any:
    """The value with joins and references written out: one line each."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in TEXTS and not _maps(value):
            return rendered(value)
        if value.keys() == {"Fn::ImportValue"}:
            return f"Fn::ImportValue {rendered(value)}"
        return {key: _readable(one) for key, one in value.items()}
    return [_readable(one) for one in value] if isinstance(value, list) else value


def _maps(value: Mapping[str, Any]) -> bool:
    """Whether it is an `Fn::Sub` with values of its own, which its text would hide."""
    return isinstance(value.get("Fn::Sub"), list)


def _lines(value: Any, margin: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in sorted(value.items()):
            if isinstance(one, dict | list) and one:
                yield f"{margin}{key}:"
                yield from _lines(one, f"{margin} ")
            else:
                yield f"{margin}{key}: {_scalar(one)}"
        return
    for one in value:
        if isinstance(one, dict | list) and one:
            first, *more = _lines(one, f"{margin}  ")
            yield f"{margin}- {first.strip()}"
            yield from more
        else:
            yield f"{margin}- {_scalar(one)}"


def _scalar(value: Any) -> str:
    """One line, whatever the text holds; a text that looks like another value is quoted."""
    if not isinstance(value, str):
        return json.dumps(value)
    return json.dumps(value) if value in WORDS or not PLAIN.fullmatch(value) else value
