"""Who may be active: the lease is read first, and let go only when nothing was promoted (A4, D1)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from pg8000.exceptions import InterfaceError

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.clock import Clock
from lifeline.lambdas.failover.decision import DatabaseView
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.plan import Outcome, plan_for
from lifeline.lambdas.failover.protocol import NO_STANDBY
from lifeline.lambdas.failover_step import authority_steps
from lifeline.lambdas.failover_step.authority_steps import acquire, fence, page, release
from lifeline.lambdas.failover_step.context import (
    Aborted,
    NotMine,
    NotReady,
    StepAnswer,
    StepContext,
)
from lifeline.lambdas.failover_step.database_steps import promotion_accepted
from lifeline.lambdas.failover_step.exercise import READS
from tests.support.http_server import closed_port
from tests.support.silent_server import silent_server
from tests.support.step_runs import (
    EPOCH,
    LEASE_TABLE,
    OWN,
    OWN_ARN,
    PEER,
    STATE_TABLE,
    global_cluster,
    lease_of,
    move_lease,
    step_run,
    with_lease,
)
from tests.support.tables import made_table
from tests.unit.failover_step.test_store_steps import credentials

__all__ = ["credentials"]


@pytest.fixture(autouse=True)
def tables(credentials: None) -> Iterator[None]:
    with mock_aws():
        yield


def held(run: StepContext) -> Lease:
    lease = run.lease.read()
    assert lease is not None
    return lease


def test_the_lease_of_this_region_and_epoch_is_acquired() -> None:
    run = with_lease(step_run(), lease_of())
    before = held(run)
    assert acquire(run) == f"holder at epoch {EPOCH}"
    assert held(run) == before, "acquire only reads"


@pytest.mark.parametrize(
    "lease",
    [None, lease_of(PEER), lease_of(NO_HOLDER), lease_of(epoch=EPOCH + 1), lease_of(epoch=1)],
)
def test_any_other_lease_ends_the_plan(lease: Lease | None) -> None:
    run = with_lease(step_run(), lease)
    with pytest.raises(NotMine):
        acquire(run)


def test_an_aborted_epoch_is_not_begun() -> None:
    """A17: a run that replaces another releases what a person aborted, and promotes nothing."""
    run = with_lease(step_run(), lease_of())
    assert run.lease.abort(epoch=EPOCH)
    with pytest.raises(Aborted, match="aborted epoch 2"):
        acquire(run)


def test_a_lease_that_cannot_be_read_is_not_another_lease() -> None:
    """The witness does not answer: the step is repeated, the plan does not end."""
    with pytest.raises(ClientError):
        acquire(step_run())


def test_the_lease_is_released_when_no_promotion_was_accepted() -> None:
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        assert release(run) == "released"
        rds.assert_no_pending_responses()
    assert (held(run).holder, held(run).epoch) == (NO_HOLDER, EPOCH)
    counted = run.local.promise()
    assert (counted.releases, counted.released_epoch) == (1, EPOCH), "what A17 backs off by"


@pytest.mark.parametrize(
    "found",
    [
        global_cluster(writer=OWN_ARN),
        global_cluster(moving_to=OWN_ARN),
        global_cluster(moving_to=OWN_ARN, status="pending"),
        global_cluster(moving_to=OWN_ARN, status="switching-over"),
    ],
)
def test_a_promotion_whose_answer_was_lost_keeps_the_lease(found: dict[str, object]) -> None:
    """D1: past the point of no return the plan goes forward, and nobody else may take."""
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", found)
        said = release(run)
        assert isinstance(said, StepAnswer)
        assert said.outcome is Outcome.PROMOTION_ACCEPTED
    assert (held(run).holder, held(run).writer) == (OWN, OWN)


@pytest.mark.parametrize("moving", [("cancelling", OWN_ARN), ("failing-over", "another")])
def test_a_promotion_of_another_cluster_or_one_taken_back_is_not_ours(
    moving: tuple[str, str],
) -> None:
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        found = global_cluster(moving_to=moving[1], status=moving[0])
        rds.add_response("describe_global_clusters", found)
        assert release(run) == "released"


def test_nothing_is_released_while_the_database_service_does_not_answer() -> None:
    """Not knowing is not a no."""
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_client_error("describe_global_clusters", "InternalFailure")
        with pytest.raises(ClientError):
            release(run)
    assert held(run).holder == OWN


def test_nothing_is_released_while_a_cluster_on_its_own_is_silent() -> None:
    """It left the global cluster (decision 11): only its server knows whether it was promoted."""
    run = with_lease(step_run(server_port=closed_port()), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster(own=False))
        with pytest.raises(InterfaceError):
            release(run)
    assert held(run).holder == OWN


@pytest.mark.parametrize("lease", [None, lease_of(PEER), lease_of(epoch=EPOCH + 1)])
def test_a_lease_that_is_gone_is_left_alone_and_nothing_is_asked(lease: Lease | None) -> None:
    run = with_lease(step_run(), lease)
    with Stubber(run.rds):  # any call would raise
        assert release(run) == "not the holder any more"
    assert run.lease.read() == lease


def test_a_promotion_that_was_accepted_and_taken_back_leads_forward() -> None:
    """D1: the lease says that this region's promotion was accepted. It can never be released, so waiting
    for that would never end: the wait for the database does, it leaves the global cluster."""
    run = with_lease(step_run(), lease_of(writer=OWN))
    before = held(run)
    with Stubber(run.rds):  # any call would raise: the lease is enough, whatever the service says
        said = release(run)
    assert said == StepAnswer(
        Outcome.PROMOTION_ACCEPTED, "the lease says that it was accepted before"
    )
    assert held(run) == before


SERVICE_STATES = {
    "the other side writes": global_cluster(),
    "this side writes": global_cluster(writer=OWN_ARN),
    "pending": global_cluster(moving_to=OWN_ARN, status="pending"),
    "failing over": global_cluster(moving_to=OWN_ARN),
    "cancelling": global_cluster(moving_to=OWN_ARN, status="cancelling"),
    "failing over to another": global_cluster(moving_to=PEER),
}


@pytest.mark.parametrize("found", SERVICE_STATES.values(), ids=SERVICE_STATES)
@pytest.mark.parametrize("writer", [OWN, PEER])
def test_release_ends_whatever_lease_and_service_say(writer: str, found: dict[str, object]) -> None:
    """A17: when both answered, the step is done: it lets go, or leads forward, and never only waits."""
    run = with_lease(step_run(), lease_of(writer=writer))
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", found)
        said = release(run)
    forward = isinstance(said, StepAnswer) and said.outcome is Outcome.PROMOTION_ACCEPTED
    assert forward == (held(run).writer == OWN)
    assert held(run).holder == (OWN if forward else NO_HOLDER)


@pytest.mark.parametrize("found", [global_cluster(), global_cluster(writer=OWN_ARN)])
def test_a_write_that_the_table_refuses_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, object]
) -> None:
    """The lease moved between the look and the write: the next attempt finds it elsewhere."""
    run = with_lease(step_run(), lease_of())

    def moved_after(context: StepContext) -> bool:
        accepted = promotion_accepted(context)
        move_lease(context)
        return accepted

    monkeypatch.setattr(authority_steps, "promotion_accepted", moved_after)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", found)
        with pytest.raises(NotReady):
            release(run)
    assert release(run) == "not the holder any more"


def test_a_fence_without_an_address_says_so() -> None:
    run = with_lease(step_run(), lease_of())
    assert fence(run) == "not reached: the other side's database is not in the directory"


def test_a_fence_tries_the_writer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """D7: one connect timeout, not one for each of the cluster's names; and only a writer can be fenced."""
    monkeypatch.setattr(authority_steps, "FENCE_TIMEOUT_SECONDS", 0.3)
    with silent_server() as server:
        run = with_lease(step_run(server_port=server.port), lease_of())
        facts = {"database_host": "127.0.0.2,127.0.0.1", "database_port": str(server.port)}
        run.lease.publish_region(PEER, facts)
        assert fence(run).startswith("not reached: ")
        assert server.connections == 0, "the reader was asked, too"


