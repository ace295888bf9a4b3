"""A loss is decided by a take, or by a page that says what to do; each within 120 s."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drill.decided import MUST_SAY, Decision, decision
from drill.scenarios import SCENARIOS, Decided
from drill.targets import PageSeen
from drill.verdict import FAIL, PASS, objectives, verdict
from lifeline.lambdas.failover.decision import Action, Observation, Reason
from lifeline.lambdas.failover.decision import Decision as KeeperDecision
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.pages import Sender
from lifeline.lambdas.failover.policy import Policy
from tests.unit.drill.seen_runs import LOSS, QUIET

HOME, AWAY, LOST_AT = "ca-central-1", "ca-west-1", 1_763_700_000.0
TOLD = Sender("drill", HOME, AWAY, "us-east-2").of_decision(
    Observation(
        HOME, Lease(holder=HOME, epoch=1, renewals=9, writer=HOME), estimated_loss_seconds=2.5
    ),
    KeeperDecision(Action.RENEW, Reason.SERVES_DEGRADED, {"database_ill_seconds": 61.0}, page=True),
    Policy(),
    serving=None,
)
PAGE = PageSeen(LOST_AT + 61, HOME, TOLD.subject, TOLD.text)


def decided(
    how: Decided, *pages: PageSeen, decisions: list[dict[str, str]] | None = None
) -> Decision:
    return decision(
        how, lost_at=LOST_AT, home=HOME, suffix="drill", epoch=1, decisions=decisions or [], pages=pages
    )  # fmt: skip


def test_the_keepers_own_page_says_all_that_it_must() -> None:
    found = decided(Decided.DEGRADED, PAGE)
    assert (found.seconds, found.page, list(found.missing)) == (61.0, PAGE, [])
    assert found.in_time


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("Environment", "environment and region"),
        ("Lease", "the lease and its epoch"),
        ("At risk", "what is at risk, and what is allowed"),
        ("Type next", "the command to type"),
        ("Only on", "the command that hands over"),
        ("Runbook", "the runbook's address"),
    ],
)
def test_what_a_page_leaves_out_is_named(line: str, what: str) -> None:
    kept = "\n".join(one for one in PAGE.text.splitlines() if not one.startswith(line))
    assert list(decided(Decided.DEGRADED, replace(PAGE, text=kept)).missing) == [what]
    assert what in MUST_SAY


@pytest.mark.parametrize(
    "other",
    [
        replace(PAGE, at=LOST_AT - 1),
        replace(PAGE, region=AWAY),
        replace(PAGE, subject="Lifeline drill ca-central-1: the failover plan was started again"),
    ],
)
def test_another_page_decides_nothing(other: PageSeen) -> None:
    assert decided(Decided.DEGRADED, other).seconds is None


def test_a_take_by_the_other_region_after_the_fault_decides() -> None:
    def row(region: str, action: str, at: str) -> dict[str, str]:
        return {"region": region, "action": action, "at": at}

    before = row(AWAY, "take", "2025-11-21T04:39:00.000Z")
    own = row(HOME, "take", "2025-11-21T04:40:10.000Z")
    hold = row(AWAY, "hold", "2025-11-21T04:40:20.000Z")
    take = row(AWAY, "take", "2025-11-21T04:40:33.500Z")
    assert decided(Decided.TAKEN, decisions=[before, own, hold]).seconds is None
    assert decided(Decided.TAKEN, decisions=[before, own, hold, take]).seconds == 33.5


DEAD = SCENARIOS["database-dead"]
DEGRADED = replace(
    QUIET,
    effect=LOSS.effect,
    answered_before=LOSS.answered_before,
    decided=Decision(Decided.DEGRADED, 61.0, PAGE),
    outage_seconds=80.0,
)


def unmet(**changes: object) -> list[str]:
    seen = replace(DEGRADED, **changes)  # type: ignore[arg-type]
    return [name for name, met in objectives(DEAD, seen).items() if not met]


def test_a_region_that_served_degraded_and_told_passes() -> None:
    assert unmet() == []
    assert verdict(objectives(DEAD, DEGRADED)) == PASS


def test_who_was_told_late_or_never_fails() -> None:
    late = Decision(Decided.DEGRADED, 120.1, PAGE)
    assert unmet(decided=late) == ["decided_in_time"]
    nobody = Decision(Decided.DEGRADED, None)
    assert unmet(decided=nobody) == ["page_says_what_to_do", "decided_in_time"]
    assert unmet(decided=None) == ["page_says_what_to_do", "decided_in_time"]
    assert verdict(objectives(DEAD, replace(DEGRADED, decided=nobody))) == FAIL


def test_a_page_that_leaves_something_out_fails() -> None:
    short = Decision(Decided.DEGRADED, 61.0, PAGE, ["the runbook's address"])
    assert unmet(decided=short) == ["page_says_what_to_do"]


def test_who_is_not_served_again_after_the_repair_fails() -> None:
    assert unmet(outage_seconds=None) == ["served_again_after_the_repair"]


def test_a_region_that_serves_degraded_is_not_taken_over() -> None:
    take = {"at": "2026-01-01T00:00:05.000Z", "action": "take", "reason": ""}
    assert "nobody_took_the_lease" in unmet(decisions=[take])


def test_a_loss_that_nobody_took_in_time_fails() -> None:
    late = replace(LOSS, decided=Decision(Decided.TAKEN, 121.0))
    met = objectives(SCENARIOS["keeper-dead"], late)
    assert [name for name, one in met.items() if not one] == ["decided_in_time"]


@pytest.mark.parametrize(
    ("seen", "fit"),
    [([1, 2], True), ([1, 2, 3], True), ([1], False), ([1, 3], False), ([2, 3], False), ([1, 2, 4], False)],
)  # fmt: skip
def test_a_lease_that_is_given_back_may_be_taken_again(seen: list[int], fit: bool) -> None:
    assert SCENARIOS["promotion-refused"].epochs_fit(seen) is fit
    assert SCENARIOS["region-loss"].epochs_fit(seen) is (seen == [1, 2])


def test_every_loss_is_decided_and_nothing_else_is() -> None:
    """Acceptance: taken over, handed over, or served degraded with its page."""
    undecided = {name for name, one in SCENARIOS.items() if one.decided is None}
    assert undecided == {"noop", "link-cut", "control-plane-hang"}
    for one in SCENARIOS.values():
        assert one.fails_over == (one.decided is Decided.TAKEN), one.name
