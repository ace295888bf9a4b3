"""What is broken at the moment, and the fault proxies' rules that follow from it.

Conditions add up; rules are always computed from all of them, never patched, so that healing one leaves
the others. A region's API is broken on both sides: for those who call it, and for what it calls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lab.places import ALL_REGIONS, CODES, DATA_REGIONS, HOME, RECOVERY

HANG_MS = 600_000.0
PROMOTION = "FailoverGlobalCluster"
FaultRule = dict[str, Any]
"""What a fault proxy does with the calls that match it."""


@dataclass(frozen=True)
class Conditions:
    """Regions by what ails them."""

    lost: frozenset[str] = frozenset()
    hung: frozenset[str] = frozenset()
    control_plane_hung: frozenset[str] = frozenset()
    isolated: frozenset[str] = frozenset()
    """Their networks let nothing through; the region's APIs answer others."""
    api_denied: frozenset[str] = frozenset()
    """Their API's role may not write into the stream."""
    no_way_out: frozenset[str] = frozenset()
    """Their NAT gateways are gone: nobody elsewhere answers them. Peering, endpoints and the way in live."""
    promotion_refused: bool = False
    """The database service refuses each failover of a global cluster."""
    link_cut: bool = False
    link_hung: bool = False
    """The links between the data regions carry nothing; their APIs answer each other."""

    def with_lost(self, region: str) -> Conditions:
        return replace(self, lost=self.lost | {region})

    def with_hung(self, region: str) -> Conditions:
        return replace(self, hung=self.hung | {region})

    def with_control_plane_hung(self, region: str) -> Conditions:
        return replace(self, control_plane_hung=self.control_plane_hung | {region})

    def with_isolated(self, region: str) -> Conditions:
        return replace(self, isolated=self.isolated | {region})

    def without_isolated(self, region: str) -> Conditions:
        return replace(self, isolated=self.isolated - {region})

    def with_api_denied(self, region: str) -> Conditions:
        return replace(self, api_denied=self.api_denied | {region})

    def without_api_denied(self, region: str) -> Conditions:
        return replace(self, api_denied=self.api_denied - {region})

    def with_no_way_out(self, region: str) -> Conditions:
        return replace(self, no_way_out=self.no_way_out | {region})

    def without_no_way_out(self, region: str) -> Conditions:
        return replace(self, no_way_out=self.no_way_out - {region})

    def with_promotion_refused(self, refused: bool) -> Conditions:
        return replace(self, promotion_refused=refused)

    def with_link_cut(self) -> Conditions:
        return replace(self, link_cut=True)

    def with_link_hung(self) -> Conditions:
        return replace(self, link_hung=True)


def rules_for(source: str, conditions: Conditions) -> list[FaultRule]:
    """The rules of one source's proxy. The first that matches a call counts."""
    rules: list[FaultRule] = []
    region = next((name for name, code in CODES.items() if code == source), "")
    # What the broken region itself calls, whoever answers; unsigned calls too (control probes).
    if region in conditions.lost:
        rules.append({"service": "*", "reset": True})
    if region in conditions.api_denied:
        denied = {"code": "AccessDeniedException", "status": 400}
        rules.append({"service": "kinesis", "operation": "PutRecords", "error": denied})
    if region in conditions.hung | conditions.isolated:
        rules.append({"service": "*", "timeout_ms": HANG_MS})
    if region in conditions.no_way_out:
        # Services of the region itself are reached by its endpoints.
        rules += [
            {"service": "*", "region": other, "timeout_ms": HANG_MS}
            for other in ALL_REGIONS
            if other != region
        ]
    if conditions.promotion_refused and region in DATA_REGIONS:
        refused = {"code": "InternalFailure", "status": 500}
        rules.append({"service": "rds", "operation": PROMOTION, "error": refused})
    for broken in sorted(conditions.lost):
        rules.append({"service": "*", "region": broken, "reset": True})
    for broken in sorted(conditions.hung):
        rules.append({"service": "*", "region": broken, "timeout_ms": HANG_MS})
    for broken in sorted(conditions.control_plane_hung):
        # The stream is a data plane: its calls match first, and nothing happens to them.
        rules.append({"service": "kinesis", "region": broken, "latency": 0})
        rules.append({"service": "*", "region": broken, "timeout_ms": HANG_MS})
    if conditions.link_cut and region in DATA_REGIONS:
        other = RECOVERY if region == HOME else HOME
        rules.append({"service": "*", "region": other, "reset": True})
    return rules


def link_states(links: tuple[Any, ...], conditions: Conditions) -> dict[str, str]:
    """The state of every link between regions."""
    lost = {CODES[region] for region in conditions.lost}
    hung = {CODES[region] for region in conditions.hung | conditions.isolated}
    data = {CODES[region] for region in DATA_REGIONS}
    shut_in = {CODES[region] for region in conditions.no_way_out}

    def state(link: Any) -> str:
        ends = {link.source, link.target}
        if ends & lost or (conditions.link_cut and ends == data):
            return "cut"
        if link.kind == "probe" and link.source in shut_in:
            return "hang"
        return "hang" if ends & hung or (conditions.link_hung and ends == data) else "open"

    return {link.name: state(link) for link in links}
