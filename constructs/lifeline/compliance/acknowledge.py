"""Why a finding is not fixed, written on the resource it is about, once for every pack that repeats it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import aws_cdk as cdk
from constructs import IConstruct

from lifeline.compliance.pack_names import AWS_SOLUTIONS, CONTINUITY, SHARED

PSEUDO_PARAMETER = re.compile(r"\$\{Token\[AWS\.(\w+)\.\d+\]\}")
"""What the CDK writes for a region, account or partition that is not known at synth."""


def acknowledge_pattern(construct: IConstruct, *patterns: str, reason: str) -> None:
    """Acknowledge that a policy allows something on ARNs with a wildcard, with the reason for it."""
    ids = [f"AwsSolutions-IAM5[Resource::{one}]" for one in patterns]
    acknowledge(construct, *ids, reason=reason)


def acknowledge(construct: IConstruct, *ids: str, reason: str) -> None:
    """Acknowledge the findings `ids` on `construct` alone, with the reason a reviewer will read.

    An id names its pack (`AwsSolutions-IAM5[Resource::*]`, `LifelineContinuity-SecretWithoutReplica`) or,
    for a rule that HIPAA, NIST and PCI share, only the rule (`LambdaDLQ`): it is then written for all
    three, as it is when it names one of them. A pack that has no such rule never asks for its id. An id
    that names a plugin itself (`CloudFormation-Validate::F3002`) is taken as it is. A token of a pseudo
    parameter in an id becomes the packs' own writing of it, `<AWS::Region>`.

    An acknowledged finding is not lost: the id names its plugin (`plugin::rule`), so that the packs still
    report it and the CDK moves it, with the reason, to the report's suppressed findings.
    """
    rules = [cdk.Acknowledgment(id=one, reason=reason) for one in expanded(ids)]
    cdk.Validations.of(construct).acknowledge(*rules)


def expanded(ids: Iterable[str]) -> list[str]:
    """Every id as the CDK wants it: `plugin::rule`."""
    found: list[str] = []
    for given in ids:
        one = PSEUDO_PARAMETER.sub(r"<AWS::\1>", given)
        if "::" in one.partition("[")[0]:
            found.append(one)
            continue
        own = next(
            (pack for pack in (AWS_SOLUTIONS, CONTINUITY) if one.startswith(f"{pack}-")), None
        )
        if own is not None:
            found.append(f"{own}::{one}")
            continue
        rule = one
        for pack in SHARED:
            rule = rule.removeprefix(f"{pack}-")
        found.extend(f"{pack}::{pack}-{rule}" for pack in SHARED)
    return found
