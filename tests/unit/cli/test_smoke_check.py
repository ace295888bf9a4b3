"""After a deployment the smoke check asks a fresh region as an edge would."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lifeline.cli import smoke_check
from lifeline.cli.__main__ import main
from lifeline.cli.failure import Refused
from lifeline.cli.smoke_check import DEADLINE_SECONDS, Answer, check, health, objection, url_of

REGION = "ca-west-1"


@pytest.fixture
def served() -> Any:
    """A `/health` whose status and body a test sets."""
    said: dict[str, Any] = {"status": 200, "body": {}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/live/health"
            self.send_response(said["status"])
            self.end_headers()
            self.wfile.write(json.dumps(said["body"]).encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    said["url"] = f"http://127.0.0.1:{server.server_port}/live"
    yield said
    server.shutdown()


def test_a_region_without_a_database_yet_takes_events(served: Any) -> None:
    served |= {"status": 503, "body": {"region": REGION, "ingest": True, "database": False}}
    assert health(served["url"])["database"] is False
    assert check(REGION, served["url"], now=lambda: 0.0, pause=lambda _s: None).objection is None


def test_a_region_that_does_not_take_events_is_named_when_the_time_is_up(served: Any) -> None:
    served |= {"body": {"region": REGION, "ingest": False}}
    clock = [0.0]
    said = check(
        REGION,
        served["url"],
        now=lambda: clock[0],
        pause=lambda seconds: clock.__setitem__(0, clock[0] + seconds),
    ).objection
    assert said is not None
    assert "its stream takes nothing" in said
    assert clock[0] == DEADLINE_SECONDS


def test_an_answer_of_something_else_is_no_health() -> None:
    assert "is not its query API" in str(objection({"message": "Forbidden"}, REGION))
    assert "is not its query API" in str(
        objection({"region": "ca-central-1", "ingest": True}, REGION)
    )


def test_the_api_is_found_by_its_name() -> None:
    gateway = boto3.client(
        "apigateway",
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    items = [{"id": "a1", "name": "events-api-dr1"}, {"id": "a2", "name": "events-api-dr12"}]
    with Stubber(gateway) as stub:
        stub.add_response("get_rest_apis", {"items": items})
        stub.add_response("get_rest_apis", {"items": items})
        assert (
            url_of(gateway, REGION, "dr1") == f"https://a1.execute-api.{REGION}.amazonaws.com/live"
        )
        with pytest.raises(Refused, match="has 0 APIs events-api-dr2"):
            url_of(gateway, REGION, "dr2")


def test_without_a_standby_home_alone_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def ask(region: str, *_more: object) -> Answer:
        asked.append(region)
        return Answer({}, None)

    monkeypatch.setattr(smoke_check, "_ask", ask)
    assert main(["smoke-check", "--suffix", "t", "--recovery", "none", "--json"]) == 0
    assert asked == ["ca-central-1"]
    assert json.loads(capsys.readouterr().out)["takes_events"] is True
