"""Properties with CloudFormation's intrinsics resolved, where a template alone says enough."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

ACCOUNT: Final = "000000000000"
"""Stands for an account that the template does not name; as long as a real one."""
REFERENCE = re.compile(r"\$\{(!?)([^}]+)\}")


class Unknown:
    """A value that only AWS knows. It equals nothing, so no rule matches it."""

    def __repr__(self) -> str:
        return "(known at deploy time)"


UNKNOWN: Final = Unknown()
NO_VALUE: Final = object()
"""`AWS::NoValue`: the property is as if it were not written."""


def pseudo_parameters(region: str) -> dict[str, Any]:
    """What `Ref` gives for CloudFormation's own parameters."""
    china = region.startswith("cn-")
    return {
        "AWS::Region": region,
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws-cn" if china else "aws",
        "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
        "AWS::NoValue": NO_VALUE,
    }


def resolved(value: Any, known: Mapping[str, Any]) -> Any:
    """`value` without intrinsics. `known`: what `Ref` gives, by name. Raises nothing."""
    if isinstance(value, list):
        made = [resolved(one, known) for one in value]
        return [one for one in made if one is not NO_VALUE]
    if not isinstance(value, dict):
        return UNKNOWN if isinstance(value, str) and "{{resolve:" in value else value
    if len(value) == 1:
        ((name, given),) = value.items()
        if name == "Ref":
            return known.get(str(given), UNKNOWN)
        if name == "Fn::Join":
            return _joined(given, known)
        if name == "Fn::Sub":
            return _substituted(given, known)
        if name.startswith("Fn::") or name == "Condition":
            return UNKNOWN
    made_of = {key: resolved(one, known) for key, one in value.items()}
    return {key: one for key, one in made_of.items() if one is not NO_VALUE}


def _joined(given: Any, known: Mapping[str, Any]) -> Any:
    separator, parts = given
    texts = resolved(parts, known)
    if not isinstance(texts, list) or not all(isinstance(one, (str, int)) for one in texts):
        return UNKNOWN
    return resolved(str(separator).join(str(one) for one in texts), known)


def _substituted(given: Any, known: Mapping[str, Any]) -> Any:
    text, own = (given, {}) if isinstance(given, str) else given
    values = {**known, **{name: resolved(one, known) for name, one in own.items()}}
    names = [name for literal, name in REFERENCE.findall(text) if not literal]
    if not all(isinstance(values.get(name), (str, int)) for name in names):
        return UNKNOWN
    return REFERENCE.sub(
        lambda found: f"${{{found[2]}}}" if found[1] else str(values[found[2]]), text
    )


def has_unknown(value: Any) -> bool:
    """Whether something in the value is known at deploy time only."""
    if isinstance(value, dict):
        return any(has_unknown(one) for one in value.values())
    if isinstance(value, list):
        return any(has_unknown(one) for one in value)
    return isinstance(value, Unknown)
