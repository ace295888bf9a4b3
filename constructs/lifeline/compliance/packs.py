"""The open rule packs of a nag build. A plain synth attaches none: it stays fast and prints nothing."""

from __future__ import annotations

from importlib.metadata import version

import aws_cdk as cdk
import jsii
from cdk_nag import (
    AwsSolutionsChecks,
    HIPAASecurityChecks,
    NagPack,
    NIST80053R5Checks,
    PCIDSS321Checks,
)

PACKS: tuple[type[NagPack], ...] = (
    HIPAASecurityChecks,
    AwsSolutionsChecks,
    NIST80053R5Checks,
    PCIDSS321Checks,
)


@jsii.implements(cdk.IPolicyValidationPlugin)
class StrictPack:
    """One of cdk-nag's packs with every finding an error.

    The packs call some of their rules warnings, and the CDK lets a synth with warnings pass as soon as one
    finding of the pack is acknowledged.
    """

    def __init__(self, pack: NagPack) -> None:
        self._pack = pack

    @property
    def name(self) -> str:
        """The pack's own name, part of every acknowledgement."""
        return str(self._pack.name)

    @property
    def version(self) -> str:
        """cdk-nag's version."""
        return version("cdk-nag")

    @property
    def rule_ids(self) -> list[str]:
        """The packs do not list theirs."""
        return list(self._pack.rule_ids or [])

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """The pack's findings; the CDK then takes the acknowledged ones out."""
        found = self._pack.validate(context)
        return cdk.PolicyValidationPluginReport(
            success=found.success,
            violations=[
                cdk.PolicyViolation(
                    rule_name=one.rule_name,
                    description=one.description,
                    severity="error",
                    violating_resources=one.violating_resources,
                )
                for one in found.violations
            ],
        )


def attach_packs(app: cdk.App) -> None:
    """Check `app` against HIPAA Security, AWS Solutions, NIST 800-53 R5 and PCI DSS 3.2.1.

    A finding that is not acknowledged fails the synth. The packs judge one resource at a time, so they
    also serve a stack on its own; `lifeline.compliance.continuity_pack` judges the whole environment.
    """
    cdk.Validations.of(app).add_plugins(*(StrictPack(pack(app)) for pack in PACKS))
