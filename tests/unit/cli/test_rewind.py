"""`lifeline rewind`: what it says and refuses; what it writes is held by tests/integration/datapath."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto import mock_aws

from lifeline.cli import places as cli_places
from lifeline.cli.__main__ import main
from lifeline.lambdas.adapters import aws
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.markers import Pair
from lifeline.lambdas.failover.rewind import ANSWER, Lowered, PlaceFound, Request
from lifeline.lambdas.failover.task_answers import packed
from tests.support.tables import made_table

HOME, WITNESS = "ca-central-1", "us-east-2"
PLACE, PAIR = ("clinical.observation.recorded", 3), Pair(HOME, "100", "shardId-0")
LOWERED = Lowered(PLACE, PAIR, 7, 1_000, 2_000)
TO = "2026-11-21T12:00:00Z"


def place(**changes: Any) -> PlaceFound:
    given = {"first": 5, "offset": 40, "records": 60, "gone": False, "from_beginning": False}
    return PlaceFound(PLACE, lowered=(LOWERED,), **{**given, **changes})


@dataclass
class Region:
    """ECS, the services' log and the step's function of home."""

    places: list[PlaceFound] = field(default_factory=lambda: [place()])
    epoch: int = 4
    answered: dict[str, Any] = field(
        default_factory=lambda: {"detail": '{"epoch": 5, "lowered": 1}'}
    )
    failed: bool = False
    asked: list[Request] = field(default_factory=list)
    written: list[dict[str, Any]] = field(default_factory=list)

    def describe_services(self, **_: Any) -> dict[str, Any]:
        return {"services": [{"networkConfiguration": {"awsvpcConfiguration": {}}}]}

    def run_task(self, **given: Any) -> dict[str, Any]:
        assert given["taskDefinition"] == "event-applier-t"
        [override] = given["overrides"]["containerOverrides"]
        *words, request = override["command"]
        assert (override["name"], words) == (
            "event-applier",
            ["lifeline.services.event_applier", "rewind"],
        )
        self.asked.append(Request.from_json(request))
        return {"tasks": [{"taskArn": "arn:aws:ecs:ca-central-1:1:task/services-t/abc"}]}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        return {"tasks": [{"lastStatus": "STOPPED", "containers": [{"exitCode": 0}]}]}

    def get_log_events(self, **given: Any) -> dict[str, Any]:
        assert given["logStreamName"] == "event-applier/event-applier/abc"
        answer = {
            **{"epoch": self.epoch, "holder": HOME, "in_recovery": False},
            "places": [one.to_row() for one in self.places],
        }
        said = [
            json.dumps({"message": ANSWER, **one}) for one in packed(self.asked[-1].run, answer)
        ]
        return {"events": [{"message": one} for one in said], "nextForwardToken": "end"}

    def invoke(self, **given: Any) -> dict[str, Any]:
        assert given["FunctionName"] == "failover-step-t"
        self.written.append(json.loads(given["Payload"]))
        body = io.BytesIO(json.dumps(self.answered).encode())
        return {"Payload": body, **({"FunctionError": "Unhandled"} if self.failed else {})}


@pytest.fixture(name="region")
def _region(monkeypatch: pytest.MonkeyPatch) -> Iterator[Region]:
    with mock_aws():
        made_table(WITNESS, "lease-t")
        table = LeaseTable(aws.client("dynamodb", WITNESS), "lease-t")
        assert table.create(Lease(holder=HOME, epoch=4, renewals=1, writer=HOME))
        found = Region()

        def client(service: str, region: str, timeout: float = 2.0) -> Any:
            if service in ("ecs", "logs", "lambda"):
                assert region == HOME
                return found
            return aws.client(service, region, timeout)

        monkeypatch.setattr(cli_places, "client", client)
        yield found


@pytest.fixture(name="run")
def _run(region: Region, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["rewind", "--suffix", "t", "--to", TO, *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_without_an_epoch_it_only_says_what_it_would_do(
    run: Callable[..., Any], region: Region
) -> None:
    code, out, _ = run()
    assert (code, region.written) == (0, [])
    assert region.asked[0].to_ms == 1_795_262_400_000
    assert "ca-central-1/shardId-0 of 100: 1 markers" in out
    assert f"{PLACE[0]}/3: 1 markers, 60 records from 40; the log begins at 5" in out
    assert "60 records would be read again, and the epoch would be 5." in out
    assert "The same command with --epoch 4 does it." in out


def test_with_the_epoch_the_step_is_handed_the_markers_and_who_asked(
    run: Callable[..., Any], region: Region
) -> None:
    code, out, _ = run("--epoch", "4", "--json")
    assert code == 0
    [written] = region.written
    assert (written["step"], written["region"], written["epoch"]) == ("rewind", HOME, 4)
    assert [Lowered.from_row(row) for row in written["rows"]] == [LOWERED]
    assert written["who"].startswith("arn:aws:")
    said = json.loads(out)
    assert (said["epoch"], said["lowered"], said["markers"], said["records"]) == (5, 1, 1, 60)


def test_another_epoch_asks_nobody(run: Callable[..., Any], region: Region) -> None:
    code, _, err = run("--epoch", "3")
    assert (code, region.asked, region.written) == (1, [], [])
    assert "--epoch is 3, and the lease is at epoch 4" in err


def test_records_that_the_log_has_no_more_are_the_archives(
    run: Callable[..., Any], region: Region
) -> None:
    region.places = [place(gone=True)]
    code, _, err = run("--epoch", "4")
    assert (code, region.written) == (1, [])
    assert "does not go back to 2026-11-21T12:00:00" in err
    assert "archive" in err


def test_a_database_that_is_not_at_the_leases_epoch_is_left_alone(
    run: Callable[..., Any], region: Region
) -> None:
    region.epoch = 3
    code, _, err = run("--epoch", "4")
    assert (code, region.written) == (1, [])
    assert "the database of ca-central-1 ca-central-1 at epoch 3" in err


def test_nothing_younger_is_nothing_to_do(run: Callable[..., Any], region: Region) -> None:
    region.places = []
    code, out, _ = run("--epoch", "4")
    assert (code, region.written) == (0, [])
    assert "No marker is younger than" in out


def test_a_step_that_failed_may_have_landed(run: Callable[..., Any], region: Region) -> None:
    region.failed = True
    code, _, err = run("--epoch", "4")
    assert code == 1
    assert "may be lowered or not" in err


def test_a_database_that_moved_says_that_nothing_was_lowered(
    run: Callable[..., Any], region: Region
) -> None:
    region.answered = {"detail": '{"epoch": 5, "lowered": null}'}
    code, _, err = run("--epoch", "4")
    assert code == 1
    assert "No marker was lowered" in err


@pytest.mark.parametrize(
    ("to", "said"), [("yesterday", "no instant with a zone"), ("2999-01-01T00:00:00Z", "lies ahead")]
)  # fmt: skip
def test_a_time_that_makes_no_sense_asks_nobody(
    region: Region, capsys: pytest.CaptureFixture[str], to: str, said: str
) -> None:
    assert main(["rewind", "--suffix", "t", "--to", to]) in (1, 2)
    assert said in capsys.readouterr().err
    assert region.asked == []


def test_a_row_of_another_kind_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="is no row of a rewind"):
        Lowered.from_row({"topic": "t"})
