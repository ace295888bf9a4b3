"""The whole environment: the stacks of each of two regions, the witness, and the drill pipeline."""

from __future__ import annotations

import aws_cdk as cdk

from lifeline.limits import warnings
from lifeline.settings import Settings
from lifeline.site import Site
from lifeline.stacks.copies import Copies
from lifeline.stacks.dr_pipeline import DrPipeline
from lifeline.stacks.region_stacks import RegionStacks
from lifeline.stacks.witness import Witness


def build(app: cdk.App, settings: Settings) -> None:
    """Add every stack of `settings` to `app`.

    Regions order each other in two places only, both facts of creation: home's Data makes the global
    database that the other member joins, and Replication looks up what the peer's stores are called, so
    it deploys after both regions stand and is destroyed first. No update of one region waits for the
    other: a region's stacks deployed by themselves need nothing of the peer (docs/mechanisms/deploying.md).
    """
    if not settings.has_standby:
        _build_backup_only(app, settings)
        return
    home = RegionStacks(app, site=Site(settings, settings.home))
    recovery = RegionStacks(app, site=Site(settings, settings.recovery))
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
    warn(home.data, settings)


def _build_backup_only(app: cdk.App, settings: Settings) -> None:
    """One region that runs everything, and another that keeps copies (ADR 23)."""
    home = RegionStacks(app, site=Site(settings, settings.home))
    copies = Copies(app, site=Site(settings, settings.recovery))
    # So that it is destroyed before: a recovery point is deleted with the role that made it, which is home's.
    copies.add_stack_dependency(home.data, "its recovery points are deleted with home's role")
    home.replication.add_stack_dependency(copies, "copies the buckets there")
    warn(home.data, settings)


def warn(stack: cdk.Stack, settings: Settings) -> None:
    """Say what AWS advises against, where `cdk synth` and `cdk deploy` show it."""
    for name, sentence in warnings(settings).items():
        cdk.Annotations.of(stack).add_warning_v2(f"lifeline:{name}", sentence)
