"""What a clean run sees, for tests that change one thing of it."""

from __future__ import annotations

from dataclasses import replace

from drill.availability import Availability
from drill.checker import Findings
from drill.decided import Decision
from drill.effect import Effect
from drill.scenarios import Decided
from drill.static_stability import RecoveryCall
from drill.targets import AlarmSeen
from drill.verdict import Seen

CLEAN = Findings(
    sent=10, accepted=10, stored=10, ok=10, lost=0, unexpected=0, recovered=0, rejected=0, refused=0,
    unaccepted=0, duplicate_deliveries=0, order_violations=0, platform_probes=1, safe=8,
)  # fmt: skip
DECISIONS = [
    {"at": "2026-01-01T00:00:00.000Z", "action": "hold", "reason": ""},
    {"at": "2026-01-01T00:00:05.000Z", "action": "take", "reason": ""},
]


def step(name: str, outcome: str = "done") -> dict[str, str]:
    """A row of the plan's timeline."""
    at = "2026-01-01T00:00:06.000Z"
    return {"step": name, "started_at": at, "ended_at": at, "outcome": outcome, "detail": ""}


FIRED = AlarmSeen(
    "replication-lag-log", "ca-west-1", ((0.0, "OK"), (120.0, "ALARM")), True, figures=9,
    needs_seconds=120,
)  # fmt: skip
LOSS = Seen(
    findings=CLEAN,
    epochs=[1, 2],
    decisions=DECISIONS,
    rto_seconds=50.0,
    rpo_seconds=1.0,
    bad_events=False,
    failures=[],
    availability=Availability(60, 60, 0.0, 0.8),
    effect=Effect(True, "GET /health of ca-central-1 had no answer"),
    decided=Decision(Decided.TAKEN, 33.0),
    answered_before=Availability(20, 20, 0.0, 0.8),
    outage_seconds=None,
    wanted=10,
    timeline=(step("acquire"), step("shift_traffic")),
    exceptions={},
    survivor="ca-west-1",
    alarms=[FIRED],
    calls=[RecoveryCall("ca-west-1", "states:StartExecution", "ca-west-1", 1, "ok", ("keeper",))],
)
QUIET = replace(
    LOSS, epochs=[1], decisions=[], findings=replace(CLEAN, safe=10), timeline=(), effect=None,
    decided=None, answered_before=None, calls=[],
    rto_seconds=None, rpo_seconds=None,
    alarms=[replace(FIRED, changes=((0.0, "OK"),), breaching=False)],
)  # fmt: skip
