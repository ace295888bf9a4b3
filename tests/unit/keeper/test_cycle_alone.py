"""The deployed cycle without a witness (A21): it keeps its own region serving, and takes over for nobody."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lifeline.lambdas.contracts.keeper import KeeperContract
from lifeline.lambdas.failover import lease as transitions
from lifeline.lambdas.failover.decision import Action, DatabaseView
from lifeline.lambdas.failover.health import Sample
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lease import Lease, Promise
from lifeline.lambdas.failover.own_health import Progress
from lifeline.lambdas.failover.pages import Sender
from lifeline.lambdas.failover.plan_runs import PlanRuns
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.keeper.adapters import NoStandby, ports
from lifeline.lambdas.keeper.cycle import Cycle
from lifeline.lambdas.keeper.ports import PeerPort

HOME, OTHER = "ca-central-1", "ca-west-1"
LEASE = Lease(holder=HOME, epoch=1, renewals=4, writer=HOME)
POLICY = Policy()
SERVES = DatabaseView(1, HOME, False, renewed_seconds_ago=5.0)
STOOD_STILL = DatabaseView(1, HOME, False, renewed_seconds_ago=POLICY.ttl_seconds)
NEW = DatabaseView(0, "", False, renewed_seconds_ago=1e9)
REPLICA = DatabaseView(1, HOME, True, renewed_seconds_ago=0.1)


class Region:
    """One region's own parts, and the other one's table; `calls` holds what a cycle did, in order."""

    def __init__(self, view: DatabaseView | None, lease: Lease | None = LEASE) -> None:
        self.lease_item, self.row = lease, view
        self.own = Promise()
        self.other: Promise | None = Promise()
        """The other region's table; None: out of reach."""
        self.peer: PeerPort = self
        self.lease_silent = False
        self.calls: list[str] = []

    def cycle(self, region: str = HOME) -> tuple[Action, str]:
        """One cycle of the region's keeper."""
        parts: Any = SimpleNamespace(
            lease=self, local=self, peer=self.peer, witness_probe=self, database=self, signal=self,
            plan=self, pager=self,
        )  # fmt: skip
        cycle = Cycle(
            sender=Sender("test", region, OTHER if region == HOME else HOME, witness=""),
            policy=POLICY,
            ports=parts,
            clock=lambda: 1_000.0,
            log=lambda *_said, **_more: None,
            publish=lambda _said, _at: None,
            alone=True,
        )
        decision = cycle.run()
        return decision.action, decision.reason

    def clock(self) -> str:
        self.calls.append("stamp")
        return "a stamp"

    def view(self) -> DatabaseView:
        if self.row is None:
            raise OSError("no answer")
        return self.row

    def read(self) -> Lease | None:
        if self.lease_silent:
            raise OSError("no answer")
        return self.lease_item

    def renew(self, *, region: str, epoch: int, health: str) -> Lease | None:
        self.calls.append("renew")
        assert self.lease_item is not None
        self.lease_item = transitions.renew(self.lease_item, region=region, epoch=epoch)
        return self.lease_item

    def bump(self, **_row: Any) -> bool:
        self.calls.append("bump")
        return True

    def promise(self) -> Promise:
        return self.own

    def ask_failsafe(self, *, epoch: int) -> bool:
        self.calls.append("ask")
        if self.other is None:
            raise OSError("no answer")
        return transitions.ask_failsafe(self.other, epoch=epoch) is not None

    def keeper_report(self) -> KeeperReport | None:
        return None

    def plan_runs(self, epoch: int) -> PlanRuns:
        return PlanRuns(epoch)

    def claim_run(self, epoch: int, *, run: int, now: float) -> PlanRuns:
        return PlanRuns(epoch, run=run, claimed_at=now)

    def status(self, _name: str) -> Any:
        raise AssertionError("no run exists")

    def start(self, name: str, *, epoch: int) -> bool:
        self.calls.append(f"start {name}")
        return True

    def progress(self, _region: str) -> Progress:
        return Progress(beat_seconds_ago=0.5, newest_applied=999.0)

    def samples(self, _region: str) -> list[Sample]:
        return []

    def own_health(self) -> dict[str, Any]:
        return {}

    def note_decision(self, *_decision: Any) -> bool:
        return True

    def page(self, subject: str, _text: str) -> None:
        self.calls.append(f"page {subject.rpartition(': ')[2]}")


