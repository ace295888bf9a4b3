"""What a takeover would lose (A5) and whether the active's data advances (A6), from two sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.keeper import KeeperContract
from lifeline.lambdas.failover.decision import Action, Decision, Reason
from lifeline.lambdas.failover.pages import Sender
from lifeline.lambdas.failover.replication_signal import (
    HeartbeatSignal,
    MarkerSignal,
    ReplicationSignal,
)
from lifeline.lambdas.keeper.adapters import signal
from lifeline.lambdas.keeper.cycle import Cycle
from tests.unit.keeper.keeper_simulation import HOME, POLICY, RECOVERY, WITNESS, Simulation, ports

LOOP = POLICY.loop_seconds
RPO = POLICY.max_loss_seconds
CYCLES = int(POLICY.expiry_seconds / LOOP) + 2
VETO_CYCLES = int(POLICY.veto_lapse_seconds / LOOP) + 1


@dataclass
class Replica:
    """The standby's own view of the active's data: the newest row by region, and its log's watermark."""

    at: dict[str, float]
    arrived: float | None = None

    def newest_heartbeat(self, region: str) -> float | None:
        return self.at.get(region)

    def newest_applied_born(self, origin: str) -> float | None:
        return self.at.get(origin)

    def oldest_born_seconds(self, origin: str) -> float | None:
        return self.arrived


def test_markers_say_loss_by_the_log_and_advance_by_the_database() -> None:
    replica = Replica({HOME: 90.0}, arrived=100.0)
    signal = MarkerSignal(watermark=replica, database=replica)
    assert signal.complete_until(HOME) == 100.0
    assert signal.applied_until(HOME) == 90.0


def test_a_heartbeat_row_says_both_and_only_of_the_region_asked_for() -> None:
    signal = HeartbeatSignal(Replica({HOME: 90.0, RECOVERY: 500.0}), own_api=lambda: None)
    assert (signal.complete_until(HOME), signal.applied_until(HOME)) == (90.0, 90.0)
    nothing = HeartbeatSignal(Replica({RECOVERY: 500.0}), own_api=lambda: None)
    assert nothing.complete_until(HOME) is None
    assert nothing.applied_until(HOME) is None


def test_a_keeper_reads_what_its_contract_says() -> None:
    told = KeeperContract(
        peer_region=HOME,
        region_state_table="region-state-test",
        database=DatabaseAddress(host="a", port=5432, name="n", user="u", auth="none"),
        own_api_url="https://api",
        suffix="test",
        page_topic_arn="arn:aws:sns:ca-west-1:111111111111:page-test",
        query_api_url="http://query-api:8080",
        state_machine_arn="arn",
        tier_rpo_seconds=60,
    ).to_env()
    assert told["REPLICATION_SIGNAL"] == "markers"
    kinds = {}
    for word in ("", "markers", "heartbeat"):
        given = {**told, "AWS_REGION": RECOVERY, "REPLICATION_SIGNAL": word}
        contract = KeeperContract.from_env(given)
        kinds[word] = type(signal(contract, RegionDatabase(contract.database)))
    assert kinds == {"": MarkerSignal, "markers": MarkerSignal, "heartbeat": HeartbeatSignal}
    with pytest.raises(ValueError, match="REPLICATION_SIGNAL is 'guess'; needed is one of markers"):
        KeeperContract.from_env(
            {**told, "AWS_REGION": RECOVERY, "REPLICATION_SIGNAL": "guess"},
        )


class Standby:
    """The deployed cycle of the standby, told by heartbeat rows; the active is lost from the start."""

    def __init__(self, own_api: Callable[[], None] = lambda: None) -> None:
        self.simulation = Simulation()
        for _ in range(3):
            self.simulation.cycle(HOME)
            self.simulation.cycle(RECOVERY)
            self.simulation.wait(LOOP)
        self.simulation.cut(HOME, WITNESS)
        self.simulation.cut(HOME, RECOVERY)
        self.replica = Replica({HOME: self.simulation.now})
        for key in [one for one in self.simulation.keepers if one[0] == RECOVERY]:
            self.simulation.keepers[key] = self._cycle(
                HeartbeatSignal(self.replica, own_api=own_api)
            )

    def decisions(self, cycles: int, *, beats: bool) -> list[Decision]:
        """Each cycle's decision; with `beats` the active's row goes on advancing."""
        found = []
        for _ in range(cycles):
            if beats:
                self.replica.at[HOME] = self.simulation.now
            self.simulation.cycle(RECOVERY)
            found.append(self.simulation.decided[-1][1])
            if found[-1].action is Action.TAKE:
                break
            self.simulation.wait(LOOP)
        return found

    def _cycle(self, by: ReplicationSignal) -> Cycle:
        simulation = self.simulation
        return Cycle(
            sender=Sender("test", RECOVERY, HOME, "us-east-2"),
            policy=POLICY,
            ports=replace(ports(simulation, RECOVERY), signal=by),
            clock=lambda: simulation.clock(RECOVERY),
            log=lambda *_said, **_more: None,
            publish=lambda _said, _at: None,
        )


def test_a_heartbeat_that_stands_still_lets_the_standby_take() -> None:
    standby = Standby()
    assert standby.decisions(CYCLES, beats=False)[-1].action is Action.TAKE


def test_a_standby_whose_own_api_does_not_answer_takes_nothing() -> None:
    """Behind the point of no return it could only wait for an API that does not serve."""

    def dead() -> None:
        raise OSError("https://api/health answered 502")

    last = Standby(dead).decisions(CYCLES, beats=False)[-1]
    assert (last.action, last.reason) == (Action.HOLD, Reason.OWN_SERVICES_UNREACHABLE)


def test_a_heartbeat_that_advances_vetoes_until_the_veto_lapses() -> None:
    """A6: two observers are wrong, the data is right, for a minute."""
    found = Standby().decisions(CYCLES + VETO_CYCLES, beats=True)
    vetoed = [one for one in found if one.reason == "markers-still-applied"]
    assert vetoed
    assert found[-1].action is Action.TAKE
    assert len(found) > len(Standby().decisions(CYCLES, beats=False))


@pytest.mark.parametrize(
    ("behind", "reason"), [(RPO - 20, ""), (RPO + 20, "loss-above-rpo"), (None, "loss-unknown")]
)
def test_a_heartbeat_that_is_too_old_or_absent_stops_the_automatic_take(
    behind: float | None, reason: str
) -> None:
    """A5: what is not known, or beyond the RPO, is a person's decision."""
    standby = Standby()
    standby.replica.at = {} if behind is None else {HOME: standby.simulation.now - behind}
    last = standby.decisions(CYCLES + VETO_CYCLES, beats=False)[-1]
    if reason:
        assert (last.action, last.reason) == (Action.HOLD, reason)
    else:
        assert last.action is Action.TAKE
