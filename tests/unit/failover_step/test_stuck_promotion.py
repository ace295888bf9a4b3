"""A promotion that was accepted and does not happen: the region's cluster leaves the global one, last (D11).

The service's answers are checked against its own model (botocore's stubber); the tables are moto's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.plan_runs import Moment, PlanRuns
from lifeline.lambdas.failover.promotion import (
    ASKED_AGAIN_SECONDS,
    BUDGET_SECONDS,
    CEILING_SECONDS,
    Move,
    next_move,
)
from lifeline.lambdas.failover_step import database_steps
from lifeline.lambdas.failover_step.context import NotMine, NotReady, StepContext
from lifeline.lambdas.failover_step.database_steps import start_promotion
from tests.support.clocks import ManualClock
from tests.support.step_runs import (
    EPOCH,
    OWN,
    OWN_ARN,
    PEER,
    PEER_ARN,
    STATE_TABLE,
    global_cluster,
    lease_of,
    move_lease,
    step_run,
    with_lease,
)
from tests.unit.failover_step.test_store_steps import credentials

__all__ = ["credentials"]

LEAVE = {"GlobalClusterIdentifier": "global-test", "DbClusterIdentifier": OWN_ARN}
FAILOVER = {
    "GlobalClusterIdentifier": "global-test",
    "TargetDbClusterIdentifier": OWN_ARN,
    "AllowDataLoss": True,
}


@pytest.fixture(autouse=True)
def one_look(monkeypatch: pytest.MonkeyPatch, credentials: None) -> Iterator[None]:
    monkeypatch.setattr(database_steps, "POLL_BUDGET_SECONDS", 0.0)
    with mock_aws():
        yield


def waiting(
    seconds: float, *, asked_again: float | None = None, lease: Lease | None = None
) -> StepContext:
    """A run whose epoch's promotion was accepted `seconds` ago; asked for again so long ago."""
    event = {"execution": "arn:execution-7"}
    run = with_lease(step_run(clock=ManualClock(), event=event), lease or lease_of(writer=OWN))
    now = run.clock.now()
    assert run.local.note_moment(EPOCH, Moment.ACCEPTED, now=now - seconds)
    if asked_again is not None:
        assert run.local.note_moment(EPOCH, Moment.ASKED_AGAIN, now=now - asked_again)
    return run


def awaited(run: StepContext, *, found: dict[str, Any], expected: str, looks: int = 2) -> None:
    """One attempt: two looks at the global cluster, if the budget is used up, and its words."""
    with Stubber(run.rds) as rds:
        for _ in range(looks):
            rds.add_response("describe_global_clusters", found)
        with pytest.raises(NotReady, match=expected):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()


# The move, pure


@pytest.mark.parametrize(
    ("status", "waited", "asked_ago", "move"),
    [
        ("", BUDGET_SECONDS - 1, None, Move.WAIT),
        ("", -5.0, None, Move.WAIT),
        ("", BUDGET_SECONDS, None, Move.ASK_AGAIN),
        ("", BUDGET_SECONDS + 20, ASKED_AGAIN_SECONDS - 1, Move.WAIT),
        ("", BUDGET_SECONDS + 40, ASKED_AGAIN_SECONDS, Move.LEAVE),
        ("pending", CEILING_SECONDS - 1, None, Move.WAIT),
        ("failing-over", CEILING_SECONDS - 1, None, Move.WAIT),
        ("failing-over", CEILING_SECONDS - 1, 300, Move.WAIT),
        ("switching-over", CEILING_SECONDS - 1, None, Move.WAIT),
        ("cancelling", CEILING_SECONDS - 1, None, Move.WAIT),
        ("a word of next year", CEILING_SECONDS - 1, None, Move.WAIT),
        ("failing-over", CEILING_SECONDS, None, Move.LEAVE),
        ("cancelling", CEILING_SECONDS, None, Move.LEAVE),
        ("", CEILING_SECONDS, None, Move.LEAVE),
    ],
)
def test_the_next_move(status: str, waited: float, asked_ago: float | None, move: Move) -> None:
    now = 1_790_000_000.0
    asked = 0.0 if asked_ago is None else now - asked_ago
    found = next_move(status=status, accepted_at=now - waited, asked_again_at=asked, now=now)
    assert found is move


def test_the_states_of_a_failover_are_the_services() -> None:
    """A state that the service adds is one in progress; the words of the table above are its own."""
    rds = client("rds", OWN)
    said = rds.meta.service_model.shape_for("FailoverState").members["Status"].enum
    assert {"pending", "failing-over", "cancelling"} <= set(said)