def test_home_serves_by_itself() -> None:
    """The stamp is older than the question: what a person binds later waits for longer than it lasts."""
    region = Region(SERVES)
    assert region.cycle() == (Action.RENEW, "holder")
    assert region.calls[:4] == ["stamp", "ask", "renew", "bump"]


def test_home_that_serves_goes_on_when_the_other_region_is_lost() -> None:
    region = Region(SERVES)
    region.other = None
    assert region.cycle() == (Action.RENEW, "holder")
    assert {"renew", "bump"} <= set(region.calls)


def test_home_is_made_active_the_first_time_by_the_other_regions_word() -> None:
    region = Region(NEW)
    assert region.cycle() == (Action.RECOVER, "database-behind-lease")
    assert "start recover-e1-r1" in region.calls


@pytest.mark.parametrize("row", [STOOD_STILL, NEW, REPLICA, None])
def test_home_that_stood_still_waits_for_the_other_regions_word(row: DatabaseView | None) -> None:
    """Meanwhile a person may have made the other region active, and its plan would take the database back."""
    region = Region(row)
    region.other = None
    assert region.cycle() == (Action.HOLD, "stopped-without-the-other-region")
    assert {"renew", "bump", "start recover-e1-r1"} & set(region.calls) == set()
    assert "page stopped-without-the-other-region" in region.calls


@pytest.mark.parametrize("row", [SERVES, STOOD_STILL, REPLICA])
def test_home_stops_once_a_person_made_the_other_region_active(row: DatabaseView) -> None:
    region = Region(row)
    region.other = Promise(promoting=2, tries=1)
    assert region.cycle() == (Action.HOLD, "other-region-was-made-active")
    assert {"renew", "bump", "start recover-e1-r1"} & set(region.calls) == set()


def test_a_region_that_a_person_made_active_starts_without_the_lost_one() -> None:
    region = Region(REPLICA, Lease(holder=OTHER, epoch=2, renewals=0, writer=HOME))
    region.other, region.own = None, Promise(promoting=2, tries=1)
    assert region.cycle(OTHER) == (Action.RECOVER, "database-behind-lease")
    assert "start recover-e2-r1" in region.calls


@pytest.mark.parametrize("lease", [None, LEASE, Lease(holder="", epoch=2, renewals=3, writer=HOME)])
def test_the_other_region_never_takes_by_itself(lease: Lease | None) -> None:
    region = Region(REPLICA, lease)
    region.other = None
    assert region.cycle(OTHER) == (Action.HOLD, "takeover-is-a-persons")
    assert region.calls == ["stamp"], "that is its normal state: no page, no write"


def test_home_whose_lease_is_gone_pages() -> None:
    region = Region(SERVES, None)
    assert region.cycle() == (Action.HOLD, "lease-item-missing")
    assert "page lease-item-missing" in region.calls


def test_without_a_standby_nobody_could_have_replaced_home_and_it_starts_again_by_itself() -> None:
    """ADR 23: what stood still serves again, as no person can have made another region active."""
    region = Region(STOOD_STILL)
    region.peer = NoStandby()
    assert region.cycle() == (Action.RENEW, "holder")
    assert {"renew", "bump"} <= set(region.calls)
    assert not any(one.startswith("page") for one in region.calls)


def test_without_a_standby_home_serves_on_while_its_lease_cannot_be_read() -> None:
    region = Region(SERVES)
    region.peer, region.lease_silent = NoStandby(), True
    assert region.cycle()[0] is Action.ASK_FAILSAFE
    assert "bump" in region.calls


def test_only_the_word_for_none_means_that_there_is_no_standby() -> None:
    """A variable that is forgotten or empty must not let a region serve without asking the other one."""
    assert KeeperContract.required_names().count("PEER_REGION") == 1
    told = {name: "1" for name in KeeperContract.required_names()}
    told |= {"DATABASE_AUTH": "iam", "AWS_REGION": HOME, "WITNESS_REGION": HOME}
    with pytest.raises(KeyError, match="PEER_REGION"):
        KeeperContract.from_env(told | {"PEER_REGION": ""})
    alone = KeeperContract.from_env(told | {"PEER_REGION": "none"})
    assert isinstance(ports(alone).peer, NoStandby)
    assert not isinstance(
        ports(KeeperContract.from_env(told | {"PEER_REGION": OTHER})).peer, NoStandby
    )
