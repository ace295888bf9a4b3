"""`lifeline dlq` against a region whose one-off task gives the real answer over letters in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from lifeline.cli import places as cli_places
from lifeline.cli.__main__ import main
from lifeline.lambdas.adapters import aws
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.lambdas.failover.dead_letters import ANSWER, Letter, Request, letter_of
from lifeline.lambdas.failover.task_answers import packed
from lifeline.services.query_api.dead_letters import answered
from tests.support.tables import made_table

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
ID = "ca-central-1/100/s/1"
NAME = "Anna Keller"


def letters() -> list[Letter]:
    now = int(SYSTEM_CLOCK.now() * 1_000) - 60_000
    return [
        letter_of(
            now,
            b"patient-4711",
            json.dumps({"payload": {"name": NAME}}).encode(),
            [
                *(("origin", b"ca-central-1"), ("incarnation", b"100"), ("shard", b"s")),
                *(("sequence", str(number).encode()), ("reason", reason), ("detail", b"why")),
            ],
        )
        for number, reason in enumerate([b"defect", b"schema", b"schema"])
    ]


class Region:
    """ECS and the services' log of one region: the task runs the moment it is looked at."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.stream: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.requests: list[Request] = []
        self.exit_code = 0
        self.pages_until_written = 0

    def describe_services(self, **given: Any) -> dict[str, Any]:
        assert given == {"cluster": "services-t", "services": ["query-api-t"]}
        return {"services": [{"networkConfiguration": NETWORK}]}

    def run_task(self, **given: Any) -> dict[str, Any]:
        assert given["taskDefinition"] == "query-api-t"
        assert given["networkConfiguration"] == NETWORK
        [override] = given["overrides"]["containerOverrides"]
        assert override["name"] == "query-api"
        module, word, argument = override["command"]
        assert (module, word) == ("lifeline.services.query_api", "dead-letters")
        self.requests.append(Request.from_json(argument))
        return {"tasks": [{"taskArn": f"arn:aws:ecs:{self.region}:1:task/services-t/abc"}]}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        request = self.requests[-1]
        answer = answered(request, letters(), self._put, SYSTEM_CLOCK)
        self.lines = [json.dumps({"message": ANSWER, **one}) for one in packed(request.run, answer)]
        stopped = {"lastStatus": "STOPPED", "containers": [{"exitCode": self.exit_code}]}
        return {"tasks": [{**stopped, "stoppedReason": "Essential container in task exited"}]}

    def get_log_events(self, **given: Any) -> dict[str, Any]:
        assert given["logGroupName"] == "/lifeline/services-t"
        assert given["logStreamName"] == "query-api/query-api/abc"
        place = int(given.get("nextToken", "0"))
        self.pages_until_written -= place == 0
        said = self.lines[place : place + 1] if self.pages_until_written <= 0 else []
        return {
            "events": [{"message": one} for one in said],
            "nextForwardToken": str(place + len(said)),
        }

    def _put(self, records: list[dict[str, Any]]) -> list[bool]:
        self.stream += records
        return [True] * len(records)


@pytest.fixture(name="regions")
def _regions(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Region]]:
    with mock_aws():
        made_table(WITNESS, "lease-t")
        found = {region: Region(region) for region in (HOME, RECOVERY)}

        def client(service: str, region: str, timeout: float = 2.0) -> Any:
            return (
                found[region]
                if service in ("ecs", "logs")
                else aws.client(service, region, timeout)
            )

        monkeypatch.setattr(cli_places, "client", client)
        yield found


@pytest.fixture(name="run")
def _run(regions: dict[str, Region], capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["dlq", words[0], "--suffix", "t", "--in", HOME, *words[1:]])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_letters_are_listed_by_reason_without_a_value(run: Callable[..., Any]) -> None:
    code, out, _ = run("list")
    assert code == 0
    assert "3 letters match: 1 defect, 2 schema." in out
    assert ID in out
    assert NAME not in out


