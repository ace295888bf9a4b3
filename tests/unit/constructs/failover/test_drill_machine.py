"""The machine that breaks and heals: whatever fails, every heal is tried; no fault comes before its proof."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lifeline.failover.drill_machine import (
    BREAKING,
    HEALING,
    IN_FORCE,
    LONG_AGO,
    LONGEST_SECONDS,
    Breakable,
    definition,
    denial,
)

OF = Breakable(
    network_acl_id="acl-1",
    role_name="events-api-cac1-test",
    denied_action="kinesis:PutRecords",
    cluster_name="services-test",
)
STATES: dict[str, dict[str, Any]] = definition(OF)["States"]
PROOFS = tuple(f"Prove{name}" for name in HEALING)


def ways_on(name: str) -> Iterator[str]:
    state = STATES[name]
    for rule in (state, *state.get("Catch", []), *state.get("Choices", [])):
        yield from (rule[key] for key in ("Next", "Default") if key in rule)


def paths(name: str, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every way from a state to an end. The machine has no loop: `Retry` repeats within a state."""
    assert name not in before, (before, name)
    on = set(ways_on(name))
    if not on:
        yield (*before, name)
    for following in on:
        yield from paths(following, (*before, name))


@pytest.mark.parametrize("fault", [*BREAKING, IN_FORCE])
def test_every_way_from_a_fault_goes_through_every_heal(fault: str) -> None:
    found = list(paths(fault))
    assert found
    for one in found:
        assert tuple(name for name in one if name in HEALING) == HEALING, one


def test_a_fault_comes_after_every_heal_was_proved() -> None:
    for one in paths("Checked"):
        if BREAKING[0] in one:
            assert one[1 : 1 + len(PROOFS)] == PROOFS
        elif one[-1] != "Refused":
            assert set(one).isdisjoint(BREAKING)


def test_a_proof_that_fails_breaks_nothing() -> None:
    """It has no way on but the next proof: the execution ends there."""
    for name in PROOFS:
        assert "Catch" not in STATES[name]
        assert STATES[name]["Retry"][0]["MaxAttempts"] < 10


def test_a_proof_is_the_heal_itself() -> None:
    for name in HEALING:
        proof = STATES[f"Prove{name}"]
        assert (proof["Resource"], proof["Arguments"]) == (
            STATES[name]["Resource"], STATES[name]["Arguments"]
        )  # fmt: skip


def test_each_heal_is_tried_long_and_the_next_one_even_so() -> None:
    for name, following in zip(HEALING, (*HEALING[1:], "Healed"), strict=True):
        state = STATES[name]
        (retry,), (catch,) = state["Retry"], state["Catch"]
        assert retry["ErrorEquals"] == catch["ErrorEquals"] == ["States.ALL"]
        assert retry["MaxAttempts"] * retry["MaxDelaySeconds"] > LONGEST_SECONDS
        assert state["Next"] == catch["Next"] == following


def test_each_network_fault_is_taken_back_by_the_same_call() -> None:
    for fault, heal in (("DenyIn", "AllowIn"), ("DenyOut", "AllowOut")):
        broken, healed = STATES[fault]["Arguments"], STATES[heal]["Arguments"]
        assert {key for key in broken if broken[key] != healed[key]} == {"RuleAction"}
        assert (broken["RuleAction"], healed["RuleAction"]) == ("deny", "allow")
    assert STATES["DenyIn"]["Arguments"]["Egress"] is False
    assert STATES["DenyOut"]["Arguments"]["Egress"] is True


def test_the_denial_of_the_role_ends_by_itself() -> None:
    """IAM judges the time at each call: nothing has to run for it to end."""
    said = STATES["DenyTheRole"]["Arguments"]["PolicyDocument"]
    assert "$millis() + 1000 * $seconds" in said
    healed = json.loads(STATES["AllowTheRole"]["Arguments"]["PolicyDocument"])
    assert healed == denial("kinesis:PutRecords", LONG_AGO)
    (statement,) = healed["Statement"]
    assert statement["Condition"] == {"DateLessThan": {"aws:CurrentTime": LONG_AGO}}


def test_no_fault_lasts_longer_than_an_hour() -> None:
    (_heal, broken) = STATES["Checked"]["Choices"]
    assert f"$states.input.seconds <= {LONGEST_SECONDS}" in broken["Condition"]
    assert LONGEST_SECONDS == 3600
