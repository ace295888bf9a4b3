"""Each of a keeper's ports reaches its own table, region and address: a wrong wire is seen here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.adapters.region_state_table import ProbeResults, RegionStateTable
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.keeper import KeeperContract
from lifeline.lambdas.failover.health import Health, Sample
from lifeline.lambdas.failover.lease import Lease, Promise
from lifeline.lambdas.failover.plan_runs import RunStatus
from lifeline.lambdas.failover.replication_signal import ReplicationSource
from lifeline.lambdas.keeper import adapters
from lifeline.lambdas.keeper.adapters import QueryApiWatermark, ports, publish_directory, signal
from lifeline.lambdas.keeper.cycle import Ports
from tests.support.http_server import Request, http_server
from tests.support.tables import made_table

OWN, PEER, WITNESS = "ca-west-1", "ca-central-1", "us-east-2"
ACCOUNT = "123456789012"
LEASE = Lease(holder=PEER, epoch=1, renewals=7, writer=PEER)
LEASE_TABLE, STATE_TABLE = "lease-test", "region-state-test"
SETTINGS = KeeperContract(
    region=OWN,
    peer_region=PEER,
    witness_region=WITNESS,
    lease_table=LEASE_TABLE,
    region_state_table=STATE_TABLE,
    database=DatabaseAddress(host="writer,reader", port=6432, name="n", user="u", auth="none"),
    own_api_url="https://api.own",
    page_topic_arn=f"arn:aws:sns:{OWN}:{ACCOUNT}:pages",
    suffix="test",
    state_machine_arn=f"arn:aws:states:{OWN}:{ACCOUNT}:stateMachine:plan-test",
    tier_rpo_seconds=60,
)


class Database:
    """The region's database: which address it is, and what it has of another region."""

    def __init__(self, address: DatabaseAddress) -> None:
        self.address = address

    def newest_applied_born(self, origin: str) -> float:
        return {PEER: 90.0, OWN: 91.0}[origin]

    def newest_heartbeat(self, region: str) -> float:
        return {PEER: 80.0, OWN: 81.0}[region]


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(adapters, "RegionDatabase", Database)
    client.cache_clear()
    with mock_aws():
        made_table(WITNESS, LEASE_TABLE)
        made_table(OWN, STATE_TABLE)
        made_table(PEER, STATE_TABLE)
        yield
    client.cache_clear()


def made(**settings: Any) -> Ports:
    return ports(replace(SETTINGS, **settings))


def state_of(region: str) -> RegionStateTable:
    return RegionStateTable(client("dynamodb", region), STATE_TABLE)


def test_the_lease_is_the_witnesss() -> None:
    assert LeaseTable(client("dynamodb", WITNESS), LEASE_TABLE).create(LEASE)
    assert made().lease.read() == replace(LEASE, read_at=made().lease.read().read_at)  # type: ignore[union-attr]


def test_what_it_remembers_lies_in_its_own_region() -> None:
    keeper = made()
    keeper.local.remember({"seen": None})
    assert state_of(OWN).memory() == {"seen": None}
    assert state_of(PEER).memory() == {}


def test_a_promise_is_asked_of_the_other_region() -> None:
    assert made().peer.ask_failsafe(epoch=1)
    assert state_of(PEER).promise() == Promise(failsafe=1)
    assert state_of(OWN).promise() == Promise()


def test_the_witnesss_samples_are_the_witnesss_and_the_own_are_the_own() -> None:
    """A12: two observers; the one's word must not stand for the other's."""
    there, here = Sample(1.0, Health.UNHEALTHY), Sample(2.0, Health.HEALTHY)
    ProbeResults(client("dynamodb", WITNESS), LEASE_TABLE).keep(PEER, there, 6)
    ProbeResults(client("dynamodb", OWN), STATE_TABLE).keep(PEER, here, 6)
    keeper = made()
    assert keeper.witness_probe.samples(PEER) == [there]
    assert keeper.local.samples(PEER) == [here]


def test_the_database_is_the_own_and_the_signal_reads_the_same() -> None:
    keeper: Any = made()
    assert keeper.database.address == SETTINGS.database
    assert keeper.signal.applied_until(PEER) == 90.0


