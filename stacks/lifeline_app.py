"""The whole environment: the stacks of each of two regions, the witness, and the drill pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk

from lifeline.regions import Region
from lifeline.settings import Settings
from lifeline.site import Site
from lifeline.stacks.application import Application
from lifeline.stacks.data import Data
from lifeline.stacks.dr_pipeline import DrPipeline
from lifeline.stacks.failover import Failover
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.observability import Observability
from lifeline.stacks.replication import Replication
from lifeline.stacks.streaming import Streaming
from lifeline.stacks.witness import Witness


@dataclass(frozen=True)
class RegionStacks:
    """The stacks of one region, in the order they are deployed; destroyed in the reverse of it."""

    foundation: Foundation
    data: Data
    streaming: Streaming
    application: Application
    failover: Failover
    replication: Replication


def build(app: cdk.App, settings: Settings) -> None:
    """Add every stack of `settings` to `app`.

    Regions order each other in two places only, both facts of creation: home's Data makes the global
    database that the other member joins, and Replication looks up what the peer's stores are called, so
    it deploys after both regions stand and is destroyed first. No update of one region waits for the
    other: a region's stacks deployed by themselves need nothing of the peer (docs/mechanisms/deploying.md).
    """
    home = _region(app, settings, settings.home)
    recovery = _region(app, settings, settings.recovery)
    recovery.data.add_stack_dependency(home.data, "the home member creates the global cluster")
    home.data.add_stack_dependency(
        recovery.foundation, "the admin secret's replica is encrypted with that region's key"
    )
    for own, peer in ((home, recovery), (recovery, home)):
        for stack in (peer.data, peer.streaming, peer.application, peer.failover):
            own.replication.add_stack_dependency(
                stack, "looks up what the peer's stores are called"
            )
    recovery.replication.add_stack_dependency(home.replication, "home asks for the peering")
    if settings.witness is not None:
        Witness(app, site=Site(settings, settings.witness))
    if settings.profile.dr_pipeline:
        DrPipeline(app, site=home.foundation.site, foundation=home.foundation)


def _region(app: cdk.App, settings: Settings, region: Region) -> RegionStacks:
    site = Site(settings, region)
    foundation = Foundation(app, site=site)
    data = Data(app, site=site, foundation=foundation)
    streaming = Streaming(app, site=site, foundation=foundation)
    application = Application(app, site=site, foundation=foundation, data=data, streaming=streaming)
    failover = Failover(app, site=site, foundation=foundation, data=data, application=application)
    replication = Replication(
        app,
        site=site,
        foundation=foundation,
        data=data,
        streaming=streaming,
        application=application,
    )
    replication.add_stack_dependency(failover, "the evidence bucket is replicated")
    Observability(
        app,
        site=site,
        data=data,
        streaming=streaming,
        application=application,
        cache=replication.cache,
    )
    return RegionStacks(foundation, data, streaming, application, failover, replication)
