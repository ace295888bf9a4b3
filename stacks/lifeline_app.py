"""The whole environment: five stacks in each of two regions, and the witness."""

from __future__ import annotations

import aws_cdk as cdk

from lifeline.regions import Region
from lifeline.settings import Settings
from lifeline.site import Site
from stacks.application import Application
from stacks.data import Data
from stacks.foundation import Foundation
from stacks.recovery import Recovery
from stacks.streaming import Streaming
from stacks.witness import Witness


def build(app: cdk.App, settings: Settings) -> None:
    """Add every stack of `settings` to `app`.

    The one order between regions is the global cluster's: the home member makes it, so it deploys first
    and is destroyed last.
    """
    home = _region(app, settings, settings.home)
    recovery = _region(app, settings, settings.recovery)
    recovery.add_stack_dependency(home, "the home member creates the global cluster")
    if settings.witness is not None:
        Witness(app, site=Site(settings, settings.witness))


def _region(app: cdk.App, settings: Settings, region: Region) -> Data:
    """The five stacks of one region; answers with the one that the other region waits for."""
    site = Site(settings, region)
    foundation = Foundation(app, site=site)
    data = Data(app, site=site, foundation=foundation)
    streaming = Streaming(app, site=site, foundation=foundation)
    application = Application(app, site=site, foundation=foundation, data=data, streaming=streaming)
    Recovery(app, site=site, foundation=foundation, data=data, application=application)
    return data
