"""What a person reads at night: where, the lease, the loss against the allowed one, the command, the page."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer.main

from lifeline.cli.__main__ import app
from lifeline.lambdas.failover.decision import Decision, Reason, decide
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.pages import SUBJECTS, Sender, loss_line
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.protocol import NO_STANDBY
from lifeline.lambdas.failover.readiness import READY
from lifeline.lambdas.failover.reason_words import WORDS
from tests.unit.failover.test_decision import LOST

ROOT = Path(__file__).resolve().parents[3]
SENDER = Sender("dev", "ca-west-1", "ca-central-1", "us-east-2")
POLICY = Policy()
LEASE = Lease(holder="ca-central-1", epoch=4, renewals=7, writer="ca-central-1")


def test_every_word_of_a_decision_has_a_meaning() -> None:
    assert set(WORDS) == {*(reason.value for reason in Reason), READY}
    assert all(one.meaning.endswith(".") for one in WORDS.values())


def test_a_loss_above_the_rpo_is_paged_with_everything_to_decide_by() -> None:
    lossy = LOST._replace(lease=LEASE, estimated_loss_seconds=94.2)
    page = SENDER.of_decision(lossy, decide(lossy, POLICY, 1e4), POLICY, serving=False)
    assert page.subject == "Lifeline dev ca-west-1: loss-above-rpo"
    assert page.text.splitlines() == [
        "Environment dev, region ca-west-1. Its keeper decided hold because of loss-above-rpo. A takeover "
        "would lose more than the tier allows: the incident lead decides. Type lifeline status twice: "
        "while the number falls, wait.",
        "Does anybody serve? No region that this one sees. Patients' alarms wait at the edges.",
        "Lease: held by ca-central-1 at epoch 4; the database's writer is ca-central-1.",
        "At risk in a takeover: the last 94.2 s of events, but for what edges send again; "
        "allowed is 60 s.",
        "Seen: loss_seconds 94.2, allowed_seconds 60.0.",
        "Type next: lifeline status --suffix dev",
        # Rounded up: an approval below the loss would lift nothing.
        "Only on the incident lead's word: lifeline authority approve --suffix dev --epoch 5 --loss 95",
        "Runbook: docs/runbooks/holds.md, or type: lifeline explain loss-above-rpo",
    ]


def test_what_is_not_known_is_not_zero() -> None:
    assert loss_line(None, 60) == (
        "At risk in a takeover: unknown, but for what edges send again; allowed is 60 s."
    )
    blind = LOST._replace(lease=None, estimated_loss_seconds=None)
    page = SENDER.of_decision(blind, decide(blind, POLICY, 1e4), POLICY, serving=None)
    assert "Does anybody serve? This region cannot tell" in page.text
    assert "Lease: not readable, or there is none." in page.text
    assert "takeover: unknown" in page.text


@pytest.mark.parametrize("reason", Reason)
def test_a_page_of_any_word_says_where_what_next_and_which_runbook(reason: Reason) -> None:
    decision = Decision(action=LOST_ACTION, reason=reason)
    page = SENDER.of_decision(LOST, decision, POLICY, serving=True)
    assert len(page.subject) <= 100
    assert "{" not in page.text
    for words in (
        "Environment dev, region ca-west-1",
        "Does anybody serve? Yes",
        "Lease: ",
        "allowed is",
        "Type next: ",
        "Runbook: ",
    ):
        assert words in page.text
    (address,) = re.findall(r"Runbook: (\S+\.md)", page.text)
    assert (ROOT / address).is_file()


LOST_ACTION = decide(LOST, POLICY, 1e4).action


@pytest.mark.parametrize("word", sorted(set(WORDS) - {READY}))
def test_no_page_says_to_type_next_what_writes(word: str) -> None:
    """Who reads a page at night types its command first and reads the rest afterwards."""
    decision = Decision(action=LOST_ACTION, reason=Reason(word))
    page = SENDER.of_decision(LOST, decision, POLICY, serving=False)
    (command,) = re.findall(r"^Type next: (.+)$", page.text, re.M)
    reads = re.match(r"lifeline (status|authority show)|aws \S+ describe-|aws logs tail", command)
    # A pause tells nobody: who reads `lifeline status` is told how to end it.
    assert reads or "--dry-run" in command or word == Reason.PAUSED, command


@pytest.mark.parametrize("word", [word for word, one in WORDS.items() if "lifeline" in one.command])
def test_a_command_that_is_named_exists_with_its_options(word: str) -> None:
    places = SENDER.places(LEASE, 3.0)
    name, *parts = shlex.split(WORDS[word].command_for(places))
    if name != "lifeline":
        return
    command = typer.main.get_command(app)
    while parts and not parts[0].startswith("-"):
        command = command.commands[parts.pop(0)]  # type: ignore[attr-defined]
    known = {option for one in command.params for option in one.opts}
    assert {one for one in parts if one.startswith("--")} <= known


def test_a_page_of_the_plan_names_lease_and_execution() -> None:
    page = SENDER.of_plan(SUBJECTS[0], "It ended.", lease=LEASE, execution="recover-e4-r1")
    assert page.subject == "Lifeline dev ca-west-1: the failover plan was started again"
    for words in (
        "epoch 4",
        "recover-e4-r1",
        "lifeline status --suffix dev --watch",
        "failover-plan.md",
    ):
        assert words in page.text


def test_the_commands_of_an_environment_without_a_standby_name_no_other_region() -> None:
    """ADR 23: as they stand they would ask regions that have nothing, and answer UNKNOWN at night."""
    alone = replace(SENDER, peer=NO_STANDBY, witness=SENDER.region)
    for word in sorted(set(WORDS) - {READY}):
        page = alone.of_decision(
            LOST, Decision(action=LOST_ACTION, reason=Reason(word)), POLICY, serving=False
        )
        typed = re.findall(r"(lifeline .+ --suffix dev.*)$", page.text, re.M)
        assert typed
        assert all("--suffix dev --recovery none --witness none" in one for one in typed), typed
        assert "keeper-dev --recovery" not in page.text
