"""How and when the platform decided a loss: by a take, or by a page that says that it serves degraded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drill.guards import TAKES
from drill.platform_records import seconds_of
from drill.scenarios import DECIDED_SECONDS, Decided
from drill.targets import PageSeen

SERVES_DEGRADED = "serves-degraded"
MUST_SAY = {
    "environment and region": r"Environment {suffix}, region {region}\.",
    "the lease and its epoch": r"Lease: held by \S+ at epoch {epoch};",
    "what is at risk, and what is allowed": r"At risk in a takeover: .+; allowed is \d+ s\.",
    "the command to type": r"Type next: lifeline \S+ .*--suffix {suffix}",
    "the command that hands over": r"lifeline authority hand-over --suffix {suffix}",
    "the runbook's address": r"Runbook: docs/runbooks/[a-z-]+\.md",
}
"""What a page must say, and how it does. A reader who is woken has nothing else."""


@dataclass(frozen=True)
class Decision:
    """`seconds` after the fault; None: nobody decided it. `missing`: what its page does not say."""

    how: Decided
    seconds: float | None
    page: PageSeen | None = None
    missing: Sequence[str] = ()

    @property
    def in_time(self) -> bool:
        return self.seconds is not None and self.seconds <= DECIDED_SECONDS


def decision(
    how: Decided,
    *,
    lost_at: float,
    home: str,
    suffix: str,
    epoch: int,
    decisions: Sequence[Mapping[str, Any]],
    pages: Sequence[PageSeen],
) -> Decision:
    """What was decided by now. `epoch`: of the lease when `home` was broken."""
    if how is Decided.TAKEN:
        moments = [
            seconds_of(str(one["at"]))
            for one in decisions
            if one["action"] in TAKES and one["region"] != home
        ]
        after = [round(at - lost_at, 1) for at in sorted(moments) if at >= lost_at]
        return Decision(how, after[0] if after else None)
    for page in sorted(pages, key=lambda one: one.at):
        if page.at >= lost_at and page.region == home and SERVES_DEGRADED in page.subject:
            said = f"{page.subject}\n{page.text}"
            places = {
                "suffix": re.escape(suffix), "region": re.escape(home), "epoch": str(epoch)
            }  # fmt: skip
            missing = [
                what
                for what, pattern in MUST_SAY.items()
                if re.search(pattern.format_map(places), said) is None
            ]
            return Decision(how, round(page.at - lost_at, 1), page, missing)
    return Decision(how, None)
