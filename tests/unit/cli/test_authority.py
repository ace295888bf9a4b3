"""`lifeline authority …` against mocked tables and functions that only answer `report`."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from moto import mock_aws

from lifeline.cli import authority, words
from lifeline.cli import places as cli_places
from lifeline.cli.__main__ import main
from lifeline.cli.words import moment
from lifeline.lambdas.adapters import aws, started_epochs
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.protocol import HAND_OVER_REQUEST_SECONDS
from tests.support.tables import made_table

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
START = Lease(holder=HOME, epoch=3, renewals=7, writer=HOME)


class Functions:
    """A region's Lambda: answers `report`, or is out of reach, or fails."""

    def __init__(self, region: str, answer: dict[str, Any] | str | None) -> None:
        self._region = region
        self._answer = answer

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == "failover-step-t"
        assert json.loads(Payload) == {"step": "report", "region": self._region}
        if self._answer is None:
            raise ConnectTimeoutError(endpoint_url="https://lambda")
        if isinstance(self._answer, str):
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(self._answer.encode())}
        body = {"step": "report", "outcome": "done", "detail": json.dumps(self._answer)}
        return {"Payload": io.BytesIO(json.dumps(body).encode())}


class Deployed:
    """Three regions' tables, and what each data region's database would say."""

    def __init__(self) -> None:
        make: Any = boto3.client
        self.dynamodb = {
            region: make("dynamodb", region_name=region) for region in (HOME, RECOVERY, WITNESS)
        }
        for region, name in (
            (HOME, "region-state-t"),
            (RECOVERY, "region-state-t"),
            (WITNESS, "lease-t"),
        ):
            made_table(region, name)
        self.states = {
            region: make("stepfunctions", region_name=region) for region in (HOME, RECOVERY)
        }
        self.plans = {
            region: self.states[region].create_state_machine(
                name="failover-plan-t",
                definition='{"StartAt": "end", "States": {"end": {"Type": "Succeed"}}}',
                roleArn="arn:aws:iam::123456789012:role/plan",
            )["stateMachineArn"]
            for region in (HOME, RECOVERY)
        }
        self.lease = LeaseTable(self.dynamodb[WITNESS], "lease-t")
        self.local = {
            region: RegionStateTable(self.dynamodb[region], "region-state-t")
            for region in (HOME, RECOVERY)
        }
        self.answers: dict[str, dict[str, Any] | str | None] = {
            HOME: {"epoch": 4, "holder": HOME, "in_recovery": False},
            RECOVERY: {"epoch": 6, "holder": RECOVERY, "in_recovery": True},
        }

    def started(self, region: str, *names: str) -> None:
        """Executions of the region's plan."""
        for name in names:
            self.states[region].start_execution(stateMachineArn=self.plans[region], name=name)

    def stored(self) -> Lease:
        lease = self.lease.read()
        assert lease is not None
        return lease


