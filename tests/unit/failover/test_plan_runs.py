"""Which run of the plan must exist (A17), and how the keeper's adapter asks the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.failover.plan import LONGEST_STEP_SECONDS
from lifeline.lambdas.failover.plan_runs import (
    BACKOFF_FIRST_SECONDS,
    BACKOFF_LONGEST_SECONDS,
    Moment,
    PlanRuns,
    RunStatus,
    Step,
    backoff_seconds,
    claim,
    complete,
    forget_end,
    next_step,
    note_end,
    note_moment,
    run_name,
    run_of,
)
from lifeline.lambdas.failover_step.context import StepContext
from lifeline.lambdas.failover_step.evidence_step import record_evidence
from lifeline.lambdas.keeper.adapters import Plan
from tests.support.tables import made_table
from tests.unit.failover_step.test_store_steps import context, credentials

__all__ = ["credentials"]
MACHINE = "arn:aws:states:ca-west-1:111111111111:stateMachine:failover-plan-test"
EXECUTION = "arn:aws:states:ca-west-1:111111111111:execution:failover-plan-test:recover-e2-r3"
RUNNING, CLOSED, MISSING = RunStatus.RUNNING, RunStatus.CLOSED, RunStatus.MISSING
FIRST = PlanRuns(2, run=1, claimed_at=100.0)
ENDED = PlanRuns(2, run=1, claimed_at=100.0, ended_at=110.0)
DONE = PlanRuns(2, run=1, claimed_at=100.0, completed=1)
DUE = 110.0 + BACKOFF_FIRST_SECONDS


@pytest.mark.parametrize(
    ("runs", "status", "counts", "now", "step"),
    [
        (PlanRuns(2), MISSING, False, 100.0, Step.CLAIM),
        (PlanRuns(2), MISSING, True, 100.0, Step.CLAIM),
        (FIRST, RUNNING, False, 9_999.0, Step.NOTHING),
        (FIRST, MISSING, False, 101.0, Step.START),
        (FIRST, CLOSED, False, 110.0, Step.NOTE_END),
        (FIRST, CLOSED, True, 110.0, Step.NOTE_END),
        (ENDED, CLOSED, False, DUE - 0.1, Step.NOTHING),
        (ENDED, CLOSED, False, DUE, Step.CLAIM),
        (ENDED, RUNNING, False, DUE, Step.FORGET_END),
        (DONE, CLOSED, True, 9_999.0, Step.NOTHING),
        (DONE, CLOSED, False, 9_999.0, Step.NOTE_END),
        (DONE, MISSING, False, 9_999.0, Step.NOTE_END),
        (PlanRuns(2, run=1, ended_at=5.0, completed=1), CLOSED, True, 9.0, Step.FORGET_END),
        (PlanRuns(2, run=2, claimed_at=9.0, completed=1), MISSING, False, 9.0, Step.START),
    ],
)
def test_what_a_keeper_does_next(
    runs: PlanRuns, status: RunStatus, counts: bool, now: float, step: Step
) -> None:
    assert next_step(runs, status, completion_counts=counts, now=now) is step


def test_a_run_is_claimed_once_and_begins_with_no_end() -> None:
    second = claim(ENDED, run=2, now=150.0)
    assert second == PlanRuns(2, run=2, claimed_at=150.0)
    assert claim(ENDED, run=1, now=150.0) is None
    assert claim(ENDED, run=3, now=150.0) is None


def test_the_first_to_see_an_end_says_when_and_only_of_the_newest_run() -> None:
    assert note_end(FIRST, run=1, now=110.0) == ENDED
    assert note_end(ENDED, run=1, now=120.0) is None
    assert note_end(FIRST, run=2, now=110.0) is None
    assert forget_end(ENDED, run=1) == FIRST
    assert forget_end(ENDED, run=2) is None


def test_a_completion_ends_the_moments_of_the_promotion() -> None:
    """D11: a later run of the epoch asks anew."""
    asked = replace(FIRST, accepted_at=101.0, asked_again_at=102.0, late_since=103.0)
    assert complete(asked, run=1) == replace(FIRST, completed=1)
    assert complete(asked, run=2) is None
    assert complete(asked, run=0) is None
    assert complete(DONE, run=1) is None


@pytest.mark.parametrize("moment", Moment)
def test_a_moment_is_noted_once(moment: Moment) -> None:
    noted = note_moment(FIRST, moment, now=105.0)
    assert noted == replace(FIRST, **{str(moment): 105.0})  # type: ignore[arg-type]
    assert note_moment(noted, moment, now=106.0) is None


def test_the_back_off_doubles_and_is_bounded() -> None:
    runs = [PlanRuns(2, run=run, claimed_at=100.0, ended_at=110.0) for run in range(1, 40)]
    waits = [backoff_seconds(one) for one in runs]
    assert waits[:4] == [30.0, 60.0, 120.0, 240.0]
    assert set(waits[4:]) == {BACKOFF_LONGEST_SECONDS}


def test_a_run_that_lived_long_is_replaced_soon() -> None:
    """A run that handed over is no run that fails at once."""
    runs = PlanRuns(2, run=9, claimed_at=100.0, ended_at=101.0 + BACKOFF_LONGEST_SECONDS)
    assert backoff_seconds(runs) == BACKOFF_FIRST_SECONDS


def test_the_next_run_starts_after_the_longest_step_of_the_ended_one() -> None:
    assert BACKOFF_FIRST_SECONDS > LONGEST_STEP_SECONDS


def test_names() -> None:
    assert run_name(2, 3) == "recover-e2-r3"
    assert run_of(EXECUTION) == run_of("recover-e2-r3") == 3
    for other in ("", "recover-e2", "by-hand", "recover-e2-r3x"):
        assert run_of(other) == 0


@pytest.fixture(name="states")
def _states() -> Iterator[tuple[Any, Stubber]]:
    make: Any = boto3.client
    made = make("stepfunctions", region_name="ca-west-1")
    with Stubber(made) as stub:
        yield made, stub
        stub.assert_no_pending_responses()


def described(status: str) -> dict[str, Any]:
    return {
        "executionArn": EXECUTION,
        "stateMachineArn": MACHINE,
        "status": status,
        "startDate": 0,
    }


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("RUNNING", RUNNING),
        ("PENDING_REDRIVE", RUNNING),
        ("SUCCEEDED", CLOSED),
        ("FAILED", CLOSED),
        ("TIMED_OUT", CLOSED),
        ("ABORTED", CLOSED),
    ],
)
def test_the_status_of_an_execution(
    states: tuple[Any, Stubber], said: str, status: RunStatus
) -> None:
    made, stub = states
    stub.add_response("describe_execution", described(said), {"executionArn": EXECUTION})
    assert Plan(made, MACHINE, "ca-west-1").status("recover-e2-r3") is status


def test_an_execution_that_nobody_started(states: tuple[Any, Stubber]) -> None:
    made, stub = states
    stub.add_client_error("describe_execution", "ExecutionDoesNotExist")
    assert Plan(made, MACHINE, "ca-west-1").status("recover-e2-r3") is MISSING


def test_a_name_that_is_taken_is_said(states: tuple[Any, Stubber]) -> None:
    """Not swallowed: it may be a running twin, or a name used up for good."""
    made, stub = states
    body = json.dumps({"epoch": 2, "from_epoch": 1, "region": "ca-west-1"})
    asked = {"stateMachineArn": MACHINE, "name": "recover-e2-r3", "input": body}
    answer = {"executionArn": EXECUTION, "startDate": 0}
    stub.add_response("start_execution", answer, asked)
    stub.add_client_error("start_execution", "ExecutionAlreadyExists", expected_params=asked)
    plan = Plan(made, MACHINE, "ca-west-1")
    assert plan.start("recover-e2-r3", epoch=2)
    assert not plan.start("recover-e2-r3", epoch=2)


@pytest.mark.parametrize(
    ("execution", "completed"), [(EXECUTION, 3), (EXECUTION.replace("recover-e2-r3", "x"), 0)]
)
@mock_aws
def test_the_last_step_records_the_completion(execution: str, completed: int) -> None:
    """Evidence first, then the completion; a run that no keeper started completes nothing."""
    made = context()
    tables = client("dynamodb", "ca-west-1")
    tables.create_table(
        TableName="region-state-test",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table = RegionStateTable(tables, "region-state-test")
    for run in (1, 2, 3):
        assert table.claim_run(2, run=run, now=100.0)
    s3 = client("s3", "ca-west-1", 8.0)
    s3.create_bucket(
        Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "ca-west-1"}
    )
    event = {**made.event, "from_epoch": 1, "execution": execution}
    settings = made.settings.__class__(**{**vars(made.settings), "evidence_bucket": "evidence"})
    record_evidence(StepContext(settings, event))
    name = f"recover-e2-r{completed}.json"
    written = json.loads(s3.get_object(Bucket="evidence", Key=name)["Body"].read())
    assert (written["run"], written["completed"]) == (completed, bool(completed))
    assert table.plan_runs(2).completed == completed


@mock_aws
def test_without_a_bucket_the_completion_is_recorded_all_the_same() -> None:
    made = context()
    table = RegionStateTable(made_table("ca-west-1", "region-state-test"), "region-state-test")
    assert table.claim_run(2, run=1, now=100.0)
    event = {**made.event, "from_epoch": 1, "execution": EXECUTION.replace("-r3", "-r1")}
    settings = replace(made.settings, evidence_bucket="")
    assert record_evidence(StepContext(settings, event)).endswith("history and log")
    assert table.plan_runs(2).completed == 1
