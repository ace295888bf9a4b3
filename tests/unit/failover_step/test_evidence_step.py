"""The last step: one object of evidence for each run, which says whether the run completed (A17)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover.evidence_key import EvidenceKey, evidence_key
from lifeline.lambdas.failover.plan_runs import run_name
from lifeline.lambdas.failover_step.context import StepContext
from lifeline.lambdas.failover_step.evidence_step import (
    interruptions,
    record_evidence,
    timeline,
)
from tests.support.step_runs import EPOCH, OWN, STATE_TABLE, step_run
from tests.support.tables import made_table
from tests.unit.failover_step.test_store_steps import credentials

__all__ = ["credentials"]


@pytest.fixture
def bucket(credentials: None) -> Iterator[Any]:
    """A client of the service that keeps the evidence; the bucket keeps every version."""
    with mock_aws():
        s3 = client("s3", OWN, 8.0)
        s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": OWN})
        s3.put_bucket_versioning(Bucket="evidence", VersioningConfiguration={"Status": "Enabled"})
        made_table(OWN, STATE_TABLE)
        yield s3


def last_step(run: int) -> StepContext:
    event = {"from_epoch": EPOCH - 1, "execution": run_name(EPOCH, run)}
    return step_run(event=event, evidence_bucket="evidence")


def evidence(s3: Any, run: int) -> Any:
    name = f"recover-e{EPOCH}-r{run}.json"
    return json.loads(s3.get_object(Bucket="evidence", Key=name)["Body"].read())


def test_a_later_run_leaves_the_evidence_of_the_earlier_as_it_is(bucket: Any) -> None:
    for run in (1, 2):
        step = last_step(run)
        assert step.local.claim_run(EPOCH, run=run, now=100.0)
        assert record_evidence(step) == f"s3://evidence/recover-e{EPOCH}-r{run}.json"
    assert [evidence(bucket, run)["run"] for run in (1, 2)] == [1, 2]


def test_a_repeated_attempt_leaves_a_completed_run_completed(bucket: Any) -> None:
    step = last_step(1)
    assert step.local.claim_run(EPOCH, run=1, now=100.0)
    record_evidence(step)
    first = evidence(bucket, 1)
    record_evidence(step)
    assert evidence(bucket, 1) == first
    assert first["completed"] is True


def test_the_evidence_lies_there_before_the_completion_is_recorded(bucket: Any) -> None:
    step = last_step(1)
    assert step.local.claim_run(EPOCH, run=1, now=100.0)
    nowhere = replace(step, settings=replace(step.settings, evidence_bucket="not-there"))
    with pytest.raises(bucket.exceptions.NoSuchBucket):
        record_evidence(nowhere)
    assert step.local.plan_runs(EPOCH).completed == 0


def test_a_run_that_does_not_complete_says_so(bucket: Any) -> None:
    """No keeper claimed it, or a later run completed before it."""
    step = last_step(1)
    record_evidence(step)
    assert evidence(bucket, 1)["completed"] is False
    for run in (1, 2):
        assert step.local.claim_run(EPOCH, run=run, now=100.0)
    assert step.local.complete_run(EPOCH, run=2)
    record_evidence(step)
    assert evidence(bucket, 1)["completed"] is False


def test_a_page_and_a_release_stand_beside_the_timeline(bucket: Any) -> None:
    step = last_step(1)
    answers = [
        {"step": name, "started_at": f"2026-11-21T05:00:0{number}Z", "detail": "x"}
        for number, name in enumerate(("acquire", "release", "page", "verify"))
    ]
    results = {one["step"]: one for one in answers}
    record_evidence(replace(step, event={**step.event, "results": results}))
    written = evidence(bucket, 1)
    assert [one["step"] for one in written["timeline"]] == ["acquire", "verify"]
    assert [one["step"] for one in written["interruptions"]] == ["release", "page"]


def test_the_evidence_says_what_was_done_by_whom_and_when(bucket: Any) -> None:
    step = last_step(1)
    assert step.local.claim_run(EPOCH, run=1, now=100.0)
    began = {"execution_started_at": "2026-11-21T05:00:00Z"}
    record_evidence(replace(step, event={**step.event, **began}))
    assert evidence(bucket, 1) == {
        "epoch": EPOCH,
        "run": 1,
        "from_epoch": EPOCH - 1,
        "region": OWN,
        "execution": run_name(EPOCH, 1),
        **began,
        "completed": True,
        "timeline": [],
        "interruptions": [],
    }
    record_evidence(step)
    assert evidence(bucket, 1)["execution_started_at"] == ""
    kept = bucket.get_object(Bucket="evidence", Key=f"recover-e{EPOCH}-r1.json")
    assert kept["ContentType"] == "application/json"


def test_without_a_bucket_only_the_completion_is_recorded(credentials: None) -> None:
    with mock_aws():
        made_table(OWN, STATE_TABLE)
        step = last_step(1)
        bare = replace(step, settings=replace(step.settings, evidence_bucket=""))
        assert bare.local.claim_run(EPOCH, run=1, now=100.0)
        assert record_evidence(bare) == "in the state machine's history and log"
        assert bare.local.plan_runs(EPOCH).completed == 1


def test_a_run_without_a_number_completes_nothing(bucket: Any) -> None:
    """A person started it by another name: no keeper claimed it."""
    step = last_step(1)
    assert step.local.claim_run(EPOCH, run=1, now=100.0)
    named = replace(step, event={**step.event, "execution": "by-hand"})
    assert record_evidence(named) == f"s3://evidence/recover-e{EPOCH}-r0.json"
    assert evidence(bucket, 0)["completed"] is False
    assert step.local.plan_runs(EPOCH).completed == 0


def answer(step: str, second: int) -> dict[str, str]:
    return {"step": step, "started_at": f"2026-11-21T05:00:{second:02}Z"}


def test_the_timeline_is_in_the_plans_order_and_a_further_step_where_it_began() -> None:
    """A stage of several steps is a list of answers; what ran beside the steps stands elsewhere."""
    results = {
        "late": answer("verify", 30),
        "stage": [answer("search", 12), answer("files", 10), answer("cache", 11)],
        "first": answer("acquire", 1),
        "before": answer("warm", 0),
        "with": answer("index", 11),
        "page": [answer("page", 20), answer("release", 5)],
    }
    names = [one["step"] for one in timeline(results)]
    assert names == ["warm", "acquire", "cache", "files", "index", "search", "verify"]
    assert [one["step"] for one in interruptions(results)] == ["release", "page"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("recover-e2-r3.json", EvidenceKey(2, 3)),
        ("recover-e12-r0.json", EvidenceKey(12, 0)),
        ("recover-e2.json", EvidenceKey(2, -1)),
        ("recover-e2-r.json", None),
        ("recover-events.json", None),
        ("recover-e2-r3.json.bak", None),
        ("drills/recover-e2.json", None),
    ],
)
def test_a_name_is_read_as_it_is_written(name: str, key: EvidenceKey | None) -> None:
    assert evidence_key(name) == key
    assert key is None or key.name == name
