"""What a standby's cycle takes from its ports: each input stands at its own place (A5, A6, A12).

The decision is tested by itself; here a wrong wire, one observer's word in the place of the other's, is seen.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from lifeline.lambdas.failover.decision import Action, DatabaseView, Decision
from lifeline.lambdas.failover.health import Health, Sample
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lag import Applied
from lifeline.lambdas.failover.lease import Lease, Promise
from lifeline.lambdas.failover.pages import Sender
from lifeline.lambdas.failover.plan_runs import PlanRuns, RunStatus
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.keeper.cycle import Cycle
from lifeline.lambdas.keeper.memory import Memory

HOME, RECOVERY = "ca-central-1", "ca-west-1"
POLICY = Policy()
NOW = 10_000.0
SEEN_AT = NOW - 40.0
"""When the lease was last seen to move, and home was last seen well."""
LEASE = Lease(holder=HOME, epoch=1, renewals=7, writer=HOME)
UP, DOWN, DARK = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN


def looks(*healths: Health, newest_at: float = NOW - 1.0) -> list[Sample]:
    """Samples 5 s apart, the newest last."""
    first = newest_at - 5.0 * (len(healths) - 1)
    return [Sample(first + 5.0 * number, one) for number, one in enumerate(healths)]


class Standby:
    """The recovery region as its keeper finds it: home is lost, and everything is known."""

    def __init__(self) -> None:
        self.own_samples = self.witness_samples = looks(DOWN, DOWN, DOWN, DOWN, DOWN, DOWN)
        self.asked: list[tuple[str, str]] = []
        self.born: float | None = None
        self.complete_until: float | None = SEEN_AT - 5.0
        applied = tuple(Applied(NOW - ago, SEEN_AT - 20.0) for ago in (10.0, 5.0))
        self.memory = Memory(
            seen=(1, 7, 0, 0),
            unmoved_since=SEEN_AT,
            last_healthy_at=SEEN_AT,
            agreed_unhealthy_since=NOW - 10.0,
            health_at=NOW - 5.0,
            applied=applied,
        )
        self.promised = Promise()
        self.remembered: Memory | None = None
        self.took = False
        self.lease: Lease | None = LEASE
        self.log: list[tuple[str, dict[str, Any]]] = []
        self.noted: dict[str, Any] = {}
        self.report: KeeperReport | None = None

    def cycle(self) -> Decision:
        """One cycle of its keeper."""
        parts: Any = SimpleNamespace(
            lease=SimpleNamespace(read=self._read, take=self._take),
            local=SimpleNamespace(
                promise=lambda: self.promised,
                memory=self.memory.to_json,
                remember=self._remember,
                samples=lambda region: self._asked("own", region, self.own_samples),
                set_out=lambda **_: 1,
                note_decision=lambda _, decision, __: self.noted.update(decision) or True,
                note_cycle=lambda report: vars(self).update(report=report),
                plan_runs=PlanRuns,
                claim_run=lambda epoch, run, now: PlanRuns(epoch, run=run, claimed_at=now),
            ),
            peer=SimpleNamespace(),
            witness_probe=SimpleNamespace(
                samples=lambda region: self._asked("witness", region, self.witness_samples)
            ),
            database=SimpleNamespace(
                clock=lambda: "a stamp", view=lambda: DatabaseView(1, HOME, True)
            ),
            signal=SimpleNamespace(
                applied_until=lambda region: self._asked("applied", region, self.born),
                complete_until=lambda region: self._asked("log", region, self.complete_until),
            ),
            plan=SimpleNamespace(status=lambda _: RunStatus.MISSING, start=lambda *_, **__: True),
            pager=SimpleNamespace(page=lambda *_: None),
        )
        cycle = Cycle(
            sender=Sender("test", RECOVERY, HOME, witness="us-east-2"),
            policy=POLICY,
            ports=parts,
            clock=lambda: NOW,
            log=lambda said, **more: self.log.append((said, more)),
            publish=lambda _said, _at: None,
        )
        return cycle.run()

    def _read(self) -> Lease:
        if self.lease is None:
            raise OSError("no answer")
        return self.lease

    def _asked(self, whom: str, region: str, answer: Any) -> Any:
        self.asked.append((whom, region))
        return answer

    def _take(self, **_: Any) -> Lease:
        self.took = True
        return replace(LEASE, holder=RECOVERY, epoch=2)

    def _remember(self, body: dict[str, Any]) -> None:
        self.remembered = Memory.from_json(body)


def test_a_lost_region_is_taken_over_and_what_it_rests_on_is_said() -> None:
    standby = Standby()
    decision = standby.cycle()
    assert (decision.action, decision.reason) == (Action.TAKE, "active-lost")
    assert decision.evidence == {
        "epoch": 2,
        "unmoved_seconds": 40.0,
        # Until it was last seen well, not until now: waiting does not make the loss grow (A5).
        "estimated_loss_seconds": 5.0,
        "agreed_unhealthy_seconds": 10.0,
    }
    assert standby.took


def test_everything_is_asked_about_the_other_region() -> None:
    standby = Standby()
    standby.cycle()
    assert standby.asked == [
        ("own", HOME),
        ("witness", HOME),
        ("applied", HOME),
        ("log", HOME),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        # Each observer alone holds (A12): the other one's word does not stand for its own.
        ({"own_samples": looks(DOWN, DOWN, DOWN, DOWN, DOWN, UP)}, "own-probe-healthy"),
        ({"witness_samples": looks(DOWN, DOWN, DOWN, DOWN, DOWN, UP)}, "witness-probe-healthy"),
        ({"witness_samples": []}, "witness-probe-unknown"),
        ({"own_samples": looks(DOWN, DOWN, DOWN, DOWN, UP, DOWN)}, "own-probe-unknown"),
        # The own control probe did not answer in the newest cycle, or there is no new cycle (A13).
        ({"own_samples": looks(DOWN, DOWN, DOWN, DOWN, DARK)}, "own-control-probe-failed"),
        ({"own_samples": []}, "own-control-probe-failed"),
        (
            {"own_samples": looks(DOWN, DOWN, DOWN, DOWN, newest_at=NOW - 10.1)},
            "own-control-probe-failed",
        ),
        # Markers of home that are still applied veto (A6); without any nothing is known of them.
        ({"born": SEEN_AT}, "markers-still-applied"),
        ({"memory": Memory((1, 7, 0, 0), SEEN_AT, last_healthy_at=SEEN_AT)}, "markers-unknown"),
        ({"complete_until": None}, "loss-unknown"),
        ({"complete_until": SEEN_AT - 60.5}, "loss-above-rpo"),
        ({"promised": Promise(releases=1, released_at=NOW - 10.0)}, "backing-off-after-releases"),
    ],
)
def test_each_input_alone_holds_by_its_own_word(change: dict[str, Any], reason: str) -> None:
    standby = Standby()
    vars(standby).update(change)
    decision = standby.cycle()
    assert (decision.action, decision.reason) == (Action.HOLD, reason)
    assert not standby.took


@pytest.mark.parametrize("newest", [NOW, NOW - 2 * POLICY.probe_cycle_seconds])
def test_a_look_counts_for_two_cycles_of_the_probe(newest: float) -> None:
    standby = Standby()
    standby.own_samples = looks(DOWN, DOWN, DOWN, DOWN, DOWN, DOWN, newest_at=newest)
    assert standby.cycle().action is Action.TAKE


def test_an_agreement_ends_with_the_first_look_that_does_not_agree() -> None:
    """Else the veto would lapse after a minute of which the region was well for a part (A6)."""
    for own, witness in (
        (looks(DOWN, DOWN, DOWN, DOWN, UP), None),
        (None, looks(DOWN, DOWN, DOWN, DOWN, DARK)),
    ):
        standby = Standby()
        standby.own_samples = own or standby.own_samples
        standby.witness_samples = witness or standby.witness_samples
        standby.cycle()
        assert standby.remembered is not None
        assert standby.remembered.agreed_unhealthy_since is None
        assert standby.remembered.last_healthy_at == (NOW if own else SEEN_AT)


def test_a_standby_that_cannot_read_the_lease_still_says_what_its_probe_sees() -> None:
    """A22: whether anybody serves; and since when it has not seen the lease move (A19)."""
    standby = Standby()
    standby.lease = None
    decision = standby.cycle()
    assert (decision.action, decision.reason) == (Action.HOLD, "witness-unreachable")
    assert standby.asked == [("own", HOME)]
    assert ("unreachable", {"part": "lease", "error": "OSError('no answer')"}) in standby.log


def test_a_decision_is_noted_with_what_it_rests_on() -> None:
    standby = Standby()
    decision = standby.cycle()
    assert standby.noted.pop("evidence") == decision.evidence
    assert standby.noted == {
        "at": "10000.000",
        "region": RECOVERY,
        "action": "take",
        "reason": "active-lost",
        "epoch": "1",
    }
    assert ("decision", {"action": "take", "reason": "active-lost"}) in standby.log
    assert standby.report is not None
    assert (standby.report.at, standby.report.action) == (NOW, "take")
