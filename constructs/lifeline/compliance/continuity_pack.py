"""Our own rule pack: what cdk-nag cannot see because it looks at one resource at a time.

It checks the written templates of all regions together: pairs that lack their other half, regions that
need each other, and state that is kept, untagged or unnamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import aws_cdk as cdk
import jsii

from lifeline.compliance.continuity_policy import ContinuityPolicy
from lifeline.compliance.continuity_rule import ContinuityRule, Refusal
from lifeline.compliance.continuity_rules import CONTINUITY_RULES, rule_id
from lifeline.compliance.pack_names import CONTINUITY
from lifeline.compliance.synthesized_environment import (
    Resource,
    StackTemplate,
    SynthesizedEnvironment,
)

ANY_APPLICATION = ContinuityPolicy()
UNKNOWN_REGION = "unknown-region"
"""What the CDK writes for a stack without one."""


@jsii.implements(cdk.IPolicyValidationPlugin)
class ContinuityPack:
    """Refuses an environment that would not survive the loss of a region, or would outlive its deletion.

    Covers: a second half that was never made, a dependency between regions, an alarm that reads silence
    as health. Does not cover: whether replication works once deployed; lag alarms and drills show that.
    """

    def __init__(self, policy: ContinuityPolicy) -> None:
        self._policy = policy

    @property
    def name(self) -> str:
        """The plugin's name, part of every acknowledgement."""
        return CONTINUITY

    @property
    def version(self) -> str:
        """The pack's version."""
        return "1.0.0"

    @property
    def rule_ids(self) -> list[str]:
        """Every rule that the pack evaluates."""
        return [rule_id(rule) for rule in CONTINUITY_RULES]

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Every finding in the templates; the CDK then takes the acknowledged ones out."""
        stacks = [
            StackTemplate(
                name=one.stack_construct_path,
                region=_region(one),
                template=json.loads(Path(one.template_path).read_text()),
                path=one.template_path,
            )
            for one in context.stack_templates
        ]
        environment = SynthesizedEnvironment(self._policy, stacks)
        violations = [
            _violation(rule, because, refused)
            for rule in CONTINUITY_RULES
            for because, refused in _by_reason(rule.findings(environment)).items()
        ]
        return cdk.PolicyValidationPluginReport(success=not violations, violations=violations)


def attach_continuity(app: cdk.App, policy: ContinuityPolicy = ANY_APPLICATION) -> None:
    """Check the whole of `app`, Lifeline's or not, against the continuity rules; a finding fails the synth.

    Each stack must name its region in `env`: the rules compare regions.
    """
    cdk.Validations.of(app).add_plugins(ContinuityPack(policy))


def _region(stack: cdk.PolicyValidationStack) -> str:
    """Raises ValueError for a stack that leaves its region to the deployment."""
    if not stack.region or stack.region == UNKNOWN_REGION:
        raise ValueError(
            f"The stack {stack.stack_construct_path} has no region; the continuity rules compare "
            "regions: give it env=Environment(region=...)."
        )
    return str(stack.region)


Refused = list[tuple[Resource, Refusal]]


def _by_reason(found: Iterable[tuple[Resource, Refusal]]) -> dict[str, Refused]:
    """Findings with the same sentence are one violation of several resources."""
    grouped: dict[str, Refused] = {}
    for resource, refusal in found:
        grouped.setdefault(refusal.because, []).append((resource, refusal))
    return grouped


def _violation(rule: ContinuityRule, because: str, refused: Refused) -> cdk.PolicyViolation:
    return cdk.PolicyViolation(
        rule_name=rule_id(rule),
        description=f"{rule.description} Here: {because}.",
        fix=rule.fix,
        severity="error",
        violating_resources=[
            cdk.PolicyViolatingResource(
                resource_logical_id=resource.logical_id,
                template_path=resource.stack.path,
                locations=[refusal.location],
            )
            for resource, refusal in refused
        ],
    )
