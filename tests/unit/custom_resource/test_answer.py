"""What every custom resource shares: the answer that gets through, and whether the stack itself goes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from lifeline.lambdas.custom_resource.answer import ANSWER_ATTEMPTS, answer_with
from lifeline.lambdas.custom_resource.stack import is_going
from tests.support.stack_server import NOBODY, STACK_ID, StackServer


class AnswerServer:
    """CloudFormation's address for answers. It closes the first `closes` connections without a word."""

    def __init__(self, closes: int) -> None:
        self.closes = closes
        self.heard: list[dict[str, Any]] = []
        self.connections = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.connections += 1
                if server.connections <= server.closes:
                    self.close_connection = True
                    return
                server.heard.append(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/answer"

    def __enter__(self) -> AnswerServer:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def answer(url: str) -> None:
    asked = {
        "RequestType": "Create",
        "ResponseURL": url,
        "StackId": STACK_ID,
        "RequestId": "r",
        "LogicalResourceId": "Made",
    }
    answer_with(lambda _: ("made-1", {"Outcome": "done"}), asked)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifeline.lambdas.custom_resource.answer.time.sleep", lambda _: None)


def test_an_answer_is_repeated_after_a_connection_that_was_closed() -> None:
    """`RemoteDisconnected` comes from urllib as it is, not as a `URLError`."""
    with AnswerServer(closes=ANSWER_ATTEMPTS - 1) as server:
        answer(server.url)
        (heard,) = server.heard
    assert (heard["Status"], heard["PhysicalResourceId"]) == ("SUCCESS", "made-1")


def test_an_answer_that_never_gets_through_is_given_up() -> None:
    with AnswerServer(closes=10) as server:
        with pytest.raises(OSError, match="without response"):
            answer(server.url)
        assert server.connections == ANSWER_ATTEMPTS


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[StackServer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ca-west-1")
    with StackServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.url)
        yield server


@pytest.mark.parametrize(
    ("status", "going"),
    [
        ("DELETE_IN_PROGRESS", True),
        ("ROLLBACK_IN_PROGRESS", True),
        ("UPDATE_IN_PROGRESS", False),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False),
        ("UPDATE_ROLLBACK_IN_PROGRESS", False),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", False),
    ],
)
def test_a_stack_goes_only_when_it_is_deleted_or_never_came_to_be(
    stack: StackServer, status: str, going: bool
) -> None:
    stack.status = status
    assert is_going(STACK_ID) is going


def test_a_status_that_cannot_be_read_is_no_answer(
    stack: StackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClientError, match="does not exist"):
        is_going(STACK_ID + "-other")
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", NOBODY)
    with pytest.raises(BotoCoreError):
        is_going(STACK_ID)