def test_the_plan_is_the_own_regions_state_machine() -> None:
    states = client("stepfunctions", OWN)
    definition = {"StartAt": "done", "States": {"done": {"Type": "Succeed"}}}
    states.create_state_machine(
        name="plan-test",
        definition=json.dumps(definition),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/any",
    )
    plan = made().plan
    assert plan.status("recover-e2-r1") is RunStatus.MISSING
    assert plan.start("recover-e2-r1", epoch=2)
    assert plan.status("recover-e2-r1") is not RunStatus.MISSING
    (run,) = states.list_executions(stateMachineArn=SETTINGS.state_machine_arn)["executions"]
    asked = states.describe_execution(executionArn=run["executionArn"])["input"]
    assert json.loads(asked) == {"epoch": 2, "from_epoch": 1, "region": OWN}


def test_a_page_goes_to_the_own_regions_topic() -> None:
    with Stubber(client("sns", OWN)) as sns:
        told = {"TopicArn": SETTINGS.page_topic_arn, "Subject": "subject", "Message": "text"}
        sns.add_response("publish", {}, told)
        made().pager.page("subject", "text")
        sns.assert_no_pending_responses()


def test_the_directory_tells_the_other_observers_where_the_region_is() -> None:
    """The fence takes the address from there (A8), the witness's probe the API's."""
    publish_directory(SETTINGS)
    facts = LeaseTable(client("dynamodb", WITNESS), LEASE_TABLE).region_facts(OWN)
    assert facts == {
        "api_url": "https://api.own",
        "database_host": "writer,reader",
        "database_port": "6432",
    }


def row(region: str, shard: str, born_ms: int, safe_in: str = OWN) -> dict[str, Any]:
    return {
        "region": region,
        "incarnation": "100",
        "shard": shard,
        "sequence": 7,
        "born_ms": born_ms,
        "safe_in": safe_in,
    }


def answering(*rows: dict[str, Any]) -> Any:
    def answer(request: Request) -> tuple[int, dict[str, Any]]:
        assert (request.method, request.path) == ("GET", "/v1/watermark")
        return 200, {"format": 2, "entries": list(rows)}

    return http_server(answer)


def test_the_loss_is_read_from_the_oldest_of_the_other_regions_shards_in_the_own_log() -> None:
    """A5: neither what the own region accepted nor what the other log has says anything of the loss."""
    rows = (
        row(PEER, "shard-0", 9_500),
        row(PEER, "shard-1", 9_000),
        row(OWN, "shard-0", 1_000),
        row(PEER, "shard-0", 2_000, safe_in=PEER),
    )
    with answering(*rows) as api:
        assert QueryApiWatermark(api.url, OWN).oldest_born_seconds(PEER) == 9.0
        markers = signal(replace(SETTINGS, query_api_url=api.url), Database(SETTINGS.database))  # type: ignore[arg-type]
        assert markers.complete_until(PEER) == 9.0
        assert markers.applied_until(PEER) == 90.0


def test_without_a_row_of_the_other_region_the_loss_is_not_known() -> None:
    with answering(row(OWN, "shard-0", 1_000)) as api:
        assert QueryApiWatermark(api.url, OWN).oldest_born_seconds(PEER) is None


def test_a_query_api_that_does_not_answer_is_raised() -> None:
    with http_server(lambda _request: (503, {})) as api, pytest.raises(OSError, match="503"):
        QueryApiWatermark(api.url, OWN).oldest_born_seconds(PEER)


def test_by_heartbeats_the_own_api_must_answer_before_the_loss_is_told() -> None:
    """What takes over must serve."""
    with http_server(lambda _request: (200, {})) as api:
        settings = replace(
            SETTINGS, own_api_url=api.url, replication_signal=ReplicationSource.HEARTBEAT
        )
        beats = signal(settings, Database(SETTINGS.database))  # type: ignore[arg-type]
        assert beats.complete_until(PEER) == 80.0
        assert [(one.method, one.path) for one in api.seen] == [("GET", "/health")]
        assert beats.applied_until(PEER) == 80.0
        assert len(api.seen) == 1
    with http_server(lambda _request: (503, {})) as api:
        beats = signal(replace(settings, own_api_url=api.url), Database(SETTINGS.database))  # type: ignore[arg-type]
        with pytest.raises(OSError, match="503"):
            beats.complete_until(PEER)
