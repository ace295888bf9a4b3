"""The function's answer is what the state machine chooses by: the step's outcome, in one word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover.plan import EVERY_STEP, Outcome
from lifeline.lambdas.failover_step import handler as function
from lifeline.lambdas.failover_step.context import NotMine
from tests.support.step_runs import (
    EPOCH,
    OWN,
    OWN_ARN,
    PEER,
    global_cluster,
    lease_of,
    step_run,
    with_lease,
)
from tests.unit.failover_step.test_store_steps import ENVIRONMENT, credentials

__all__ = ["credentials"]


@pytest.fixture(autouse=True)
def environment(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The deployed function's, as far as these steps look at it."""
    for name, value in {**ENVIRONMENT, "OWN_CLUSTER_ARN": OWN_ARN}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


def asked(step: str, **event: Any) -> dict[str, Any]:
    answer = function.handler({"step": step, "epoch": EPOCH, "region": OWN, **event}, None)
    assert isinstance(answer, dict)
    return answer


def test_a_step_that_is_done_says_so_and_when() -> None:
    with_lease(step_run(), lease_of())
    answer = asked("acquire", entered_at="2026-11-21T12:00:00Z")
    assert (answer["step"], answer["outcome"], answer["started_at"]) == (
        "acquire",
        "done",
        "2026-11-21T12:00:00Z",
    )
    assert datetime.fromisoformat(answer["ended_at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("writer", "outcome"), [(OWN_ARN, Outcome.PROMOTION_ACCEPTED), ("another", "done")]
)
def test_a_release_that_finds_the_promotion_accepted_turns_the_plan(
    writer: str, outcome: str
) -> None:
    """D1: the state machine goes forward by this word alone."""
    run = with_lease(step_run(), lease_of())
    with Stubber(client("rds", OWN, 8.0)) as rds:
        rds.add_response("describe_global_clusters", global_cluster(writer=writer))
        assert asked("release")["outcome"] == outcome
    lease = run.lease.read()
    assert lease is not None
    assert (lease.holder == OWN) == (outcome == Outcome.PROMOTION_ACCEPTED)


def test_a_lease_of_somebody_else_is_raised() -> None:
    with_lease(step_run(), lease_of(PEER))
    with pytest.raises(NotMine):
        asked("acquire")


def test_a_plan_of_another_region_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=f"makes {OWN} active, asked for '{PEER}'"):
        asked("acquire", region=PEER)


def test_an_unknown_step_is_refused_with_the_steps_there_are() -> None:
    with pytest.raises(ValueError, match="no step 'promote'; the steps are acquire, assess"):
        asked("promote")


def test_a_step_without_a_beginning_began_now() -> None:
    with_lease(step_run(), lease_of())
    answer = asked("acquire")
    began, ended = (datetime.fromisoformat(answer[one]) for one in ("started_at", "ended_at"))
    assert abs((ended - began).total_seconds()) < 5
    assert answer["started_at"].endswith("Z")
    assert abs((datetime.now(UTC) - ended).total_seconds()) < 60


def test_a_step_without_a_region_is_refused() -> None:
    with pytest.raises(ValueError, match="asked for None"):
        function.handler({"step": "acquire", "epoch": EPOCH}, None)


def test_each_step_of_the_plan_is_known_and_each_function_is_its_own() -> None:
    assert {step.name for step in EVERY_STEP} <= set(function.STEPS)
    assert len(set(function.STEPS.values())) == len(function.STEPS)