# The step


def test_within_its_budget_nothing_leaves() -> None:
    run = waiting(BUDGET_SECONDS - 10)
    awaited(run, found=global_cluster(), expected=f"the writer is {PEER_ARN}$", looks=1)


@pytest.mark.parametrize("status", ["pending", "failing-over", "switching-over", "cancelling"])
def test_past_its_budget_a_failover_in_progress_is_waited_for(status: str) -> None:
    run = waiting(BUDGET_SECONDS + 10, asked_again=9.0)
    found = global_cluster(moving_to=OWN_ARN, status=status)
    awaited(run, found=found, expected=f"the failover is {status}: waiting for it")


def test_with_no_failover_in_progress_it_asks_once_more_and_then_leaves() -> None:
    """One run asks, another leaves: what was asked is recorded for the epoch."""
    run = waiting(BUDGET_SECONDS + 10)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("failover_global_cluster", {"GlobalCluster": {}}, FAILOVER)
        with pytest.raises(NotReady, match="asked for the promotion once more"):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()
    awaited(run, found=global_cluster(), expected="waiting for the second request")
    run.clock.sleep(ASKED_AGAIN_SECONDS)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("remove_from_global_cluster", {"GlobalCluster": {}}, LEAVE)
        with pytest.raises(NotReady, match="asked to leave the global cluster"):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()


def test_a_second_request_that_is_refused_is_not_repeated() -> None:
    run = waiting(BUDGET_SECONDS + 10)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_client_error("failover_global_cluster", "InvalidGlobalClusterStateFault")
        with pytest.raises(NotReady, match="refused it: InvalidGlobalClusterStateFault"):
            database_steps.await_database(run)
    assert run.local.plan_runs(EPOCH).asked_again_at == run.clock.now()


def test_a_second_request_without_an_answer_is_repeated() -> None:
    run = waiting(BUDGET_SECONDS + 10)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_client_error("failover_global_cluster", "ThrottlingException")
        with pytest.raises(ClientError):
            database_steps.await_database(run)
    assert run.local.plan_runs(EPOCH).asked_again_at == 0.0


def test_past_the_ceiling_it_pages_once_and_leaves_whatever_the_state_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = waiting(CEILING_SECONDS)
    pages: list[tuple[str, str]] = []
    monkeypatch.setattr(run.pager, "page", lambda subject, text: pages.append((subject, text)))
    found = global_cluster(moving_to=OWN_ARN)
    for _ in range(2):
        with Stubber(run.rds) as rds:
            rds.add_response("describe_global_clusters", found)
            rds.add_response("describe_global_clusters", found)
            rds.add_client_error(
                "remove_from_global_cluster",
                "InvalidGlobalClusterStateFault",
                expected_params=LEAVE,
            )
            with pytest.raises(NotReady, match="does not let it leave yet"):
                database_steps.await_database(run)
            rds.assert_no_pending_responses()
        assert len(pages) == 1, "at the first look past the ceiling, and not again"
    [(subject, text)] = pages
    assert subject == f"Lifeline test {OWN}: the promotion of the database takes too long"
    for fact in (
        f"epoch {EPOCH}",
        f"{CEILING_SECONDS:.0f} s ago",
        "failing-over",
        "arn:execution-7",
    ):
        assert fact in text


def test_a_ceiling_of_an_idle_service_is_paged_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    run = waiting(CEILING_SECONDS + 7, asked_again=CEILING_SECONDS)
    pages: list[str] = []
    monkeypatch.setattr(run.pager, "page", lambda _subject, text: pages.append(text))
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("remove_from_global_cluster", {"GlobalCluster": {}}, LEAVE)
        with pytest.raises(NotReady, match="asked to leave the global cluster"):
            database_steps.await_database(run)
    [text] = pages
    assert "not in progress" in text
    assert f"{CEILING_SECONDS + 7:.0f} s ago" in text


def test_below_the_ceiling_nobody_is_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    run = waiting(CEILING_SECONDS - 1, asked_again=9.0)
    monkeypatch.setattr(run.pager, "page", lambda *_: pytest.fail("too early"))
    found = global_cluster(moving_to=OWN_ARN)
    awaited(run, found=found, expected="the failover is failing-over: waiting for it")


def test_an_error_that_is_no_state_of_the_service_is_raised() -> None:
    """Leaving is the last resort: what the service says against it is not taken for "not yet"."""
    run = waiting(BUDGET_SECONDS + 60, asked_again=50.0)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_client_error("remove_from_global_cluster", "AccessDenied")
        with pytest.raises(ClientError, match="AccessDenied"):
            database_steps.await_database(run)


