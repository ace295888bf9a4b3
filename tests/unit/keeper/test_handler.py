"""One run of the keeper's function: what the settings become, and what a run leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.pages import Sender
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.keeper import handler as function
from lifeline.lambdas.keeper.cycle import Cycle
from tests.support.tables import made_table

OWN, PEER, WITNESS = "ca-west-1", "ca-central-1", "us-east-2"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": OWN,
    "SUFFIX": "test",
    "PEER_REGION": PEER,
    "WITNESS_REGION": WITNESS,
    "LEASE_TABLE": "lease-test",
    "REGION_STATE_TABLE": "region-state-test",
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_PORT": "9",
    "DATABASE_NAME": "lifeline",
    "DATABASE_USER": "lifeline",
    "DATABASE_AUTH": "none",
    "OWN_API_URL": "http://127.0.0.1:9",
    "QUERY_API_URL": "http://127.0.0.1:9",
    "STATE_MACHINE_ARN": f"arn:aws:states:{OWN}:123456789012:stateMachine:plan-test",
    "PAGE_TOPIC_ARN": f"arn:aws:sns:{OWN}:123456789012:pages",
    "TIER_RPO_SECONDS": "45",
    "TTL_SECONDS": "25",
    "PLAN_BUDGET_SECONDS": "600",
}


class Context:
    """What the runtime tells of the time left."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    with mock_aws():
        made_table(OWN, "region-state-test")
        made_table(PEER, "region-state-test")
        yield
    client.cache_clear()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the cycle was made of."""
    kept: dict[str, Any] = {}

    def made(**words: Any) -> Cycle:
        kept.update(words)
        return Cycle(**words)

    monkeypatch.setattr(function, "Cycle", made)
    return kept


def lease_table() -> LeaseTable:
    return LeaseTable(made_table(WITNESS, "lease-test"), "lease-test")


def once() -> dict[str, Any]:
    return function.handler({"run_seconds": 0.1}, Context)


def test_a_run_tells_where_the_region_is_how_it_is_and_what_it_decided(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lease = lease_table()
    assert lease.create(Lease(holder=PEER, epoch=1, renewals=7, writer=PEER))
    assert once() == {"cycles": 1}
    assert lease.region_facts(OWN)["database_host"] == "127.0.0.1"
    report = RegionStateTable(client("dynamodb", OWN), "region-state-test").keeper_report()
    assert report is not None
    assert (report.region, report.action, report.seen) == (OWN, "hold", (1, 7))
    assert (report.allowed_seconds, report.plan_budget_seconds) == (45.0, 600)
    figures = [json.loads(one) for one in capsys.readouterr().out.splitlines() if '"_aws"' in one]
    assert {one["Suffix"] for one in figures} == {"test"}
    assert [one["TakeoverReady"] for one in figures if "TakeoverReady" in one] == [0.0]


def test_the_settings_become_the_cycles_policy_and_sender(given: dict[str, Any]) -> None:
    lease_table()
    once()
    assert given["sender"] == Sender(suffix="test", region=OWN, peer=PEER, witness=WITNESS)
    assert given["policy"] == Policy(ttl_seconds=25, max_loss_seconds=45, automatic_hand_over=False)
    assert (given["alone"], given["applies"], given["plan_budget_seconds"]) == (False, True, 600)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"AUTOMATIC_HAND_OVER": "true"}, {"automatic_hand_over": True}),
        ({"WITNESS_REGION": OWN}, {"alone": True}),
        ({"REPLICATION_SIGNAL": "heartbeat"}, {"applies": False}),
    ],
)
def test_each_choice_of_the_environment_reaches_the_cycle(
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
    expected: dict[str, bool],
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    once()
    chosen = {**given, "automatic_hand_over": given["policy"].automatic_hand_over}
    assert {name: chosen[name] for name in expected} == expected


def test_a_directory_that_cannot_be_written_stops_no_keeper() -> None:
    """The directory is for others; the witness does not answer here at all."""
    assert once() == {"cycles": 1}


def test_without_a_region_that_holds_the_lease_there_is_nothing_to_keep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WITNESS_REGION", "")
    assert once() == {"cycles": 0, "reason": "no-lease-region"}
