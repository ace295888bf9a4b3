"""`lifeline authority takeover`: without a witness a person makes the other region active (A21)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from moto import mock_aws

from lifeline.cli import places as cli_places
from lifeline.cli import takeover
from lifeline.cli.__main__ import main
from lifeline.cli.failure import Refused
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.lambdas.adapters import aws
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.policy import Policy
from tests.support.clocks import ManualClock
from tests.support.tables import made_table

HOME, OTHER = "ca-central-1", "ca-west-1"
ACTIVE = Lease(holder=HOME, epoch=1, renewals=7, writer=HOME)


class Lost:
    """A client of a region that does not answer."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectTimeoutError(endpoint_url=f"https://{name}")


class Deployed:
    """Two regions, each with a lease table of its own; home is active at epoch 1."""

    def __init__(self) -> None:
        make: Any = boto3.client
        self.dynamodb = {one: make("dynamodb", region_name=one) for one in (HOME, OTHER)}
        for region in (HOME, OTHER):
            for name in ("lease-t", "region-state-t"):
                made_table(region, name)
        self.states = {one: make("stepfunctions", region_name=one) for one in (HOME, OTHER)}
        for states in self.states.values():
            states.create_state_machine(
                name="failover-plan-t",
                definition='{"StartAt": "end", "States": {"end": {"Type": "Succeed"}}}',
                roleArn="arn:aws:iam::123456789012:role/plan",
            )
        self.leases = {one: LeaseTable(self.dynamodb[one], "lease-t") for one in (HOME, OTHER)}
        self.local = {
            one: RegionStateTable(self.dynamodb[one], "region-state-t") for one in (HOME, OTHER)
        }
        self.leases[HOME].create(ACTIVE)
        self.lost = False

    def client(self, service: str, region: str, _timeout: float = 2.0) -> Any:
        if self.lost and region == HOME:
            return Lost()
        if service == "lambda":
            return self
        return self.states[region] if service == "stepfunctions" else self.dynamodb[region]

    def invoke(self, **_asked: Any) -> dict[str, Any]:
        row = json.dumps({"epoch": 1, "holder": HOME, "in_recovery": True})
        return {"Payload": io.BytesIO(json.dumps({"detail": row}).encode())}


@pytest.fixture(name="deployed")
def _deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    aws.client.cache_clear()
    with mock_aws():
        made = Deployed()
        monkeypatch.setattr(cli_places, "client", made.client)
        yield made


class Watching(ManualClock):
    """A clock that lets the test look, and do something, while the command waits."""

    def __init__(self, while_waiting: Any = lambda: None) -> None:
        super().__init__()
        self._while_waiting = while_waiting

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._while_waiting()


def run(clock: ManualClock, *, lost: bool = False, for_good: bool = False) -> None:
    there = Places("t", home=OTHER, recovery=HOME, witness=None)
    takeover.run(there, lost=lost, for_good=for_good, dry_run=False, clock=clock, output=Output())


def taken(deployed: Deployed) -> Lease:
    lease = deployed.leases[OTHER].read()
    assert lease is not None
    return lease


def test_a_home_that_answers_is_stopped_before_the_other_region_starts(deployed: Deployed) -> None:
    def look() -> None:
        """While it waits: home's renewals and questions are refused, and nobody holds a new lease."""
        assert deployed.leases[HOME].renew(region=HOME, epoch=1, health="serving") is None
        assert deployed.local[OTHER].ask_failsafe(epoch=1) is False
        assert deployed.leases[OTHER].read() is None

    clock = Watching(look)
    run(clock)
    assert clock.slept == [Policy().expiry_seconds]
    assert (taken(deployed).holder, taken(deployed).epoch) == (OTHER, 2)
    assert taken(deployed).writer == HOME, "its plan promotes: the database there is a replica"
    assert deployed.local[OTHER].promise().promoting == taken(deployed).epoch


def test_a_home_that_is_lost_takes_a_persons_word(deployed: Deployed) -> None:
    deployed.lost = True
    with pytest.raises(Refused, match=f"{HOME} does not say .* say --lost"):
        run(ManualClock())
    assert deployed.leases[OTHER].read() is None
    clock = ManualClock()
    run(clock, lost=True)
    assert clock.slept == [Policy().expiry_seconds]
    assert (taken(deployed).holder, taken(deployed).epoch) == (OTHER, 2)
    deployed.lost = False
    assert deployed.local[OTHER].ask_failsafe(epoch=1) is False, "who comes back is refused"


def test_a_home_that_comes_back_meanwhile_ends_it(deployed: Deployed) -> None:
    """The wait is only long enough for a region that stays lost."""
    deployed.lost = True
    clock = Watching(lambda: setattr(deployed, "lost", False))
    with pytest.raises(Refused, match="answers again: no lease was created"):
        run(clock, lost=True)
    assert deployed.leases[OTHER].read() is None
    run(ManualClock())
    assert taken(deployed).holder == OTHER


def test_a_second_takeover_needs_the_other_regions_lease(deployed: Deployed) -> None:
    """Both would be bound to their own epoch, and both could start without the other's word."""
    deployed.lost = True
    run(ManualClock(), lost=True)
    deployed.lost = False
    deployed.leases[OTHER].put_instead(
        Lease(holder=HOME, epoch=3, renewals=0, writer=OTHER), seen=taken(deployed)
    )
    deployed.lost = True
    with pytest.raises(Refused, match="a second takeover needs the lease of the other region"):
        run(ManualClock(), lost=True)
    run(ManualClock(), lost=True, for_good=True)
    assert (taken(deployed).holder, taken(deployed).epoch) == (OTHER, 4)


def test_run_twice_it_says_so(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    run(ManualClock())
    before = taken(deployed)
    run(ManualClock())
    assert "holds the lease already, at epoch 2" in capsys.readouterr().out
    assert taken(deployed) == before


def test_a_dry_run_writes_nothing(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["authority", "takeover", "--suffix", "t", "--to", OTHER, "--instead-of", HOME]
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"Would stop {HOME}" in said
    assert deployed.leases[HOME].read() == ACTIVE
    assert deployed.local[OTHER].promise().promoting == 0
