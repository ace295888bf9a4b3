"""The other region's log as a replicator needs it, and the groups that no replicator moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lifeline.site import Site
from lifeline.streaming.kafka_log import IReplicatedLog

GROUPS_OF_OURS = ("apply", "watermark")
"""Their positions come from the database and from the log itself, never from a translated offset (B14)."""


@dataclass(frozen=True, kw_only=True)
class PeerLog:
    """Generated ids of the peer's cluster: tokens of `PeerLookup`, or literals in tests.

    `subnet_ids` and `group_ids` are only for MSK Replicator, `bootstrap` only for MirrorMaker.
    """

    cluster_arn: str
    bootstrap: str = ""
    subnet_ids: Sequence[str] = ()
    group_ids: Sequence[str] = ()


def own_groups(site: Site) -> list[str]:
    """The names of the consumer groups whose offsets stay in their region."""
    return [site.names.regional_name(group) for group in GROUPS_OF_OURS]


def in_both_logs(site: Site, log: IReplicatedLog, kind: str, pattern: str) -> list[str]:
    """The ARNs of topics or groups by pattern, in the peer's log and the own one.

    Literal, with a `*` for the cluster's generated id: the name before it is exact. The peer's cluster is
    called what a `ReplicatedLog` is called in its site.
    """
    there = site.peer
    name = there.names.regional_name("log", "kafka")
    return [_matching(there, name, kind, pattern), matching(site, log, kind, pattern)]


def matching(site: Site, log: IReplicatedLog, kind: str, pattern: str) -> str:
    """The same in this region's log."""
    return _matching(site, log.cluster_name, kind, pattern)


def _matching(site: Site, cluster_name: str, kind: str, pattern: str) -> str:
    return site.arn("kafka", f"{kind}/{cluster_name}/*/{pattern}")
