"""The whole platform: both regions and the witness, from the installed wheel.

cdk synth -c environmentSuffix=demo
cdk deploy --all -c environmentSuffix=demo
"""

from __future__ import annotations

import aws_cdk as cdk

from lifeline.compliance.continuity_pack import attach_continuity
from lifeline.compliance.continuity_policy import ContinuityPolicy
from lifeline.compliance.packs import attach_packs
from lifeline.settings import settings_from_context
from lifeline.stacks.lifeline_app import build


def main() -> None:
    """Read the settings from the context, build every stack, check them, write the assembly."""
    app = cdk.App()
    settings = settings_from_context(app.node.try_get_context)
    build(app, settings)
    attach_packs(app)
    attach_continuity(app, ContinuityPolicy.of(settings))
    app.synth()


if __name__ == "__main__":
    main()