def test_a_fence_of_a_silent_writer_ends_with_its_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """D7, A15: what takes the connection and says nothing does not hold up the plan."""
    monkeypatch.setattr(authority_steps, "FENCE_TIMEOUT_SECONDS", 0.3)
    with silent_server() as server:
        run = with_lease(step_run(server_port=server.port), lease_of())
        facts = {"database_host": "127.0.0.1", "database_port": str(server.port)}
        run.lease.publish_region(PEER, facts)
        begun = time.monotonic()
        assert fence(run).startswith("not reached: ")
        assert time.monotonic() - begun < 3
        assert server.connections == 1


class OldSide:
    """The other side's database, as the fence reaches it; what it was told is in the class."""

    replica = False
    unreachable = False
    row_epoch = EPOCH
    reached: ClassVar[list[tuple[DatabaseAddress, float]]] = []
    fenced: ClassVar[list[int]] = []
    closed = 0

    def __init__(self, address: DatabaseAddress, timeout_seconds: float, clock: Clock) -> None:
        del clock
        self.reached.append((address, timeout_seconds))

    def view(self) -> DatabaseView:
        if self.unreachable:
            raise OSError("no route to host")
        return DatabaseView(epoch=EPOCH - 1, holder=PEER, in_recovery=self.replica)

    def fence_epoch(self, *, epoch: int) -> int:
        self.fenced.append(epoch)
        return self.row_epoch

    def close(self) -> None:
        type(self).closed += 1


