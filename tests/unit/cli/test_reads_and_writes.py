"""What a command says of a write when AWS does not answer: a real client against a server that breaks off."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lifeline.cli.__main__ import main
from lifeline.lambdas.adapters import aws
from lifeline.lambdas.adapters.lease_table import item_from_lease
from lifeline.lambdas.failover.lease import Lease

HOME = "ca-central-1"
MACHINE = f"arn:aws:states:{HOME}:123456789012:stateMachine:failover-plan-t"
LEASE = Lease(holder=HOME, epoch=3, renewals=7, writer="ca-west-1", paused_until=4e9)
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
CUT, INTERRUPTED = "cut", "interrupted"


@dataclass
class Witness:
    """An endpoint that answers reads, and does to a write what a test says; `asked` are the operations."""

    url: str = ""
    on_write: str | int = CUT
    lease: Lease | None = LEASE
    damaged: bool = False
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def written(self) -> list[str]:
        return [one for one in self.asked if one in WRITES]


@pytest.fixture(name="witness")
def _witness(monkeypatch: pytest.MonkeyPatch) -> Iterator[Witness]:
    made = Witness()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if "X-Amz-Target" not in self.headers:
                # A Lambda of `authority init`: every database is at epoch 4.
                step = json.loads(body)["step"]
                row = json.dumps({"epoch": 4, "holder": HOME, "in_recovery": False})
                self.answer(200, {"step": step, "outcome": "done", "detail": row})
                return
            operation = self.headers["X-Amz-Target"].split(".")[1]
            made.asked.append(operation)
            if operation in WRITES:
                if made.on_write == INTERRUPTED:
                    # Ctrl-C while the command waits for the answer; to its thread, or nothing wakes it.
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                    made.over.wait(timeout=30)
                if made.on_write in (CUT, INTERRUPTED):
                    # The request was taken whole; the answer never comes.
                    self.connection.close()
                    return
                self.answer(int(made.on_write), {"__type": "com.amazonaws#Told", "message": "no"})
            elif operation == "ListStateMachines":
                found = {"name": "failover-plan-t", "stateMachineArn": MACHINE}
                self.answer(200, {"stateMachines": [found]})
            elif operation == "ListExecutions":
                self.answer(200, {"executions": []})
            elif operation == "Scan":
                self.answer(200, {"Items": [], "Count": 0, "ScannedCount": 0})
            elif json.loads(body)["Key"] == {"id": {"S": "lease"}} and made.lease is not None:
                item = item_from_lease(made.lease)
                if made.damaged:
                    del item["epoch"]
                self.answer(200, {"Item": item})
            else:
                self.answer(200, {})

        def answer(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    aws.client.cache_clear()
    yield made
    made.over.set()
    aws.client.cache_clear()
    server.shutdown()
    server.server_close()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="run")
def _run(witness: Witness, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["authority", *words, "--suffix", "t"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


CHANGES = [
    ("pause", "--minutes", "5"),
    ("resume",),
    ("approve", "--epoch", "4", "--loss", "90"),
    ("abort",),
    ("hand-over", "--unready"),
]
SHOW = ("show", "--watch", "0")


def speaks_of_a_write(said: str) -> bool:
    return re.search(r"\b(write|writes|written|landed)\b", said) is not None


def without_pause(witness: Witness, change: tuple[str, ...]) -> None:
    """An abort under a pause is refused; a hand-over, too, and it needs an active region."""
    if change == ("abort",):
        witness.lease = replace(LEASE, paused_until=0.0)
    if change[0] == "hand-over":
        witness.lease = replace(LEASE, paused_until=0.0, writer=HOME)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_cut_off_after_it_was_sent_may_have_landed(
    witness: Witness, run: Run, change: tuple[str, ...]
) -> None:
    without_pause(witness, change)
    code, said, failed = run(*change)
    assert (code, said) == (1, "")
    assert "may have landed" in failed
    assert "`lifeline authority show --suffix t`" in failed
    assert witness.written() == ["UpdateItem"]


def test_a_lease_whose_creation_was_cut_off_may_be_there(witness: Witness, run: Run) -> None:
    witness.lease = None
    code, _, failed = run("init")
    assert (code, "may have landed" in failed) == (1, True)
    assert witness.written() == ["PutItem"]


def test_an_answer_without_a_decision_may_have_landed(witness: Witness, run: Run) -> None:
    witness.on_write = 500
    code, _, failed = run(*CHANGES[0])
    assert (code, "may have landed" in failed) == (1, True)


def test_a_write_interrupted_by_a_person_may_have_landed(witness: Witness, run: Run) -> None:
    witness.on_write = INTERRUPTED
    # As a command is started; a test before this one may have left Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code, _, failed = run(*CHANGES[0])
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, "may have landed: interrupted" in failed) == (1, True)


def test_a_write_that_was_refused_did_not_land(witness: Witness, run: Run) -> None:
    witness.on_write = 400
    code, _, failed = run(*CHANGES[0])
    assert code == 1
    assert "The pause was not written" in failed
    assert "landed" not in failed


@pytest.mark.parametrize("change", [*CHANGES, SHOW, ("init",)])
def test_a_read_that_fails_says_nothing_of_a_write(
    run: Run, monkeypatch: pytest.MonkeyPatch, change: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    aws.client.cache_clear()
    code, said, failed = run(*change)
    assert (code, said) == (1, "")
    assert "The lease in lease-t (us-east-2) cannot be read" in failed
    assert not speaks_of_a_write(failed)


@pytest.mark.parametrize("change", [*CHANGES, ("init",)])
def test_a_dry_run_sends_no_write_and_speaks_of_none(
    witness: Witness, run: Run, change: tuple[str, ...]
) -> None:
    without_pause(witness, change)
    if change == ("init",):
        witness.lease = None
    code, said, failed = run(*change, "--dry-run")
    assert (code, said.splitlines()[-1].startswith("Would ")) == (0, True)
    assert not speaks_of_a_write(said + failed)
    assert witness.asked
    assert witness.written() == []


def test_show_sends_no_write(witness: Witness, run: Run) -> None:
    code, said, failed = run(*SHOW)
    assert (code, failed) == (0, "")
    assert f"holder     {HOME}" in said
    assert set(witness.asked) == {"GetItem", "Scan"}


def test_a_damaged_lease_is_a_sentence(witness: Witness, run: Run) -> None:
    witness.damaged = True
    code, _, failed = run(*SHOW)
    assert (code, failed.count("\n")) == (1, 1)
    assert "is damaged" in failed


@pytest.mark.parametrize("change", [*CHANGES, SHOW])
def test_json_stands_alone_on_stdout(witness: Witness, run: Run, change: tuple[str, ...]) -> None:
    without_pause(witness, change)
    words = change if change == SHOW else (*change, "--dry-run")
    code, said, _ = run(*words, "--json")
    assert code == 0
    facts = json.loads(said)
    assert facts["command"] == f"authority {change[0]}"
    if change == SHOW:
        assert (facts["holder"], facts["epoch"], facts["renewals_moved"]) == (HOME, 3, None)
        assert facts["fit"] == {HOME: True, "ca-west-1": True}
        assert facts["paused_until"] == "2096-10-02T07:06:40Z"
    else:
        assert (facts["dry_run"], facts["changed"]) == (True, False)


def test_the_suffix_comes_from_the_environment(
    witness: Witness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUFFIX", "t")
    assert main(["authority", "resume", "--dry-run"]) == 0
    monkeypatch.setenv("SUFFIX", "Not One")
    assert main(["authority", "resume", "--dry-run"]) == 2
    assert "(env var: 'SUFFIX'): 'Not One' is no suffix" in capsys.readouterr().err
