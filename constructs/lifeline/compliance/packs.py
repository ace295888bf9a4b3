"""The rule packs of a nag build. A plain synth attaches none: it stays fast and prints nothing."""

from __future__ import annotations

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks


def attach_packs(app: cdk.App) -> None:
    """Check `app` against HIPAA Security, AWS Solutions and NIST 800-53 R5; a finding fails the synth."""
    cdk.Validations.of(app).add_plugins(
        HIPAASecurityChecks(app), AwsSolutionsChecks(app), NIST80053R5Checks(app)
    )
