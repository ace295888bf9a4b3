"""Which region an edge sends to: the reachable one whose traffic switch carries the highest epoch.

A pure choice with hysteresis: one lost health check must not move a hospital's traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drill.edge_api import Answer

UNREACHABLE_AFTER = 3
REACHABLE_AFTER = 2


@dataclass
class _Seen:
    good_in_a_row: int = 0
    bad_in_a_row: int = 0
    reachable: bool = False
    traffic_epoch: int = 0


def takes_events(answer: Answer) -> bool:
    """Whether a `/health` answer says that this region accepts events (with or without serving reads)."""
    return answer.status in (200, 503) and bool(answer.body.get("ingest"))


class TrafficChoice:
    """Feed it one round of `/health` answers a second; read `preferred`."""

    def __init__(self, regions: Sequence[str]) -> None:
        if not regions:
            raise ValueError("an edge needs at least one region")
        self._seen = {region: _Seen() for region in regions}
        self.preferred = regions[0]
        self._first_round = True

    def observe(self, answers: Mapping[str, Answer]) -> str:
        """One round; returns the preferred region. With no region reachable the choice stays."""
        for region, answer in answers.items():
            seen = self._seen[region]
            if takes_events(answer):
                seen.good_in_a_row += 1
                seen.bad_in_a_row = 0
                seen.traffic_epoch = _epoch(answer)
                if self._first_round or seen.good_in_a_row >= REACHABLE_AFTER:
                    seen.reachable = True
            else:
                seen.good_in_a_row = 0
                seen.bad_in_a_row += 1
                if seen.bad_in_a_row >= UNREACHABLE_AFTER:
                    seen.reachable = False
        self._first_round = False
        reachable = [region for region, seen in self._seen.items() if seen.reachable]
        if reachable:
            best = max(self._seen[region].traffic_epoch for region in reachable)
            stays = self.preferred in reachable
            if not stays or self._seen[self.preferred].traffic_epoch < best:
                self.preferred = next(
                    region for region in reachable if self._seen[region].traffic_epoch == best
                )
        return self.preferred


def _epoch(answer: Answer) -> int:
    value = answer.body.get("traffic_epoch")
    return value if isinstance(value, int) else 0
