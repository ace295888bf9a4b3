"""Stacks that AWS would refuse: nothing is deployed, and the sentence names resource and source."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.places import HOME, LOOPBACK, Places
from lab.ports import free_block
from lab.stacks import ASKED, DEPLOYED, Refused, Stacks

STREAM = "AWS::Kinesis::Stream"
STAGE: dict[str, Any] = {
    "Type": "AWS::ApiGateway::Stage",
    "Metadata": {"aws:cdk:path": "Application-cac1/Events/Stage"},
    "Properties": {
        "RestApiId": "a",
        "StageName": "live",
        "MethodSettings": [{"LoggingLevel": "ERROR", "HttpMethod": "*", "ResourcePath": "/*"}],
    },
}


class Account(BaseHTTPRequestHandler):
    """The emulator's account, which has no log role for API Gateway."""

    def do_GET(self) -> None:
        assert self.path == "/account"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    places = Places(free_block())
    server = ThreadingHTTPServer((LOOPBACK, places.emulator), Account)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    # A log below a folder that is not there: a command line that is started fails.
    log = tmp_path / "missing" / "cdk.log"
    yield Stacks(suffix="test", profile="dev", places=places, folder=tmp_path, log=log, say=print)
    server.shutdown()
    server.server_close()


def put(stacks: Stacks, file: str, **resources: dict[str, Any]) -> None:
    """A template of the home region, asked for or deployed."""
    template = {"Resources": resources}
    (stacks.folder / file).write_text(json.dumps({"One": [HOME, template]}))


def stream(shards: int) -> dict[str, Any]:
    """A stream of so many shards."""
    return {"Type": STREAM, "Properties": {"Name": "edge", "ShardCount": shards}}


def test_a_change_that_aws_refuses_ends_the_deploy_before_it_begins(stacks: Stacks) -> None:
    put(stacks, DEPLOYED, Edge=stream(4))
    put(stacks, ASKED, Edge=stream(9))
    with pytest.raises(Refused, match=r"Edge .*from 4 to 9.*API_UpdateShardCount"):
        stacks.deploy()
    kept = json.loads((stacks.folder / DEPLOYED).read_text())
    assert kept["One"][1]["Resources"]["Edge"] == stream(4)


def test_a_stage_that_logs_is_refused_in_an_account_without_the_role(stacks: Stacks) -> None:
    put(stacks, ASKED, Live=STAGE)
    with pytest.raises(Refused, match=r"Application-cac1/Events/Stage .* log role"):
        stacks.deploy()


def test_only_the_chosen_stacks_are_judged(stacks: Stacks) -> None:
    put(stacks, ASKED, Live=STAGE)
    with pytest.raises(FileNotFoundError):
        stacks.deploy(only=["Another"])


def test_what_is_taken_goes_to_the_command_line(stacks: Stacks) -> None:
    put(stacks, ASKED, Edge=stream(4))
    with pytest.raises(FileNotFoundError):
        stacks.deploy()
    # How far it came nobody knows: the next change is not judged against it.
    assert json.loads((stacks.folder / DEPLOYED).read_text()) == {}


def test_a_protected_database_is_not_destroyed(stacks: Stacks) -> None:
    protected = {"Type": "AWS::RDS::DBCluster", "Properties": {"DeletionProtection": True}}
    put(stacks, DEPLOYED, Database=protected)
    with pytest.raises(Refused, match="deletion protection is not deleted"):
        stacks.destroy()
