"""Calls as a proxy notes them become actions as IAM names them; what is unknown or forgotten is said."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from lab.made_calls import KEPT_BY_PROXY, CallNotes, MadeCall
from lab.places import RECOVERY, SOURCES, Places
from lab.waiting import LabError


class Proxy(BaseHTTPRequestHandler):
    """A fault proxy that noted these calls."""

    noted: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        since = float(self.path.rpartition("since=")[2])
        newest = [one for one in self.noted[-KEPT_BY_PROXY:] if one["ts"] >= since]
        body = json.dumps(newest).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: Any) -> None:
        """Nothing."""


@pytest.fixture
def notes() -> Iterator[CallNotes]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield CallNotes(Places(server.server_port - 1 - SOURCES.index("caw1")), [RECOVERY])
    server.shutdown()
    server.server_close()
    thread.join()
    Proxy.noted = []


def noted(
    service: str | None, operation: str | None, region: str | None = RECOVERY, at: float = 9.0
) -> dict[str, Any]:
    return {"ts": at, "service": service, "operation": operation, "region": region, "path": "/"}


def test_a_call_bears_the_name_of_its_action_in_iam(notes: CallNotes) -> None:
    Proxy.noted = [
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


def test_calls_before_the_moment_and_unsigned_ones_do_not_count(notes: CallNotes) -> None:
    Proxy.noted = [
        noted("sns", "Publish", at=4.0),
        noted(None, None, None),
        noted("sns", "Publish"),
    ]
    notes.read()
    assert notes.since(5.0) == [MadeCall(9.0, RECOVERY, "sns:Publish", RECOVERY)]


def test_a_signed_call_that_nobody_recognises_is_said(notes: CallNotes) -> None:
    Proxy.noted = [noted("sns", None)]
    notes.read()
    with pytest.raises(LabError, match="does not know what was called at /"):
        notes.since(0.0)


def test_what_is_read_in_time_is_kept_once(notes: CallNotes) -> None:
    for n in range(3 * KEPT_BY_PROXY):
        Proxy.noted.append(noted("sns", "Publish", at=float(n)))
        if n % (KEPT_BY_PROXY // 2) == 0:
            notes.read()
    notes.read()
    assert [one.at for one in notes.since(0.0)] == [float(n) for n in range(1, 3 * KEPT_BY_PROXY)]


def test_a_proxy_that_forgot_calls_is_no_proof_ever_after(notes: CallNotes) -> None:
    Proxy.noted = [noted("sns", "Publish", at=float(n)) for n in range(1, 2 * KEPT_BY_PROXY)]
    notes.read()
    notes.read()
    with pytest.raises(LabError, match="The proxy of ca-west-1 forgot calls: it keeps 2000"):
        notes.since(0.0)