def test_json_stands_alone(run: Callable[..., Any]) -> None:
    code, out, _ = run("list", "--reason", "schema", "--json")
    assert code == 0
    said = json.loads(out)
    assert (said["total"], [one["reason"] for one in said["letters"]]) == (2, ["schema"] * 2)


def test_without_a_lease_home_is_asked(
    regions: dict[str, Region], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dlq", "list", "--suffix", "t"]) == 0
    assert (len(regions[HOME].requests), len(regions[RECOVERY].requests)) == (1, 0)
    assert main(["dlq", "list", "--suffix", "t", "--in", RECOVERY]) == 0
    assert len(regions[RECOVERY].requests) == 1
    capsys.readouterr()


def test_a_letter_is_shown_without_its_values_until_they_are_revealed(
    run: Callable[..., Any], regions: dict[str, Region]
) -> None:
    code, out, _ = run("show", "--id", ID)
    assert code == 0
    assert "event.payload: object of 1" in out
    assert NAME not in out
    code, out, _ = run("show", "--id", ID, "--reveal")
    assert code == 0
    assert NAME in out
    assert NAME not in "".join(regions[HOME].lines), "the log holds the sealed value only"
    assert regions[HOME].requests[-1].who.startswith("arn:aws:sts::")


def test_a_replay_says_what_it_would_do_and_does_it_when_the_number_is_right(
    run: Callable[..., Any], regions: dict[str, Region]
) -> None:
    code, out, _ = run("replay", "--reason", "schema")
    assert (code, regions[HOME].stream) == (0, [])
    assert "Would put 2 events into the stream of ca-central-1: 2 schema." in out
    assert "--expect 2" in out
    code, _, err = run("replay", "--reason", "schema", "--expect", "3")
    assert (code, regions[HOME].stream) == (1, [])
    assert "Nothing was replayed: 2 letters match, 3 were expected." in err
    code, out, _ = run("replay", "--reason", "schema", "--expect", "2")
    assert code == 0
    assert [one["PartitionKey"] for one in regions[HOME].stream] == ["e:patient-4711"] * 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["replay"], "--reason, --source or --id is missing"),
        (["show"], "--id is missing"),
        (["list", "--since", "yesterday"], "no instant with a zone"),
        (["list", "--since", "2026-11-21T12:00:00"], "no instant with a zone"),
        (["list", "--since", "1h", "--until", "2h"], "must lie before --until"),
        (["list", "--in", "us-east-2"], "allowed are ca-central-1 and ca-west-1"),
        (["list", "--source", "montreal"], "is no region"),
    ],
)
def test_bad_input_asks_nobody(
    run: Callable[..., Any], regions: dict[str, Region], words: list[str], why: str
) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert why in " ".join(err.split())
    assert regions[HOME].requests == []


def test_a_task_that_fails_says_where_to_look_and_that_again_is_safe(
    run: Callable[..., Any], regions: dict[str, Region]
) -> None:
    regions[HOME].exit_code = 1
    code, _, err = run("replay", "--reason", "schema", "--expect", "2")
    assert code == 1
    assert "failed: exit code 1" in err
    assert "replayed twice is stored once" in err


def test_a_log_that_is_late_is_waited_for(
    run: Callable[..., Any], regions: dict[str, Region], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifeline.cli.waiting.PAUSE_SECONDS", 0.0)
    regions[HOME].pages_until_written = 3
    code, out, err = run("list")
    assert code == 0
    assert "3 letters match" in out
    assert "has no answer yet" in err


def test_more_ids_than_a_task_takes_are_refused(
    run: Callable[..., Any], regions: dict[str, Region]
) -> None:
    words = [word for n in range(200) for word in ("--id", f"ca-central-1/100/s/{10**40 + n}")]
    code, _, err = run("show", *words)
    assert code == 1
    assert "Name fewer ids" in err
    assert regions[HOME].requests == []
