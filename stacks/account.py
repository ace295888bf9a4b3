"""Account: what the environments of one account share in a region. Deployed once, by `make account`."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import Environment, Stack, Tags
from constructs import Construct

from lifeline.application.api_log_role import ApiLogRole
from lifeline.failover.drill_boundary import DrillBoundary
from lifeline.regions import Region, region_named


class Account(Stack):
    """It has no suffix: no environment makes it, and none takes it away."""

    def __init__(self, scope: Construct, *, region: Region, first: bool) -> None:
        super().__init__(
            scope,
            f"Account-{region.code}",
            stack_name=f"account-{region.code}",
            env=Environment(region=region.name),
            description="What the environments of this account share in this region",
            termination_protection=True,
        )
        Tags.of(self).add("Project", "Lifeline")
        Tags.of(self).add("Compliance", "HIPAA")
        ApiLogRole(self, "ApiLogRole", region_code=region.code)
        if first:
            DrillBoundary(self, "DrillBoundary")


def build_account(app: cdk.App, regions: Sequence[str]) -> None:
    """One stack for each region. Raises ValueError for a region that the catalog does not know.

    The first one also holds the boundary of the drill pipeline's bootstrap: a policy of the whole account.
    """
    for name in regions:
        region = region_named(name, role="account")
        Account(app, region=region, first=name == regions[0])