def test_there_must_be_a_global_cluster() -> None:
    run = with_lease(step_run(), lease_of())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", {"GlobalClusters": []})
        with pytest.raises(NotReady, match="there is no global cluster global-test"):
            database_steps.promotion_accepted(run)


@pytest.mark.parametrize("lease", [lease_of(PEER), lease_of(epoch=EPOCH + 1)])
@pytest.mark.parametrize("seconds", [BUDGET_SECONDS + 10, CEILING_SECONDS])
def test_without_the_lease_nothing_is_asked_and_nothing_leaves(
    lease: Lease, seconds: float
) -> None:
    run = waiting(seconds, lease=lease)
    with Stubber(run.rds) as rds:  # a call that was not promised raises another exception
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        with pytest.raises(NotMine):
            database_steps.await_database(run)


def test_the_lease_is_looked_at_right_before_it_leaves() -> None:
    """It moves while the database service still answers the last look."""
    run = waiting(BUDGET_SECONDS + 60, asked_again=50.0)
    looks: list[int] = []

    def moved(**_: Any) -> None:
        looks.append(1)
        if len(looks) == 2:
            move_lease(run)

    run.rds.meta.events.register("before-parameter-build.rds.DescribeGlobalClusters", moved)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        with pytest.raises(NotMine, match="before the region left"):
            database_steps.await_database(run)


def test_a_run_that_replaces_another_does_not_wait_anew() -> None:
    """The budget counts from the acceptance recorded for the epoch, not from the run's own state."""
    run = waiting(BUDGET_SECONDS + 60, asked_again=50.0)
    entered = {**run.event, "entered_at": "2026-01-01T00:00:00Z"}
    replaced = StepContext(run.settings, entered, run.clock)
    with Stubber(replaced.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("remove_from_global_cluster", {"GlobalCluster": {}}, LEAVE)
        with pytest.raises(NotReady, match="asked to leave"):
            database_steps.await_database(replaced)


def test_an_acceptance_that_nobody_recorded_counts_from_the_first_look() -> None:
    """The answer to the promotion was lost and `release` found it accepted: later, never sooner."""
    run = with_lease(step_run(), lease_of(writer=OWN))
    awaited(run, found=global_cluster(), expected=f"the writer is {PEER_ARN}$", looks=1)
    first = run.clock.now()
    assert run.local.plan_runs(EPOCH) == PlanRuns(EPOCH, accepted_at=first)
    run.clock.sleep(5.0)
    awaited(run, found=global_cluster(), expected=f"the writer is {PEER_ARN}$", looks=1)
    assert run.local.plan_runs(EPOCH).accepted_at == first


def test_without_its_own_table_nothing_leaves_and_the_wait_goes_on() -> None:
    """Since when it waits is unknown, and unknown is not long enough."""
    run = waiting(CEILING_SECONDS + 60)
    client("dynamodb", OWN).delete_table(TableName=STATE_TABLE)
    awaited(run, found=global_cluster(), expected="since when is not known", looks=1)


def test_a_service_that_still_moves_the_writer_is_waited_for() -> None:
    run = waiting(BUDGET_SECONDS + 60, asked_again=50.0)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_client_error("remove_from_global_cluster", "InvalidGlobalClusterStateFault")
        with pytest.raises(NotReady, match="does not let it leave yet"):
            database_steps.await_database(run)


def test_a_cluster_on_its_own_is_asked_by_its_server_alone() -> None:
    """It left before: not asked to leave again; whether it takes writes its server says."""
    run = waiting(BUDGET_SECONDS + 10)
    awaited(run, found=global_cluster(own=False), expected=r"cannot tell yet.*on its own already")


def test_a_writer_whose_server_cannot_be_asked_does_not_leave() -> None:
    """Unknown is not stuck: the service did its part."""
    run = waiting(CEILING_SECONDS + 10)
    expected = "the server, or the way to it, is at fault"
    awaited(run, found=global_cluster(writer=OWN_ARN), expected=expected)


class Server:
    """This region's server: it takes writes, or is a replica for the first `looks` looks."""

    def __init__(self, looks: int = 0) -> None:
        self.looks = looks

    @property
    def in_recovery(self) -> bool:
        self.looks -= 1
        return self.looks >= 0

    def view(self) -> Server:
        return self


@pytest.mark.parametrize("found", [global_cluster(writer=OWN_ARN), global_cluster(own=False)])
def test_the_wait_ends_when_the_server_takes_writes(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]
) -> None:
    """As the writer, or on its own; the service's word alone is not enough: its server is asked."""
    monkeypatch.setattr(database_steps, "POLL_BUDGET_SECONDS", 12.0)
    run = waiting(5.0)
    run.__dict__["database"] = Server(looks=1)
    with Stubber(run.rds) as rds:
        for _ in range(2):
            rds.add_response("describe_global_clusters", found)
        said = database_steps.await_database(run)
        rds.assert_no_pending_responses()
    assert said == "this region's cluster is the writer and takes writes"
    assert run.clock.slept == [0.5]  # type: ignore[attr-defined]


