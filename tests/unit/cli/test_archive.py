"""`lifeline archive` against a region whose one-off task says what the real one says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from lifeline.cli import places as cli_places
from lifeline.cli.__main__ import main
from lifeline.lambdas.adapters import aws
from lifeline.lambdas.failover.archive_request import ANSWER, PROGRESS, Request
from lifeline.services.archiver.verify import Found
from tests.support.tables import made_table

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}


class Region:
    """ECS and the services' log of one region: the task has ended the moment its log is read."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.found = Found(partitions=2, objects=3, records=12, bytes=999)
        self.more: dict[str, Any] = {}
        self.failed = ""
        self.lines_before: list[str] = []

    def describe_services(self, **given: Any) -> dict[str, Any]:
        assert given == {"cluster": "services-t", "services": ["archiver-t"]}
        return {"services": [{"networkConfiguration": NETWORK}]}

    def run_task(self, **given: Any) -> dict[str, Any]:
        assert given["taskDefinition"] == "archive-task-t"
        assert given["networkConfiguration"] == NETWORK
        [override] = given["overrides"]["containerOverrides"]
        assert override["name"] == "archive-task"
        module, word, argument = override["command"]
        assert (module, word) == ("lifeline.services.archiver", "task")
        self.requests.append(Request.from_json(argument))
        return {"tasks": [{"taskArn": "arn:aws:ecs:x:1:task/services-t/abc"}]}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        stopped = {"lastStatus": "STOPPED", "containers": [{"exitCode": 137}]}
        return {"tasks": [{**stopped, "stoppedReason": "OutOfMemoryError"}]}

    def get_log_events(self, **given: Any) -> dict[str, Any]:
        assert given["logStreamName"] == "archive-task/archive-task/abc"
        if "nextToken" in given:
            return {"events": [], "nextForwardToken": given["nextToken"]}
        run = self.requests[-1].run
        told = (
            {"failed": self.failed}
            if self.failed
            else {"answer": {**self.found.told(), **self.more}}
        )
        lines = [
            *self.lines_before,
            json.dumps({"message": PROGRESS, "run": run, "objects": 1}),
            json.dumps({"message": ANSWER, "run": "another", "failed": "not mine"}),
            json.dumps({"message": ANSWER, "run": run, **told}),
        ]
        if self.more.get("dies"):
            lines.pop()
        return {"events": [{"message": one} for one in lines], "nextForwardToken": "1"}


@pytest.fixture(name="region")
def _region(monkeypatch: pytest.MonkeyPatch) -> Iterator[Region]:
    with mock_aws():
        made_table(WITNESS, "lease-t")
        found = Region()

        def client(service: str, region: str, timeout: float = 2.0) -> Any:
            return found if service in ("ecs", "logs") else aws.client(service, region, timeout)

        monkeypatch.setattr(cli_places, "client", client)
        yield found


@pytest.fixture(name="run")
def _run(region: Region, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["archive", words[0], "--suffix", "t", *words[1:]])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_whole_archive_is_said_to_be_whole(run: Callable[..., Any], region: Region) -> None:
    code, out, _ = run("verify", "--topic", "a.b", "--quick")
    assert code == 0
    assert "ca-central-1: 12 records in 3 objects of 2 partitions" in out
    assert "Nothing is missing" in out
    [request] = region.requests
    assert (request.topics, request.reads_records) == (("a.b",), False)
    assert 35 * 86_400_000 < request.until_ms - request.since_ms < 36 * 86_400_000


def test_a_fault_is_named_and_ends_with_1(run: Callable[..., Any], region: Region) -> None:
    region.found.fault("topics/x: an object is missing")
    code, out, err = run("verify")
    assert code == 1
    assert "fault: topics/x: an object is missing" in out
    assert "has 1 faults" in err
    code, out, _ = run("verify", "--json")
    assert json.loads(out)["faults_in_all"] == 1


def test_without_a_number_a_restore_only_says_what_to_run(
    run: Callable[..., Any], region: Region
) -> None:
    region.more = {"restored": 0}
    code, out, _ = run(
        *("restore", "--into", "database", "--from", "2026-01-01T00:00:00Z"),
        *("--to", "2026-01-02T00:00:00Z"),
    )
    assert code == 0
    assert "--from 2026-01-01T00:00:00+00:00 --to 2026-01-02T00:00:00+00:00 --expect 12" in out
    assert region.requests[0].expect is None


def test_with_the_number_it_says_what_it_did(run: Callable[..., Any], region: Region) -> None:
    region.more = {"restored": 9, "before": 3}
    code, out, _ = run(
        *("restore", "--into", "topic", "--expect", "12", "--archived-by", RECOVERY),
        *("--region", HOME),
    )
    assert code == 0
    assert "9 records are restored into the topic of ca-central-1; 3 were there" in out
    [request] = region.requests
    assert (request.expect, request.archived_by, request.into) == (12, RECOVERY, "topic")


def test_faults_hold_a_restore_back(run: Callable[..., Any], region: Region) -> None:
    region.found.fault("topics/x: an object is missing")
    region.more = {"restored": 0}
    code, _, err = run("restore", "--into", "database", "--expect", "12")
    assert code == 1
    assert "Nothing was restored: the archive has 1 faults" in err
    assert run("restore", "--into", "database", "--accept-gaps")[0] == 0


def test_what_the_task_refuses_is_said(run: Callable[..., Any], region: Region) -> None:
    region.failed = "12 records are in the archive, 11 were expected: nothing is restored"
    code, _, err = run("restore", "--into", "database", "--expect", "11")
    assert code == 1
    assert region.failed in err


def test_a_task_that_died_is_no_success(run: Callable[..., Any], region: Region) -> None:
    region.more = {"dies": True}
    code, _, err = run("verify")
    assert code == 1
    assert "exit code 137, OutOfMemoryError" in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["restore"], "--into is missing"),
        (["restore", "--into", "files"], "'files' is no target; allowed are database and topic"),
        (["verify", "--from", "1h", "--to", "2h"], "must lie before --to"),
        (["verify", "--from", "yesterday"], "is no instant with a zone"),
        (["verify", "--region", "eu-west-1"], "--region is eu-west-1; allowed are ca-central-1"),
        (["verify", "--archived-by", "eu-west-1"], "--archived-by is eu-west-1; allowed are"),
        (["restore", "--into", "topic", "--expect", "0"], "greater than or equal to 1"),
    ],
)
def test_bad_input_gets_a_sentence(
    run: Callable[..., Any], region: Region, words: list[str], why: str
) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert why in " ".join(err.replace("│", " ").split())
    assert region.requests == []
