"""`lifeline log give-up`: what it refuses, what it says is lost, and whom it tells (decision 25)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto import mock_aws

from lifeline.cli import places as cli_places
from lifeline.cli.__main__ import main
from lifeline.lambdas.adapters import aws
from lifeline.lambdas.failover import clock as clocks
from tests.support.clocks import ManualClock
from tests.unit.cli.test_log_repair import (
    GAP,
    HOLE,
    HOME,
    RECOVERY,
    SHARD,
    Environment,
    _payload,
    slice_,
)


class Told(Environment):
    """Both regions' functions; `given_up`: what the bridge was told to give up, by region."""

    def __init__(self) -> None:
        super().__init__()
        self.given_up: list[tuple[str, dict[str, Any]]] = []

    def client(self, service: str, region: str, timeout: float = 2.0) -> Any:
        if service != "lambda":
            return aws.client(service, region, timeout)
        functions = super().client(service, region, timeout)

        class GivingUp:
            def invoke(_, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
                body = json.loads(Payload)
                if "giveUp" not in body:
                    return self._with_given_up(
                        functions.invoke(FunctionName=FunctionName, Payload=Payload)
                    )
                self.given_up.append((region, body["giveUp"]))
                self.holes[RECOVERY] = self.shown_next
                return _payload({"markers": 1})

        return GivingUp()

    def _with_given_up(self, answer: dict[str, Any]) -> dict[str, Any]:
        body = json.loads(answer["Payload"].read())
        if "detail" in body:
            rows = [row for _, one in self.given_up for row in one["stretches"]]
            body["detail"] = json.dumps({**json.loads(body["detail"]), "given_up": rows})
        return _payload(body)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Any:
    with mock_aws():
        made = Told()
        monkeypatch.setattr(cli_places, "client", made.client)
        monkeypatch.setattr(clocks, "SYSTEM_CLOCK", ManualClock())
        yield made


def run(*more: str, begin: str = "10", end: str = "20", why: str = "the retention took it") -> int:
    words = ["--pair", f"{HOME}/{SHARD}", "--from", begin, "--to", end, "--reason", why]
    return main(["log", "give-up", "--suffix", "t", *words, *more])


def nowhere(there: Told) -> None:
    """Neither log nor stream has it: five counted, two there."""
    there.answers["log"] = [slice_(gaps=[GAP]), slice_()]
    there.answers["stream"] = [slice_(gaps=[GAP])]


def test_without_the_number_it_only_says_what_is_lost(
    there: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere(there)
    assert run() == 0
    assert (there.given_up, there.copied()) == ([], [])
    out = capsys.readouterr().out
    assert "3 records are nowhere" in out
    assert "--lost 3 does it" in out


def test_with_the_number_the_region_that_waits_is_told_who_and_why(
    there: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere(there)
    assert run("--lost", "3", "--json") == 0
    [(region, request)] = there.given_up
    assert region == RECOVERY, "it is that region's reader that waits"
    assert (request["why"], request["stretches"]) == ("the retention took it", [HOLE])
    assert request["who"].startswith("arn:aws:")
    assert json.loads(capsys.readouterr().out)["given_up"] is True


def test_another_number_gives_nothing_up(there: Told, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere(there)
    assert run("--lost", "2") == 1
    assert there.given_up == []
    assert "--lost is 2, and 3 records are lost" in capsys.readouterr().err


@pytest.mark.parametrize(
    "gaps", [[], [{**GAP, "until": "15"}], [{**GAP, "after": "15"}]], ids=["all", "end", "beginning"]
)  # fmt: skip
def test_what_can_be_copied_is_repaired_first(
    there: Told, capsys: pytest.CaptureFixture[str], gaps: list[dict[str, Any]]
) -> None:
    there.answers["log"] = [slice_(5, gaps=[GAP]), slice_()]
    there.answers["stream"] = [slice_(5, gaps=gaps)]
    assert run("--lost", "3") == 1
    assert there.given_up == []
    assert "Run `lifeline log repair` first" in capsys.readouterr().err


def test_an_origin_that_is_lost_is_not_asked(
    there: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--origin-is-lost", "--lost", "unknown") == 0
    assert (there.asked, len(there.given_up)) == ([], 1)
    assert "unknown number" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("holes", "said"),
    [
        ([], "Named are: none"),
        ([{**HOLE, "until": "21"}], "No hole of this shard lies within (10, 20]"),
        ([{**HOLE, "why": "late-start"}], "it lacks no record"),
        ([{**HOLE, "after": "5", "until": "8"}, HOLE], "lies before"),
    ],
)
def test_what_is_no_loss_is_refused(
    there: Told, capsys: pytest.CaptureFixture[str], holes: list[dict[str, Any]], said: str
) -> None:
    there.holes[RECOVERY] = holes
    assert run("--lost", "3") == 1
    assert (there.given_up, there.asked) == ([], [])
    assert said in capsys.readouterr().err


def test_a_reader_that_still_waits_is_waited_for(
    there: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere(there)
    there.shown_next = [HOLE]
    assert run("--lost", "3", "--wait", "10") == 1
    assert "1 holes are open" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"begin": "20"}, "must lie below --to"),
        ({"why": "  "}, "--reason is empty"),
    ],
)
def test_bad_input_asks_nobody(
    there: Told, capsys: pytest.CaptureFixture[str], given: dict[str, str], said: str
) -> None:
    assert run(**given) == 2
    assert there.asked == []
    assert said in capsys.readouterr().err
