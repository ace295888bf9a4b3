"""Why a finding is not fixed, written on the resource it is about, once for every pack that repeats it."""

from __future__ import annotations

from collections.abc import Iterable

import aws_cdk as cdk
from constructs import IConstruct

HIPAA = "HIPAA.Security"
NIST = "NIST.800.53.R5"
AWS_SOLUTIONS = "AwsSolutions"


def acknowledge(construct: IConstruct, *ids: str, reason: str) -> None:
    """Acknowledge the findings `ids` on `construct` alone, with the reason a reviewer will read.

    An id names its pack (`AwsSolutions-IAM5[Resource::*]`) or, for a rule that HIPAA and NIST share, only
    the rule (`LambdaDLQ`): it is then written for both.
    """
    rules = [cdk.Acknowledgment(id=one, reason=reason) for one in _expanded(ids)]
    cdk.Validations.of(construct).acknowledge(*rules)


def _expanded(ids: Iterable[str]) -> list[str]:
    found: list[str] = []
    for one in ids:
        if one.startswith((HIPAA, NIST, AWS_SOLUTIONS)):
            found.append(one)
        else:
            found.extend((f"{HIPAA}-{one}", f"{NIST}-{one}"))
    return found