@pytest.fixture(name="deployed")
def _deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    aws.client.cache_clear()
    with mock_aws():
        made = Deployed()

        def client(service: str, region: str, timeout_seconds: float = 2.0) -> Any:
            if service == "lambda":
                return Functions(region, made.answers[region])
            if service == "stepfunctions":
                return made.states[region]
            return made.dynamodb[region]

        monkeypatch.setattr(cli_places, "client", client)
        yield made


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="run")
def _run(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        suffix = () if "--suffix" in words else ("--suffix", "t")
        code = main(["authority", *words, *suffix])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_init_is_one_above_the_highest_epoch(deployed: Deployed, run: Run) -> None:
    code, said, _ = run("init", "--dry-run")
    assert code == 0
    assert "Would create" in said
    assert deployed.lease.read() is None
    code, said, _ = run("init")
    assert code == 0
    assert f"{HOME}: its database (writer) is at epoch 4." in said
    assert f"Created the lease in lease-t ({WITNESS}): {HOME} at epoch 7." in said
    assert deployed.stored() == Lease(holder=HOME, epoch=7, renewals=0, writer=HOME)
    code, _, failed = run("init")
    assert code == 1
    assert failed == f"No lease was created: there is a lease already: {HOME} at epoch 7.\n"


@pytest.mark.parametrize("answer", [None, '{"errorMessage": "no table"}', {"epoch": "x"}])
def test_init_needs_every_region_unless_told(deployed: Deployed, run: Run, answer: Any) -> None:
    deployed.answers[RECOVERY] = answer
    code, _, failed = run("init")
    assert code == 1
    assert f"{RECOVERY} does not say its epoch" in failed
    assert deployed.lease.read() is None
    code, said, _ = run("init", "--without", RECOVERY)
    assert code == 0
    assert f"{RECOVERY}: not asked" in said
    assert deployed.stored().epoch == 5


def test_init_is_above_any_epoch_that_an_execution_was_started_for(
    deployed: Deployed, run: Run
) -> None:
    """Finding R14: the databases are new, and the names of the old plan's runs are used up for 90 days."""
    deployed.started(HOME, "recover-e2-r1")
    deployed.started(
        RECOVERY, "recover-e11-r1", "recover-e9-r4", "recover-e12", "by-hand", "e99-r1"
    )
    code, said, _ = run("init")
    assert code == 0
    assert f"{RECOVERY}: the highest epoch started there is 12." in said
    assert deployed.stored().epoch == 13


def test_every_page_of_executions_is_read(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.started(RECOVERY, *(f"recover-e{epoch}-r1" for epoch in (31, 7, 8, 9)))
    monkeypatch.setattr(started_epochs, "PAGE", 1)
    assert started_epochs.of_executions(deployed.states[RECOVERY], "failover-plan-t") == 31


@pytest.mark.parametrize("epochs", [(10, 20, 11), (30, 4, 25)])
def test_every_page_of_a_table_is_read(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, epochs: tuple[int, ...]
) -> None:
    """In whatever order the table gives its items, the highest is not on the first page of both."""
    for epoch in epochs:
        assert deployed.local[RECOVERY].claim_run(epoch, run=1, now=1.7e9)
    table = deployed.dynamodb[RECOVERY]
    whole = table.scan
    monkeypatch.setattr(table, "scan", lambda **asked: whole(**asked, Limit=1))
    assert started_epochs.of_state_table(table, "region-state-t") == max(epochs)


@pytest.mark.parametrize("kind", ["plan", "promise", "release", "traffic", "decision"])
def test_init_is_above_any_epoch_that_a_region_remembers(
    deployed: Deployed, run: Run, kind: str
) -> None:
    """The lease alone was lost: what the regions' tables saw of it counts, wherever it stands."""
    table = deployed.local[RECOVERY]
    match kind:
        case "plan":
            assert table.claim_run(20, run=1, now=1.7e9)
            assert table.claim_run(3, run=1, now=1.7e9)
        case "promise":
            assert table.set_out(epoch=20, failsafe=0)
        case "release":
            assert table.count_release(epoch=20, now=1.7e9)
        case "traffic":
            assert table.shift_traffic(20)
        case "decision":
            table.note_decision("w", {"epoch": "20"}, 1.7e9)
            table.note_decision("x", {"epoch": ""}, 1.7e9 + 1)
    code, said, _ = run("init", "--json")
    assert code == 0
    assert json.loads(said)["started_epochs"] == {HOME: 0, RECOVERY: 20}
    assert deployed.stored().epoch == 21


@pytest.mark.parametrize("broken", ["table", "executions", "machine"])
def test_init_needs_to_know_what_was_started_unless_told(
    deployed: Deployed, run: Run, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Unknown is not zero: it is refused, and the flag that leaves it out names the region."""

    def refused(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListExecutions")

    match broken:
        case "table":
            monkeypatch.setattr(deployed.dynamodb[RECOVERY], "scan", refused)
        case "executions":
            monkeypatch.setattr(deployed.states[RECOVERY], "list_executions", refused)
        case "machine":
            deployed.states[RECOVERY].delete_state_machine(stateMachineArn=deployed.plans[RECOVERY])
    code, _, failed = run("init")
    assert (code, failed.count("\n")) == (1, 1)
    assert f"{RECOVERY} does not say which epochs were started there" in failed
    assert f"--without-started {RECOVERY}" in failed
    assert deployed.lease.read() is None
    code, said, _ = run("init", "--without-started", RECOVERY)
    assert code == 0
    assert f"{RECOVERY}: not asked which epochs were started there." in said
    assert deployed.stored().epoch == 7
    assert run("init", "--without-started", WITNESS)[0] == 2


def test_a_lost_region_is_asked_nothing(
    deployed: Deployed, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One flag for a region that does not answer at all; `--above` says what is known of it otherwise."""

    def lost(**_: Any) -> Any:
        raise ConnectTimeoutError(endpoint_url="https://lost")

    deployed.answers[RECOVERY] = None
    monkeypatch.setattr(deployed.dynamodb[RECOVERY], "scan", lost)
    monkeypatch.setattr(deployed.states[RECOVERY], "list_state_machines", lost)
    code, said, _ = run("init", "--without", RECOVERY, "--above", "41")
    assert code == 0
    assert said.count(f"{RECOVERY}: not asked.") == 1
    assert deployed.stored().epoch == 42


def test_init_refuses_a_holder_that_is_not_the_writer(deployed: Deployed, run: Run) -> None:
    code, _, failed = run("init", "--home", RECOVERY, "--recovery", HOME)
    assert code == 1
    assert "is a replica" in failed
    code, _, failed = run("init", "--without", HOME)
    assert code == 1
    assert f"{HOME} shall hold the lease" in failed
    code, _, failed = run("init", "--without", WITNESS)
    assert (code, "the data regions are" in failed) == (2, True)
    assert deployed.lease.read() is None


def test_pause_and_resume(deployed: Deployed, run: Run) -> None:
    assert run("pause", "--minutes", "5")[0] == 1, "there is no lease yet"
    deployed.lease.create(START)
    assert "Would pause" in run("pause", "--minutes", "5", "--dry-run")[1]
    assert "not paused" in run("resume")[1]
    assert run("pause", "--minutes", "5")[0] == 0
    paused = deployed.stored().paused_until
    assert "Would end" in run("resume", "--dry-run")[1]
    code, said, _ = run("resume")
    assert code == 0
    assert "in 20 s" in said
    left = paused - deployed.stored().paused_until
    assert 270 < left <= 280, "a holder that read the pause may rely on it for one ttl more"


def test_what_a_person_writes_counts_from_the_tables_clock(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A20: a laptop that is ten minutes slow would pause for a time that is over."""
    deployed.lease.create(START)
    there = cli_places.Places("t", HOME, RECOVERY, WITNESS)
    slow = time.time() - 600
    for change in (
        authority.pause(there, minutes=5, now=slow),
        authority.approve(there, epoch=4, loss_seconds=90, now=slow),
    ):
        assert change.write is not None
        assert change.write(deployed.lease)
    stored = deployed.stored()
    assert 280 < stored.paused_until - time.time() <= 300
    assert stored.approves(4, 90.0, slow + 3_600)
    assert "ends" in authority.resume(there, now=time.time() + 600).done
    assert authority.resume(there, now=time.time() + 600).write is not None, "it lasts still"


def test_nobody_pauses_while_a_lease_that_was_handed_over_waits(
    deployed: Deployed, run: Run
) -> None:
    """Neither region could take it until the pause ends."""
    deployed.lease.create(replace(ACTIVE, holder="", hand_over_epoch=ACTIVE.epoch))
    code, _, failed = run("pause", "--minutes", "5")
    assert code == 1
    assert "a pause would leave nobody to serve" in failed
    assert deployed.stored().paused_until == 0


def test_approve_names_the_next_epoch_and_the_loss(deployed: Deployed, run: Run) -> None:
    deployed.lease.create(START)
    code, _, failed = run("approve", "--epoch", "5", "--loss", "90")
    assert code == 1
    assert "the next take is epoch 4" in failed
    assert "Would approve" in run("approve", "--epoch", "4", "--loss", "90", "--dry-run")[1]
    assert deployed.stored() == START
    code, said, _ = run("approve", "--epoch", "4", "--loss", "90")
    assert code == 0
    assert "up to 90 s of loss" in said
    lease = replace(deployed.stored(), read_at=None)
    until = lease.approval_until
    assert lease.approves(4, 90.0, until - 1)
    assert not lease.approves(4, 90.1, until - 1)
    assert not lease.approves(4, 90.0, until)


TAKEN = Lease(holder=RECOVERY, epoch=4, renewals=9, writer=HOME)


ACTIVE = Lease(holder=HOME, epoch=4, renewals=9, writer=HOME)


def ready_standby(deployed: Deployed, *, ready: bool = True, seconds_ago: float = 1.0) -> None:
    """The standby's keeper reported."""
    report = KeeperReport(
        at=time.time() - seconds_ago,
        region=RECOVERY,
        action="hold",
        reason="lease-moves",
        ready=ready,
        ready_reason="ready" if ready else "witness-probe-unknown",
    )
    deployed.local[RECOVERY].note_cycle(report)


def test_a_person_asks_the_active_region_to_hand_over(deployed: Deployed, run: Run) -> None:
    """A11: one conditional write; the region's own keeper lets go."""
    deployed.lease.create(ACTIVE)
    ready_standby(deployed)
    code, said, _ = run("hand-over", "--dry-run")
    assert (code, deployed.stored()) == (0, ACTIVE)
    assert said.startswith(f"Would ask {HOME} to hand epoch 4 over to {RECOVERY}")
    code, said, _ = run("hand-over")
    assert code == 0
    until = deployed.stored().hand_over_until
    assert until is not None
    assert abs(until - time.time() - HAND_OVER_REQUEST_SECONDS) < 30
    assert deployed.stored() == replace(ACTIVE, hand_over_epoch=4, hand_over_until=until)
    assert f"The word counts until {moment(until)}: a keeper that runs later" in said
    shown = run("show", "--watch", "0")[1]
    assert "phase      to be handed over" in shown
    assert f"the word counts until {moment(until)}" in shown
    assert run("hand-over")[1] == (
        f"{HOME} was asked already, and the word counts until {moment(until)}: nothing to do.\n"
    )


def test_a_word_to_hand_over_that_is_over_is_shown_and_given_anew(
    deployed: Deployed, run: Run
) -> None:
    """Its keeper did not run: it may run again days later."""
    over = time.time() - 86_400
    deployed.lease.create(replace(ACTIVE, hand_over_epoch=4, hand_over_until=over))
    ready_standby(deployed)
    shown = run("show", "--watch", "0")[1]
    assert "to be handed over" not in shown
    assert f"the word to hand over counted until {moment(over)}" in shown
    assert run("hand-over")[1].startswith(f"Asked {HOME} to hand epoch 4 over")
    again = deployed.stored().hand_over_until
    assert again is not None
    assert again > time.time() + 300


@pytest.mark.parametrize(
    ("lease", "sentence"),
    [
        (replace(ACTIVE, holder=RECOVERY), "A takeover is under way"),
        (replace(ACTIVE, holder=""), "held by nobody at epoch 4"),
        (replace(ACTIVE, unfit=frozenset({RECOVERY})), "was not rebuilt since"),
        (replace(ACTIVE, paused_until=4e9), "is paused until"),
    ],
)
def test_nobody_is_asked_to_hand_over_to_one_who_may_not_take(
    deployed: Deployed, run: Run, lease: Lease, sentence: str
) -> None:
    deployed.lease.create(lease)
    ready_standby(deployed)
    code, said, failed = run("hand-over", "--unready")
    assert (code, said, deployed.stored()) == (1, "", lease)
    assert sentence in failed


def test_a_hand_over_asks_whether_the_other_region_is_ready(deployed: Deployed, run: Run) -> None:
    deployed.lease.create(ACTIVE)
    assert "its keeper never told" in run("hand-over")[2]
    ready_standby(deployed, ready=False)
    assert "its keeper said witness-probe-unknown" in run("hand-over")[2]
    ready_standby(deployed, seconds_ago=90.0)
    assert "its keeper said ready 90 s ago" in run("hand-over")[2]
    assert deployed.stored() == ACTIVE
    assert run("hand-over", "--unready")[0] == 0


def test_without_a_witness_nobody_is_asked_to_hand_over(run: Run) -> None:
    code, _, failed = run("hand-over", "--witness", "none")
    assert code == 2
    assert "lifeline authority takeover" in failed


def test_abort_under_a_pause_is_refused(deployed: Deployed, run: Run) -> None:
    """A14: the plan would give the lease back, and nobody may take it until the pause ends."""
    paused = replace(TAKEN, paused_until=time.time() + 600)
    deployed.lease.create(paused)
    code, said, failed = run("abort")
    assert (code, said) == (1, "")
    assert "is paused until" in failed
    assert "`lifeline authority resume --suffix t`" in failed
    assert deployed.stored() == paused


def test_init_is_above_what_does_not_expire(deployed: Deployed) -> None:
    """A10: the decisions are gone after five weeks; the last one and the keeper's memory stay."""
    decided, remembered = deployed.local[HOME], deployed.local[RECOVERY]
    assert decided.note_decision("renew:holder:41", {"epoch": "3"}, 1.7e9)
    remembered.remember({"seen": [52, 7, 0, 0]})
    for region, epoch in ((HOME, 41), (RECOVERY, 52)):
        table = deployed.dynamodb[region]
        assert started_epochs.of_state_table(table, "region-state-t") == epoch


def test_abort_marks_the_epoch_before_the_point_of_no_return(deployed: Deployed, run: Run) -> None:
    """D9, A17: one conditional write; the plan itself gives the lease back."""
    assert run("abort")[0] == 1, "there is no lease yet"
    deployed.lease.create(TAKEN)
    code, said, _ = run("abort", "--dry-run")
    assert (code, deployed.stored()) == (0, TAKEN)
    assert said.startswith(f"Would abort epoch 4 of {RECOVERY}")
    code, said, _ = run("abort", "--json")
    assert code == 0
    assert json.loads(said) == {
        "command": "authority abort",
        "suffix": "t",
        "dry_run": False,
        "changed": True,
        "holder": RECOVERY,
        "epoch": 4,
    }
    assert deployed.stored() == replace(TAKEN, aborted_epoch=4)
    assert "phase      aborted" in run("show", "--watch", "0")[1]
    assert json.loads(run("show", "--watch", "0", "--json")[1])["aborted"] is True
    code, said, _ = run("abort")
    assert (code, said) == (0, "Epoch 4 is aborted already: nothing to do.\n")


@pytest.mark.parametrize(
    ("lease", "sentence"),
    [
        (replace(TAKEN, writer=RECOVERY), "its promotion was accepted"),
        (START, "its promotion was accepted"),
        (replace(TAKEN, holder=""), "nobody holds the lease"),
    ],
)
def test_abort_is_refused_in_words(
    deployed: Deployed, run: Run, lease: Lease, sentence: str
) -> None:
    deployed.lease.create(lease)
    code, said, failed = run("abort")
    assert (code, said, failed.count("\n")) == (1, "", 1)
    assert sentence in failed
    assert deployed.stored() == lease


def test_an_abort_that_comes_too_late_is_refused_by_the_write(
    deployed: Deployed, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The promotion is accepted between the look and the mark."""
    deployed.lease.create(TAKEN)
    look = LeaseTable.read

    def promoted_after(table: LeaseTable) -> Lease | None:
        found = look(table)
        deployed.lease.record_writer(region=RECOVERY, epoch=4)
        return found

    monkeypatch.setattr(LeaseTable, "read", promoted_after)
    code, _, failed = run("abort")
    monkeypatch.undo()
    assert code == 1
    assert "Nothing was aborted" in failed
    assert deployed.stored() == replace(TAKEN, writer=RECOVERY)


def test_show_is_one_screen(deployed: Deployed, run: Run) -> None:
    assert run("show", "--watch", "0")[0] == 1
    deployed.lease.create(START)
    deployed.local[HOME].shift_traffic(3)
    for number in range(7):
        row = {"at": f"{1.7e9 + number}", "action": "hold", "reason": f"r{number}", "epoch": "3"}
        deployed.local[RECOVERY].note_decision(f"w{number}", row, 1.7e9 + number)
    code, said, _ = run("show", "--watch", "0")
    assert code == 0
    lines = said.splitlines()
    assert len(lines) <= 24
    assert f"holder     {HOME}" in lines
    assert f"traffic    {HOME} 3, {RECOVERY} never: edges send to {HOME}" in lines
    shown = [line.split("hold: ")[1] for line in lines if "hold: " in line]
    assert shown == [f"r{number}, epoch 3" for number in (6, 5, 4, 3, 2)]


def test_show_works_when_a_region_is_lost(
    deployed: Deployed, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.lease.create(START)

    def lost(**_arguments: Any) -> Any:
        raise ConnectTimeoutError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(deployed.dynamodb[HOME], "get_item", lost)
    code, said, _ = run("show", "--watch", "0")
    assert code == 0
    assert "its table does not answer: Connect timeout" in said
    assert f"last decisions of {RECOVERY}:\n  none" in said


def test_an_unreachable_witness_is_a_sentence(
    deployed: Deployed, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(**_arguments: Any) -> Any:
        raise ConnectTimeoutError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(deployed.dynamodb[WITNESS], "get_item", lost)
    code, _, failed = run("pause", "--minutes", "1")
    assert code == 1
    assert failed.count("\n") == 1
    assert "Connect timeout" in failed


@pytest.mark.parametrize(
    "given",
    [
        ["pause"],
        ["pause", "--minutes", "0"],
        ["pause", "--minutes", "nan"],
        ["pause", "--minutes", "1441"],
        ["approve", "--epoch", "1", "--loss", "3"],
        ["init", "--above", "-1"],
        ["init", "--above", "2.5"],
        ["approve", "--epoch", "2", "--loss", "-1"],
        ["approve", "--epoch", "2", "--loss", "inf"],
        ["show", "--home", "home"],
        ["show", "--home", RECOVERY],
        ["show", "--suffix", "Not One"],
        ["nothing"],
    ],
)
def test_bad_input_ends_with_two(run: Run, given: list[str]) -> None:
    code, said, failed = run(*given)
    assert (code, said) == (2, "")
    assert "error: " in failed


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "Exit codes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lease", "phase"),
    [
        (START, "its keeper has not renewed yet"),
        (Lease("", 3, 0, HOME), f"released; only {HOME}"),
        (Lease(RECOVERY, 4, 0, HOME), "before the point of no return"),
        (Lease(RECOVERY, 4, 0, RECOVERY, health={RECOVERY: "recovering"}), "past the point"),
        (Lease(RECOVERY, 4, 0, RECOVERY, health={RECOVERY: "serving"}), "serving"),
    ],
)
def test_phases_in_words(lease: Lease, phase: str) -> None:
    assert phase in words.phase_words(lease, 0.0)


def test_renewals_in_words() -> None:
    later = Lease(HOME, 3, 9, HOME)
    assert words.renewals_words(START, later, 6) == "9, moving: 2 in 6 s"
    assert "NOT MOVING" in words.renewals_words(START, START, 6)
    assert "not known" in words.renewals_words(START, START, 0)
    assert "the epoch moved" in words.renewals_words(START, Lease(RECOVERY, 4, 9, HOME), 6)