def test_an_attempt_of_the_wait_ends_in_time_for_the_state_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database_steps, "POLL_BUDGET_SECONDS", 12.0)
    run = waiting(5.0)
    run.__dict__["database"] = Server(looks=1_000)
    with Stubber(run.rds) as rds:
        for _ in range(25):
            rds.add_response("describe_global_clusters", global_cluster(writer=OWN_ARN))
        with pytest.raises(NotReady, match=r"^this region's server is still a replica$"):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()
    assert run.clock.slept == [0.5] * 24  # type: ignore[attr-defined]


def test_a_replica_that_left_the_global_cluster_is_not_promoted() -> None:
    run = with_lease(step_run(), lease_of())
    run.__dict__["database"] = Server(looks=1)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster(own=False))
        assert not database_steps.promotion_accepted(run)


def test_an_acceptance_in_another_epoch_says_nothing_of_this_one() -> None:
    run = with_lease(step_run(), lease_of())
    assert run.local.note_moment(EPOCH - 1, Moment.ACCEPTED, now=run.clock.now())
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        assert not database_steps.promotion_accepted(run)


def test_a_run_after_the_stuck_one_takes_its_cluster_as_promoted() -> None:
    run = with_lease(step_run(), lease_of())
    run.__dict__["database"] = Server()
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster(own=False))
        assert database_steps.promotion_accepted(run)


@pytest.mark.parametrize("run_number", [1, 2])
def test_a_later_run_of_a_completed_epoch_asks_anew(run_number: int) -> None:
    """Weeks after the takeover a person moved the writer away, and the keeper runs the plan again (A17).

    What was accepted then is not accepted now: a region that counted from it would leave the global cluster
    at its first look, and cost the standby.
    """
    run = with_lease(step_run(clock=ManualClock()), lease_of(writer=OWN))
    long_ago = run.clock.now() - 30 * 86_400
    for number in range(1, run_number + 1):
        assert run.local.claim_run(EPOCH, run=number, now=long_ago)
    for moment in Moment:
        assert run.local.note_moment(EPOCH, moment, now=long_ago)
    assert run.local.complete_run(EPOCH, run=run_number)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        rds.add_response("failover_global_cluster", {"GlobalCluster": {}}, FAILOVER)
        assert start_promotion(run) == "the database service accepted the failover"
        # One look, while it moves: within its budget nothing leaves.
        rds.add_response("describe_global_clusters", global_cluster(moving_to=OWN_ARN))
        with pytest.raises(NotReady):
            database_steps.await_database(run)
        rds.assert_no_pending_responses()


def test_a_promotion_that_was_accepted_in_this_epoch_stays_accepted() -> None:
    """Cancelled by the service, or silent: past the point of no return the plan goes forward (D1), and
    `await_database` alone asks again."""
    run = waiting(10.0, lease=lease_of())
    with Stubber(run.rds):  # any call would raise
        assert database_steps.promotion_accepted(run)
        assert "already" in database_steps.start_promotion(run)


@pytest.mark.parametrize(("seconds", "asks"), [(5.0, True), (5.1, False)])
def test_a_slow_attempt_asks_for_no_promotion(seconds: float, asks: bool) -> None:
    """Its task may have timed out, and the lease been released, while it looked."""
    run = with_lease(step_run(), lease_of())

    def slow(**_: Any) -> None:
        run.clock.sleep(seconds)

    run.rds.meta.events.register("before-parameter-build.rds.DescribeGlobalClusters", slow)
    with Stubber(run.rds) as rds:
        rds.add_response("describe_global_clusters", global_cluster())
        if asks:
            rds.add_response("failover_global_cluster", {"GlobalCluster": {}}, FAILOVER)
            assert database_steps.start_promotion(run).endswith("accepted the failover")
        else:
            with pytest.raises(NotReady, match="took too long to ask"):
                database_steps.start_promotion(run)
        rds.assert_no_pending_responses()