@pytest.fixture
def old_side(monkeypatch: pytest.MonkeyPatch) -> type[OldSide]:
    class Made(OldSide):
        reached: ClassVar[list[tuple[DatabaseAddress, float]]] = []
        fenced: ClassVar[list[int]] = []

    monkeypatch.setattr(authority_steps, "RegionDatabase", Made)
    return Made


def fencing(**settings: Any) -> StepContext:
    run = with_lease(step_run(**settings), lease_of())
    run.lease.publish_region(
        PEER, {"database_host": "writer.there,reader.there", "database_port": "6432"}
    )
    return run


def test_the_fence_reaches_the_other_sides_writer_within_its_own_time(
    old_side: type[OldSide],
) -> None:
    """A8, D7: at the new epoch; the address is the directory's, the sign-in that of its region."""
    run = fencing()
    old_side.row_epoch = EPOCH + 1
    assert fence(run) == f"the other side's database is at epoch {EPOCH + 1}"
    address = replace(run.settings.database, host="writer.there", port=6432, region=PEER)
    assert old_side.reached == [(address, 3.0)]
    assert old_side.fenced == [EPOCH]
    assert old_side.closed == 1


def test_settings_that_name_the_other_sides_database_come_before_the_directory(
    old_side: type[OldSide],
) -> None:
    fence(fencing(peer_database_host="named.there", peer_database_port="7432"))
    [(address, _)] = old_side.reached
    assert (address.host, address.port) == ("named.there", 7432)


@pytest.mark.parametrize(
    "facts", [{"database_host": "writer.there"}, {"database_port": "6432"}, {}]
)
def test_half_an_address_is_none(old_side: type[OldSide], facts: dict[str, str]) -> None:
    run = with_lease(step_run(), lease_of())
    run.lease.publish_region(PEER, facts)
    assert fence(run) == "not reached: the other side's database is not in the directory"
    assert old_side.reached == []


def test_a_replica_is_not_fenced(old_side: type[OldSide]) -> None:
    """A16: it follows this side already."""
    old_side.replica = True
    assert fence(fencing()) == "nothing to fence: the other side's database is a replica"
    assert (old_side.fenced, old_side.closed) == ([], 1)


