"""`lifeline sweep` ends what is over and marked so, lists first, and touches nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from lifeline.cli.__main__ import main
from lifeline.cli.drill_environments import stacks_in
from lifeline.lambdas.adapters import aws
from tests.support.fake_account import FakeAccount, Refuse

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
PAST = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
LATER = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Account:
    """Its stacks by region; a region that is None does not answer."""

    stacks: dict[str, list[dict[str, Any]] | None]

    def reply(self, region: str, _asked: Mapping[str, Any]) -> Mapping[str, Any] | Refuse:
        there = self.stacks.get(region, [])
        return Refuse("AccessDenied") if there is None else {"Stacks": there}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account({})
    fake = FakeAccount({("cloudformation", "describe_stacks"): made.reply})
    monkeypatch.setattr(
        aws,
        "client",
        lambda service, region, _seconds: fake.client(service, region_name=region, config=Config()),
    )
    return made


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `make` before the real one on the path; the file holds what it was given."""
    told = tmp_path / "told"
    command = tmp_path / "make"
    command.write_text(
        f'#!/bin/sh\nfor one in "$@"; do echo "$one"; done >> {told}\nexit "${{FAILS:-0}}"\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    told.touch()
    return told


def stack(
    account: Account,
    suffix: str,
    ends_at: str | None,
    *,
    region: str = HOME,
    name: str = "",
    status: str = "CREATE_COMPLETE",
    **tags: str,
) -> None:
    given = {"Environment": suffix, "Project": "Lifeline", **tags}
    if ends_at is not None:
        given["DrillEndsAt"] = ends_at
    there = account.stacks.setdefault(region, [])
    assert there is not None
    there.append(
        {
            "StackName": name or f"data-{suffix}",
            "StackStatus": status,
            "CreationTime": datetime.now(UTC),
            "Tags": [{"Key": key, "Value": value} for key, value in given.items()],
        }
    )


def test_what_is_over_is_listed_and_nothing_is_destroyed(
    account: Account, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack(account, "dr1", PAST)
    stack(account, "dr1", PAST, region=RECOVERY)
    stack(account, "dr2", LATER)
    assert main(["sweep"]) == 0
    said = capsys.readouterr().out
    assert "dr1: 2 stacks, over since" in said
    assert "would be destroyed" in said
    assert "dr2: 1 stacks, kept until" in said
    assert made.read_text() == ""


def test_what_is_over_is_destroyed_when_asked(
    account: Account, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack(account, "dr1", PAST)
    stack(account, "dr2", LATER)
    arguments = ["sweep", "--destroy", "--json", "--", "-c", "tier=IMPORTANT"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["destroyed"], found["failed"]) == (["dr1"], [])
    assert made.read_text().splitlines() == [
        "destroy", "SUFFIX=dr1", "PROFILE=dev", "ARGS=--force --switch-back -c tier=IMPORTANT",
    ]  # fmt: skip


def test_only_the_form_that_was_asked_for_is_destroyed(
    account: Account, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pipeline's role may not touch a person's own drill environment; it is listed all the same."""
    stack(account, "drmine", PAST)
    stack(account, "dr0123abcd", PAST)
    assert main(["sweep", "--destroy", "--only", "dr????????"]) == 0
    assert "SUFFIX=dr0123abcd" in made.read_text()
    assert "drmine" not in made.read_text()
    assert "drmine: 1 stacks, kept: only dr???????? was asked for" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("suffix", "ends_at", "changes"),
    [
        ("prod", PAST, {}),
        ("dev", PAST, {}),
        ("adr1", PAST, {}),
        ("dr1", None, {}),
        ("dr1", "soon", {}),
        ("dr1", PAST, {"Project": "Other"}),
        ("dr1", PAST.removesuffix("Z"), {}),
        ("dr-1", PAST, {}),
    ],
    ids=[
        "prod", "dev", "adr1", "no-end", "end-unread", "not-ours", "no-zone", "no-drill-suffix",
    ],
)  # fmt: skip
def test_nothing_else_is_ever_touched(
    account: Account, made: Path, suffix: str, ends_at: str | None, changes: dict[str, str]
) -> None:
    """Not even with the tag of a drill, and no drill's suffix without its tag."""
    stack(account, suffix, ends_at, **changes)
    assert main(["sweep", "--destroy"]) == 0
    assert made.read_text() == ""


@pytest.mark.parametrize("other", [None, LATER], ids=["never", "later"])
def test_one_stack_that_is_not_over_keeps_the_environment(
    account: Account, made: Path, other: str | None
) -> None:
    stack(account, "dr1", PAST)
    stack(account, "dr1", other, region=WITNESS, name="witness-dr1")
    assert main(["sweep", "--destroy"]) == 0
    assert made.read_text() == ""


def test_a_stack_that_borrows_the_tags_keeps_the_environment(account: Account, made: Path) -> None:
    stack(account, "dr1", PAST)
    stack(account, "dr1", PAST, name="data-prod")
    assert main(["sweep", "--destroy"]) == 0
    assert made.read_text() == ""


def test_run_again_it_does_nothing(
    account: Account, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "--destroy"]) == 0
    assert "there is no drill environment" in capsys.readouterr().out
    assert made.read_text() == ""


def test_one_that_cannot_be_destroyed_stops_no_other(
    account: Account,
    made: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack(account, "dr1", PAST)
    stack(account, "dr2", PAST)
    monkeypatch.setenv("FAILS", "2")
    assert main(["sweep", "--destroy"]) == 1
    assert "dr1, dr2 could not be destroyed and keeps billing" in capsys.readouterr().err
    assert made.read_text().count("SUFFIX=") == 2


def test_a_region_that_does_not_answer_stops_the_sweep(
    account: Account, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may hold the stack that says "not yet"."""
    stack(account, "dr1", PAST)
    account.stacks[RECOVERY] = None
    assert main(["sweep", "--destroy"]) == 1
    assert f"CloudFormation in {RECOVERY} cannot be read" in capsys.readouterr().err
    assert made.read_text() == ""


def test_what_is_being_destroyed_is_left_alone(account: Account, made: Path) -> None:
    stack(account, "dr1", PAST, status="DELETE_IN_PROGRESS")
    assert main(["sweep", "--destroy"]) == 0
    assert made.read_text() == ""


def test_the_services_time_counts() -> None:
    """By the clock of a laptop that is a day late nothing would ever be over."""
    client: Any = boto3.client(
        "cloudformation", region_name=HOME, aws_access_key_id="a", aws_secret_access_key="a"
    )
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    headers = {"date": format_datetime(tomorrow, usegmt=True)}
    answer = {"Stacks": [], "ResponseMetadata": {"HTTPHeaders": headers}}
    with Stubber(client) as stubbed:
        stubbed.add_response("describe_stacks", answer)
        assert stacks_in(client, HOME) == ([], tomorrow)
