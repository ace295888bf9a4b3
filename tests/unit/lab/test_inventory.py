"""Everything is listed, whatever the emulator trips over meanwhile; what it refuses is raised."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab import inventory
from lab.inventory import Listing
from lab.places import HOME

GROUPS = Listing("logs", "describe_log_groups", "logGroups", "logGroupName")
TRIPPED = b'{"__type": "InternalError", "message": "dictionary changed size during iteration"}'


class Logs(BaseHTTPRequestHandler):
    """An endpoint that fails as it is told, then lists one log group."""

    failures: ClassVar[list[tuple[int, bytes]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = (
            self.failures.pop(0)
            if self.failures
            else (200, b'{"logGroups": [{"logGroupName": "a"}]}')
        )
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: Any) -> None:
        """Nothing."""


@pytest.fixture
def observer(monkeypatch: pytest.MonkeyPatch) -> Iterator[inventory.Observer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Logs)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(inventory, "LISTINGS", (GROUPS,))
    monkeypatch.setattr(inventory, "ALL_REGIONS", (HOME,))
    monkeypatch.setattr(inventory, "_keys", lambda kms, region: {})
    monkeypatch.setattr(inventory, "ASK_AGAIN_SECONDS", (0.0, 0.0, 0.0))
    make: Any = boto3.session.Session().client
    yield lambda service, region: make(
        service, region_name=region, endpoint_url=f"http://127.0.0.1:{server.server_port}",
        aws_access_key_id="a", aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    Logs.failures.clear()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_listing_in_which_the_emulator_tripped_is_asked_again(
    observer: inventory.Observer,
) -> None:
    Logs.failures[:] = [(500, TRIPPED)] * 3
    assert list(inventory.take(observer)) == [f"logs {HOME} logGroups a"]


@pytest.mark.parametrize(
    "failures",
    [[(500, TRIPPED)] * 4, [(400, b'{"__type": "AccessDeniedException"}')]],
    ids=["always fails", "is refused"],
)
def test_an_unread_service_is_no_empty_one(
    observer: inventory.Observer, failures: list[tuple[int, bytes]]
) -> None:
    Logs.failures[:] = failures
    with pytest.raises(ClientError):
        inventory.take(observer)
