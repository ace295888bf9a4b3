"""A custom resource with its own small Python function and a deadline.

Not the CDK's own providers: those are Node functions that hang a stack for an hour in the lab, and one
of them answers for all its resources at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import CustomResource, Duration, RemovalPolicy
from constructs import Construct

from lifeline.foundation.function import Function, Size
from lifeline.foundation.keys import Keys
from lifeline.lambdas.contracts.registry import CUSTOM_RESOURCES
from lifeline.site import Site

SERVICE_TIMEOUT_SECONDS = 330
"""CloudFormation waits no longer: a little over the function's own timeout."""


class Provisioner(Function):
    """Makes what CloudFormation cannot, or looks up what it does not return, at deploy time.

    Covers: a provider that never answers (`ServiceTimeout`). Does not cover: drift after the deploy.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        package: str,
        description: str,
        keys: Keys | None = None,
    ) -> None:
        if package not in CUSTOM_RESOURCES:
            known = ", ".join(sorted(CUSTOM_RESOURCES))
            raise ValueError(
                f"The provisioner {package!r} has no contract; those with one: {known}."
            )
        super().__init__(
            scope,
            construct_id,
            site=site,
            package=package,
            description=description,
            contract=CUSTOM_RESOURCES[package](powertools_service_name=package.replace("_", "-")),
            size=Size(memory_mib=256, timeout_seconds=300, concurrency=2),
            keys=keys,
        )
        self.without_dead_letters(
            "CloudFormation waits for the answer: a run that fails fails the deploy, visibly."
        )

    def resource(
        self, construct_id: str, *, resource_type: str, properties: Mapping[str, Any]
    ) -> CustomResource:
        """One resource that this function provides; it may use its permissions when it is deleted."""
        made = CustomResource(
            self,
            construct_id,
            service_token=self.function.function_arn,
            resource_type=f"Custom::{resource_type}",
            properties=dict(properties),
            service_timeout=Duration.seconds(SERVICE_TIMEOUT_SECONDS),
            removal_policy=RemovalPolicy.DESTROY,
        )
        made.node.add_dependency(self.policy)
        return made
