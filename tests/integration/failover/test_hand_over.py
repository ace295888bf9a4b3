"""The plan's loop as the emulator runs it: a step that never succeeds hands over after its rounds (A17)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.calls import Clients
from lab.engines import start_emulator
from lab.places import ACCOUNT, RECOVERY, Places
from lab.ports import free_block
from lab.processes import Processes
from lab.waiting import answers, until
from lifeline.lambdas.failover.plan import HANDED_OVER, MAX_ROUNDS, state_machine_definition

pytestmark = pytest.mark.lab

ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    places = Places(free_block())
    processes = Processes(tmp_path_factory.mktemp("emulator"))
    start_emulator(processes, places, processes.logs.parent)
    try:
        until(
            "the emulator's first answer",
            lambda: answers(places.emulator, "/_ministack/health"),
            seconds=30,
        )
        yield Clients(places)
    finally:
        processes.stop_all()


def loop() -> dict[str, Any]:
    """The plan's states around `verify`, whose every attempt, page and pause takes no time here."""
    states = state_machine_definition("arn:aws:lambda:ca-west-1:0:function:none")["States"]
    kept = ("begin", "begin_rounds", "verify_count", "verify_again", "handed_over")
    found = {name: states[name] for name in kept}
    found["begin_rounds"] = {**found["begin_rounds"], "Next": "verify"}
    found["verify"] = {"Type": "Pass", "Next": "verify_count"}
    return {"StartAt": "begin", "States": found}


def test_a_step_that_never_succeeds_hands_over(clients: Clients) -> None:
    states = clients.observer("stepfunctions", RECOVERY)
    machine = states.create_state_machine(name="loop", roleArn=ROLE, definition=json.dumps(loop()))[
        "stateMachineArn"
    ]
    body = json.dumps({"epoch": 2, "from_epoch": 1, "region": RECOVERY})
    execution = states.start_execution(stateMachineArn=machine, name="one", input=body)
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(states.describe_execution(executionArn=execution["executionArn"]))
        return bool(found["status"] != "RUNNING")

    until("the loop's end", ended, seconds=60, every=0.1)
    assert (found["status"], found["error"]) == ("FAILED", HANDED_OVER)
    history = states.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)[
        "events"
    ]
    entered = [one.get("stateEnteredEventDetails", {}).get("name") for one in history]
    assert entered.count("verify") == MAX_ROUNDS
