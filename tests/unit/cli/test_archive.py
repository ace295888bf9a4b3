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
SINCE = {"since_ms": 1_767_225_600_000}
KEPT = {
    "day": "2026-10-13", "events": 3, "noted": True, "stretches_in_all": 2,
    "stretches": [{
        "region": "ca-central-1", "incarnation": "100", "shard": "shardId-0", "topic": "a.b",
        "partition": 0, "after": "20", "until": "23",
    }],
}  # fmt: skip
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}


class Region:
    """ECS and the services' log of one region: the task has ended the moment its log is read."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: dict[str, Any] | None = None
        """Of the commands that look into the database."""
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
            else {"answer": self.answer or {**self.found.told(), **SINCE, **self.more}}
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
    assert request.since_ms is None, "the task knows how long the archive keeps its objects"
    assert "from 2026-01-01T00:00:00+00:00 to " in out
    assert "as it was written" not in out, "only manifests were read"
    assert "What is inside the objects was not read" in out
    code, out, _ = run("verify")
    assert code == 0
    assert "Nothing is missing, and each is as it was written." in out


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
    code, out, _ = run("restore", "--into", "database", "--to", "2026-01-02T00:00:00Z")
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


def test_days_that_are_kept_are_named_with_what_the_archive_lacks(
    run: Callable[..., Any], region: Region
) -> None:
    others = {**KEPT, "day": "2026-10-14", "events": None, "noted": False, "stretches": []}
    region.answer = {"days": [KEPT, others], "days_in_all": 5, "accepted": False}
    code, out, _ = run("accept-gap")
    assert code == 0
    assert "2026-10-13: ca-central-1/shardId-0 in a.b/0, (20, 23]" in out
    assert "2026-10-13: 1 more stretches" in out
    assert "2026-10-14: stored, at least in part, before its places in the log were noted" in out
    assert "3 more days are not shown." in out
    assert "with --day counts" in out
    region.answer = {"days": [], "days_in_all": 0, "accepted": False, "restore": None}
    assert "no day is kept for the archive's sake" in run("accept-gap")[1]


def test_a_restore_that_was_never_ended_is_named_with_the_command_that_ends_it(
    run: Callable[..., Any], region: Region
) -> None:
    """Of a restore from before migration 0011, too: nobody could say then that it had ended."""
    held = {"partitions": 2, **SINCE, "last_ms": SINCE["since_ms"] + 86_400_000}
    region.answer = {"days": [], "days_in_all": 0, "accepted": False, "restore": held}
    code, out, _ = run("accept-gap")
    assert code == 0
    assert (
        "A restore from 2026-01-01T00:00:00+00:00 on, which last went on at 2026-01-02T00:" in out
    )
    assert "holds every day" in out
    assert f"`lifeline archive end-restore --suffix t --region {HOME}`" in out
    assert "no day is kept for the archive's sake" not in out
    region.answer = {"days": [KEPT], "days_in_all": 1, "accepted": True, "restore": held}
    words = ("--day", "2026-10-13", "--reason", "looked", "--lost", "3")
    assert (
        "Accepted: 2026-10-13 leaves the database of ca-central-1 once the restore"
        in (run("accept-gap", *words)[1])
    )


def test_a_restore_into_the_database_says_what_it_holds_and_until_when(
    run: Callable[..., Any], region: Region
) -> None:
    region.more = {"restored": 9, "before": 3}
    _, out, _ = run("restore", "--into", "database", "--expect", "12")
    assert f"until `lifeline archive end-restore --suffix t --region {HOME}`" in out
    assert "end-restore" not in run("restore", "--into", "topic", "--expect", "12")[1]


def test_a_gap_is_accepted_of_one_day_by_its_number_and_with_a_reason(
    run: Callable[..., Any], region: Region
) -> None:
    region.answer = {"days": [KEPT], "days_in_all": 1, "accepted": False}
    code, out, _ = run("accept-gap", "--day", "2026-10-13")
    assert code == 0
    assert "with --reason and --lost 3 accepts it" in out
    region.answer["accepted"] = True
    words = ("--day", "2026-10-13", "--reason", "looked", "--lost", "3")
    code, out, _ = run("accept-gap", *words)
    assert code == 0
    assert "Accepted: 2026-10-13 leaves the database" in out
    request = region.requests[-1]
    assert (request.day, request.expect, request.why) == ("2026-10-13", 3, "looked")
    assert request.who.startswith("arn:aws:"), "who accepts it is kept"


def test_a_restore_is_ended_with_a_reason(run: Callable[..., Any], region: Region) -> None:
    region.answer = {"partitions": 2, **SINCE, "ended": False}
    code, out, _ = run("end-restore")
    assert code == 0
    assert "A restore from 2026-01-01T00:00:00+00:00 on holds every day" in out
    region.answer["last_ms"] = SINCE["since_ms"] + 86_400_000
    assert (
        "on, which last went on at 2026-01-02T00:00:00+00:00, holds every" in run("end-restore")[1]
    )
    region.answer["ended"] = True
    assert "Ended: days past" in run("end-restore", "--reason", "compared")[1]
    assert [(one.do, one.why) for one in region.requests] == [
        ("end-restore", ""), ("end-restore", ""), ("end-restore", "compared"),
    ]  # fmt: skip
    region.answer = {"partitions": 0, "since_ms": None, "ended": False}
    code, _, err = run("end-restore")
    assert code == 1
    assert "No restore is open" in err


def test_cold_objects_are_asked_for_after_time_and_bill_were_said(
    run: Callable[..., Any], region: Region
) -> None:
    told = {"objects": 160_704, "bytes": 3 * 2**30, "under_way": 2, "readable": 1, "hours": 48}
    region.answer = {**told, **SINCE, "asked": 0}
    code, out, _ = run("bring-back", "--to", "2026-01-02T00:00:00Z")
    assert code == 0
    assert "2 objects are under way, 1 are readable." in out
    assert "Would ask for 160704 objects of ca-central-1, readable within 48 hours." in out
    assert "160704 requests and 3.0 GiB of Bulk retrieval" in out
    assert "--from 2026-01-01T00:00:00+00:00 --to 2026-01-02T00:00:00+00:00 --expect 160704" in out
    region.answer["asked"] = 160_704
    code, out, _ = run("bring-back", "--expect", "160704", "--tier", "Standard", "--days", "3")
    assert code == 0
    assert "160704 objects of ca-central-1 were asked for" in out
    assert (region.requests[-1].tier, region.requests[-1].kept_days) == ("Standard", 3)
    region.answer["objects"] = 0
    assert "nothing else of this time is too cold" in run("bring-back")[1]


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
        (["bring-back", "--tier", "Fast"], "'Fast' is no tier; allowed are Bulk and Standard"),
        (["accept-gap", "--day", "yesterday"], "'yesterday' is no day; one looks like 2026-10-13"),
        (["accept-gap", "--day", "2026-10-13", "--lost", "3"], "--lost takes --day and --reason"),
        (["accept-gap", "--reason", "x", "--lost", "3"], "--lost takes --day and --reason"),
        (["accept-gap", "--reason", "x", "--day", "2026-10-13", "--lost", "-1"], "or equal to 0"),
    ],
)
def test_bad_input_gets_a_sentence(
    run: Callable[..., Any], region: Region, words: list[str], why: str
) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert why in " ".join(err.replace("│", " ").split())
    assert region.requests == []
