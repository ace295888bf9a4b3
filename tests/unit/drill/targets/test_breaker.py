"""Starting the machine that breaks and heals; the fault is never this code's own."""

from __future__ import annotations

import itertools

import pytest

from drill.scenarios import Break
from drill.targets import TargetError
from drill.targets.breaker import Breaker, heal_regions
from tests.unit.drill.targets.drilled_account import (
    AT,
    HOME,
    RECOVERY,
    SUFFIX,
    DrilledAccount,
)

ARN = f"arn:aws:states:{HOME}:123456789012:stateMachine:drill-{SUFFIX}"


def breaker(account: DrilledAccount) -> Breaker:
    ticks = itertools.count()
    return Breaker(
        account.client("stepfunctions", HOME), ARN, region=HOME, say=lambda _line: None,
        pause=lambda _seconds: None, clock=lambda: float(next(ticks)),
    )  # fmt: skip


def test_it_returns_when_the_fault_is_in_force() -> None:
    account = DrilledAccount()
    one = breaker(account)
    things = one.break_region(Break.LOSE_HOME, 600)
    assert account.done == ["start lose-home"]
    assert [thing.kind for thing in things] == ["role-denied", "network-denied", "network-denied"]
    assert {thing.at for thing in things} == {AT.timestamp()}
    assert one.broke


def test_where_a_heal_is_due_nothing_more_is_broken() -> None:
    account = DrilledAccount(running={"drill-before": "lose-home"})
    with pytest.raises(TargetError, match=r"drill-before still runs.*drill heal"):
        breaker(account).break_region(Break.HANG_HOME, 600)
    assert account.done == []


def test_a_break_that_fails_is_no_drill_and_is_healed_after() -> None:
    account = DrilledAccount(ends="FAILED")
    one = breaker(account)
    with pytest.raises(TargetError, match=r"was not broken.*AccessDenied"):
        one.break_region(Break.LOSE_HOME, 600)
    assert one.broke, "whoever holds it heals"


def test_a_break_that_does_not_come_is_given_up() -> None:
    account = DrilledAccount(ends="RUNNING")
    with pytest.raises(TargetError, match="was not broken within 120 s"):
        breaker(account).break_region(Break.LOSE_HOME, 600)


def test_a_heal_heals_first_ends_what_was_due_and_heals_again() -> None:
    """Until the second start the execution that is due still stands behind the fault."""
    account = DrilledAccount()
    one = breaker(account)
    one.break_region(Break.LOSE_HOME, 600)
    one.heal()
    assert account.done == ["start lose-home", "start nothing", "stop lose-home", "start nothing"]
    assert account.running == {}
    assert not one.broke


def test_a_heal_that_fails_leaves_the_later_one_alone() -> None:
    account = DrilledAccount()
    one = breaker(account)
    one.break_region(Break.LOSE_HOME, 600)
    account.heals = False
    with pytest.raises(TargetError, match=r"NOT seen to be healed.*AccessDenied"):
        one.heal()
    assert list(account.running.values()) == ["lose-home"]
    assert one.broke


def test_healing_twice_and_where_nothing_is_broken_does_no_harm() -> None:
    account = DrilledAccount()
    for _ in range(2):
        breaker(account).heal()
    assert account.done == ["start nothing"] * 2


def test_every_region_that_can_be_broken_is_healed() -> None:
    account = DrilledAccount()
    heal_regions(SUFFIX, (HOME, RECOVERY), account.client, lambda _line: None)
    assert account.done == ["start nothing"] * 2


def test_where_there_is_nothing_to_break_with_there_is_nothing_to_heal() -> None:
    account = DrilledAccount(marks={HOME: None, RECOVERY: "freely"})
    said: list[str] = []
    heal_regions(SUFFIX, (HOME, RECOVERY), account.client, said.append)
    assert account.done == ["start nothing"]
    assert "nothing there" in said[0]


def test_a_dry_run_says_what_is_due_and_starts_nothing() -> None:
    account = DrilledAccount(running={"drill-before": "lose-home"})
    said: list[str] = []
    heal_regions(SUFFIX, (HOME,), account.client, said.append, dry_run=True)
    assert account.done == []
    assert "end drill-before" in said[0]


def test_one_region_that_cannot_be_healed_does_not_keep_the_other_from_it() -> None:
    account = DrilledAccount(heals=False)
    with pytest.raises(TargetError) as refused:
        heal_regions(SUFFIX, (HOME, RECOVERY), account.client, lambda _line: None)
    assert account.done == ["start nothing"] * 2
    assert HOME in str(refused.value)
    assert RECOVERY in str(refused.value)
