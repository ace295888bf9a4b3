"""Calls as a proxy notes them become actions as IAM names them; what is unknown or forgotten is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.made_calls import KEPT_BY_PROXY, CallNotes, MadeCall
from lab.places import RECOVERY, SOURCES, Places
from lab.waiting import LabError
from tests.support.http_server import Request, http_server


@pytest.fixture
def seen() -> list[dict[str, Any]]:
    """The calls that the fault proxy noted."""
    return []


@pytest.fixture
def notes(seen: list[dict[str, Any]]) -> Iterator[CallNotes]:
    def answer(request: Request) -> tuple[int, Any]:
        since = float(request.path.rpartition("since=")[2])
        return 200, [one for one in seen[-KEPT_BY_PROXY:] if one["ts"] >= since]

    with http_server(answer) as server:
        port = int(server.url.rpartition(":")[2])
        yield CallNotes(Places(port - 1 - SOURCES.index("caw1")), [RECOVERY])


def noted(
    service: str | None,
    operation: str | None,
    region: str | None = RECOVERY,
    at: float = 9.0,
    action: str = "match",
) -> dict[str, Any]:
    names = {"service": service, "operation": operation, "region": region}
    return {"ts": at, **names, "path": "/", "action": action}


def test_a_call_bears_the_name_of_its_action_in_iam(
    notes: CallNotes, seen: list[dict[str, Any]]
) -> None:
    seen += [
        noted("stepfunctions", "StartExecution"), noted("efs", "TagResource"),
        noted("dynamodb", "GetItem", "us-east-2"), noted("s3", "HeadObject"),
        noted("lambda", "Invoke"), noted("cloudwatch", "PutMetricData"),
    ]  # fmt: skip
    notes.read()
    assert [(one.action, one.region) for one in notes.since(0.0)] == [
        ("states:StartExecution", RECOVERY),
        ("elasticfilesystem:TagResource", RECOVERY),
        ("dynamodb:GetItem", "us-east-2"),
        ("s3:GetObject", RECOVERY),
        ("lambda:InvokeFunction", RECOVERY),
        ("monitoring:PutMetricData", RECOVERY),
    ]


def test_calls_before_the_moment_and_unsigned_ones_do_not_count(
    notes: CallNotes, seen: list[dict[str, Any]]
) -> None:
    seen += [
        noted("sns", "Publish", at=4.0),
        noted(None, None, None),
        noted("sns", "Publish"),
    ]
    notes.read()
    assert notes.since(5.0) == [MadeCall(9.0, RECOVERY, "sns:Publish", RECOVERY)]


def test_a_signed_call_that_nobody_recognises_is_said(
    notes: CallNotes, seen: list[dict[str, Any]]
) -> None:
    seen += [noted("sns", None)]
    notes.read()
    with pytest.raises(LabError, match="does not know what was called at /"):
        notes.since(0.0)


def test_what_is_read_in_time_is_kept_once(notes: CallNotes, seen: list[dict[str, Any]]) -> None:
    for n in range(3 * KEPT_BY_PROXY):
        seen.append(noted("sns", "Publish", at=float(n)))
        if n % (KEPT_BY_PROXY // 2) == 0:
            notes.read()
    notes.read()
    assert [one.at for one in notes.since(0.0)] == [float(n) for n in range(1, 3 * KEPT_BY_PROXY)]


def test_a_proxy_that_forgot_calls_is_no_proof_ever_after(
    notes: CallNotes, seen: list[dict[str, Any]]
) -> None:
    seen += [noted("sns", "Publish", at=float(n)) for n in range(1, 2 * KEPT_BY_PROXY)]
    notes.read()
    notes.read()
    with pytest.raises(LabError, match="The proxy of ca-west-1 forgot calls: it keeps 2000"):
        notes.since(0.0)


def test_refused_calls_are_known_although_the_proxy_forgot_them(
    notes: CallNotes, seen: list[dict[str, Any]]
) -> None:
    """A proxy notes every call: two thousand others were enough to forget that a promotion was refused."""
    seen += [
        noted("rds", "FailoverGlobalCluster", at=1.0, action="error:InternalFailure"),
        noted("rds", "FailoverGlobalCluster", at=5.0, action="error:InternalFailure"),
        noted("rds", "FailoverGlobalCluster", at=6.0),
    ]
    notes.read()
    seen += [noted("kinesis", "PutRecords", at=7.0)] * KEPT_BY_PROXY
    notes.read()
    assert notes.refused("FailoverGlobalCluster", since=2.0) == 1