def test_a_side_that_is_not_reached_stops_nothing(old_side: type[OldSide]) -> None:
    """A15: what fences in any case is A1, by itself."""
    old_side.unreachable = True
    assert fence(fencing()) == "not reached: OSError"
    assert (old_side.fenced, old_side.closed) == ([], 1)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [("release", "cannot be released"), ("verify", "past the point of no return")],
)
def test_a_page_names_the_step_the_epoch_and_the_run(step: str, sentence: str) -> None:
    topic = "arn:aws:sns:ca-west-1:123456789012:pages"
    queue_url, queue_arn = a_queue()
    sns = client("sns", OWN)
    sns.create_topic(Name="pages")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    run = step_run(
        event={"failed_step": step, "execution": "arn:execution-7"}, page_topic_arn=topic
    )
    assert page(run) == f"paged for {step}"
    messages = client("sqs", OWN).receive_message(QueueUrl=queue_url)["Messages"]
    told = [json.loads(one["Body"]) for one in messages]
    assert [one["Subject"] for one in told] == [
        f"Lifeline test {OWN}: failover step {step} keeps failing"
    ]
    for words in (sentence, f"epoch {EPOCH}", "arn:execution-7"):
        assert words in told[0]["Message"]
    said = ["cannot be released" in told[0]["Message"], "goes on by itself" in told[0]["Message"]]
    assert said == [step == "release", step != "release"]


def test_a_page_that_cannot_be_sent_stops_nothing() -> None:
    run = step_run(
        event={"failed_step": "verify"},
        page_topic_arn="arn:aws:sns:ca-west-1:123456789012:not-there",
    )
    assert page(run) == "paged for verify"


def a_queue() -> tuple[str, str]:
    """A queue's URL and ARN."""
    sqs = client("sqs", OWN)
    url = sqs.create_queue(QueueName="mail")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, found["Attributes"]["QueueArn"]


def test_without_a_standby_no_other_region_is_asked() -> None:
    """ADR 23: the lease is this region's own, and nobody else can have been made active."""
    made_table(OWN, LEASE_TABLE)
    made_table(OWN, STATE_TABLE)
    run = step_run(witness_region=OWN, peer_region=NO_STANDBY)
    assert run.lease.create(lease_of())
    assert acquire(run) == f"holder at epoch {EPOCH}"
    with pytest.raises(NotReady, match="ca-central-1 does not say who is active"):
        acquire(step_run(witness_region=OWN))


def test_what_a_person_made_active_there_is_not_this_regions_any_more() -> None:
    """A21: the other region answers, and its answer is no."""
    made_table(OWN, LEASE_TABLE)
    made_table(OWN, STATE_TABLE)
    made_table(PEER, STATE_TABLE)
    run = step_run(witness_region=OWN)
    assert run.lease.create(lease_of())
    assert acquire(run) == f"holder at epoch {EPOCH}"
    there = RegionStateTable(client("dynamodb", PEER), STATE_TABLE)
    assert there.promise().failsafe == 1, "the answer is a promise (A2)"
    assert there.set_out(epoch=EPOCH + 1, failsafe=1)
    with pytest.raises(NotMine, match=f"a person made {PEER} active"):
        acquire(run)


def test_with_a_witness_the_other_region_is_not_asked() -> None:
    run = with_lease(step_run(), lease_of())
    made_table(PEER, STATE_TABLE)
    run.require_other_region(must_answer=True)
    assert RegionStateTable(client("dynamodb", PEER), STATE_TABLE).promise().failsafe == 0


def test_a_takeovers_word_stands_for_the_other_region_at_its_own_epoch_only() -> None:
    """A21: a step that moves the epoch needs the other region's own answer."""
    made_table(OWN, LEASE_TABLE)
    made_table(OWN, STATE_TABLE)
    run = step_run(witness_region=OWN)
    assert run.local.set_out(epoch=EPOCH, failsafe=run.local.promise().failsafe)
    run.require_other_region()
    with pytest.raises(NotReady, match="ca-central-1 does not say who is active"):
        run.require_other_region(must_answer=True)


def test_without_a_standby_there_is_nobody_to_fence() -> None:
    names = [step.name for step in plan_for(has_standby=False)]
    assert "fence" not in names
    assert {*names, "fence"} == {step.name for step in plan_for()}
    made_table(OWN, LEASE_TABLE)
    run = step_run(witness_region=OWN, peer_region=NO_STANDBY)
    assert READS["fence"](run) == "there is no other region"
