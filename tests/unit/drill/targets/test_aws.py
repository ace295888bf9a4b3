"""The target's own life: looked at before, healed after, whatever happened in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.config import Config

from drill.scenarios import SCENARIOS, Break, on_aws
from drill.targets import TargetError
from drill.targets.aws import (
    BREAKS,
    Account,
    AwsTarget,
    _stacks_of,
    impossible,
    system_account,
)
from drill.verdict import objectives
from tests.support.fake_account import FakeAccount
from tests.support.http_server import Request, http_server
from tests.unit.drill.seen_runs import LOSS, QUIET
from tests.unit.drill.targets.drilled_account import (
    AT,
    HOME,
    RECOVERY,
    SUFFIX,
    DrilledAccount,
)


@dataclass
class Doors:
    """What both regions' `/health` say."""

    home: tuple[int, bool] = (200, True)
    standby: tuple[int, bool] = (503, True)


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def addresses(doors: Doors) -> Iterator[dict[str, tuple[str, str]]]:
    def home(_request: Request) -> tuple[int, dict[str, object]]:
        return doors.home[0], {"ingest": doors.home[1]}

    def standby(_request: Request) -> tuple[int, dict[str, object]]:
        return doors.standby[0], {"ingest": doors.standby[1]}

    with http_server(home) as one, http_server(standby) as other:
        yield {HOME: (one.url, "http://token"), RECOVERY: (other.url, "http://token")}


def target(
    account: DrilledAccount, doors: dict[str, tuple[str, str]] | None = None, typed: str = ""
) -> AwsTarget:
    return AwsTarget(
        suffix=SUFFIX,
        regions=(HOME, RECOVERY),
        account=Account(client=account.client, doors=doors or {}),
        ask=lambda _question: typed,
        say=lambda _line: None,
    )


def test_what_was_broken_is_healed_at_the_end(addresses: dict[str, tuple[str, str]]) -> None:
    account = DrilledAccount()
    with target(account, addresses) as one:
        one.bring_about(Break.LOSE_HOME)
        assert list(account.running.values()) == ["lose-home"]
    assert account.running == {}
    assert account.done[1:] == ["start nothing", "stop lose-home", "start nothing"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, TargetError])
def test_it_is_healed_whatever_ended_the_drill(
    error: type[BaseException], addresses: dict[str, tuple[str, str]]
) -> None:
    account = DrilledAccount()
    with pytest.raises(error), target(account, addresses) as one:  # noqa: PT012
        one.bring_about(Break.HANG_HOME)
        raise error
    assert account.running == {}


def test_what_was_not_broken_is_left_alone(addresses: dict[str, tuple[str, str]]) -> None:
    account = DrilledAccount()
    with target(account, addresses) as one:
        assert one.bring_about(Break.NOTHING) == []
    assert account.done == []


def test_an_environment_that_is_not_confirmed_is_never_touched() -> None:
    account = DrilledAccount(marks={HOME: "confirmed", RECOVERY: "confirmed"})
    with pytest.raises(TargetError, match="nothing was broken"), target(account, typed="prod"):
        raise AssertionError("entered")
    assert account.done == []


def test_an_environment_that_is_being_drilled_is_not_drilled_twice() -> None:
    account = DrilledAccount(running={"drill-other": "hang-home"})
    with pytest.raises(TargetError, match="drill-other still runs"), target(account):
        raise AssertionError("entered")
    assert account.done == []


def test_while_the_other_region_is_broken_its_survivor_is_not(
    addresses: dict[str, tuple[str, str]],
) -> None:
    """The first drill's survivor is the active region by now, and nothing is due there."""
    account = DrilledAccount(running={"drill-other": "lose-home"}, places={"drill-other": RECOVERY})
    with pytest.raises(TargetError, match="ca-west-1 is being drilled"), target(account):
        raise AssertionError("entered")
    account.running.clear()
    with target(account, addresses) as one:
        account.running["drill-other"] = "lose-home"
        with pytest.raises(TargetError, match="ca-west-1 is being drilled"):
            one.bring_about(Break.LOSE_HOME)
    assert account.done == []


@pytest.mark.parametrize(
    ("home", "standby"),
    [((503, True), (503, True)), ((200, True), (503, False)), ((200, True), (500, True))],
)
def test_what_is_ill_already_is_not_broken_as_well(
    home: tuple[int, bool],
    standby: tuple[int, bool],
    doors: Doors,
    addresses: dict[str, tuple[str, str]],
) -> None:
    doors.home, doors.standby = home, standby
    account = DrilledAccount()
    with target(account, addresses) as one, pytest.raises(TargetError, match="is not healthy"):
        one.bring_about(Break.LOSE_HOME)
    assert account.done == []


@pytest.mark.parametrize("what", [Break.CUT_LINK, Break.HANG_HOME_CONTROL_PLANE])
def test_what_aws_cannot_cut_alone_is_refused(what: Break) -> None:
    with target(DrilledAccount()) as one, pytest.raises(TargetError, match="in the lab alone"):
        one.bring_about(what)


def test_what_runs_against_an_emulator_is_no_evidence_of_aws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert target(DrilledAccount()).name == system_account("dr1").place == "aws"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert system_account("dr1").place == "lab"


def test_a_lab_that_does_not_run_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAB_DIR", str(tmp_path))
    with pytest.raises(TargetError, match="No lab runs in"):
        system_account("dr1")


def test_epochs_are_counted_from_where_the_environment_stands() -> None:
    chosen = on_aws(SCENARIOS["region-loss"], 4)
    assert chosen.epochs == (4, 5)
    assert chosen.rto_limit_seconds == 300.0
    assert on_aws(SCENARIOS["noop"], 4).epochs == (4,)
    assert on_aws(SCENARIOS["noop"], 4).rto_limit_seconds is None


def test_every_objective_that_is_not_examined_is_one_of_the_verdicts() -> None:

    asked = set(objectives(SCENARIOS["region-loss"], LOSS)) | set(
        objectives(SCENARIOS["noop"], QUIET)
    )
    assert set(AwsTarget.unexamined) <= asked


def test_the_stacks_of_an_environment_are_those_that_stand() -> None:
    """CloudFormation lists a stack that was deleted for ninety days more."""
    listed = [
        (f"data-cac1-{SUFFIX}", "UPDATE_COMPLETE"),
        (f"api-cac1-{SUFFIX}", "CREATE_COMPLETE"),
        (f"old-cac1-{SUFFIX}", "DELETE_COMPLETE"),
        ("data-cac1-prod", "CREATE_COMPLETE"),
    ]
    summaries = [
        {"StackName": name, "StackStatus": status, "CreationTime": AT} for name, status in listed
    ]
    account = FakeAccount(
        {("cloudformation", "list_stacks"): lambda _region, _given: {"StackSummaries": summaries}}
    )
    stacks = account.client("cloudformation", region_name=HOME, config=Config())
    assert _stacks_of(stacks, SUFFIX) == [f"api-cac1-{SUFFIX}", f"data-cac1-{SUFFIX}"]


@pytest.mark.parametrize(
    "name", sorted(name for name, one in SCENARIOS.items() if one.breaks not in BREAKS)
)
def test_what_cannot_be_done_on_aws_is_refused_in_a_sentence(name: str) -> None:
    one = SCENARIOS[name]
    said = impossible(one.breaks)
    assert f"the drill `{name}` runs in the lab alone" in said
    assert said.endswith("on AWS there are region-loss, hang, noop.")
    account = DrilledAccount()
    with target(account) as entered, pytest.raises(TargetError, match="runs in the lab alone"):
        entered.bring_about(one.breaks)
    assert account.running == {}
