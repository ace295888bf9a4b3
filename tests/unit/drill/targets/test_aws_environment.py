"""Which environment may be drilled: the one that is marked, or whose suffix a person types."""

from __future__ import annotations

import pytest

from drill.targets import TargetError
from drill.targets.aws_environment import (
    Environment,
    find,
    region_code,
    require_may_be_drilled,
)
from lifeline.regions import CATALOG, code_of
from tests.unit.drill.targets.drilled_account import HOME, RECOVERY, SUFFIX, DrilledAccount


def found(account: DrilledAccount) -> Environment:
    return find(SUFFIX, (HOME, RECOVERY), account.client)


def nobody(question: str) -> str:
    raise AssertionError(f"asked {question}")


def test_every_region_has_the_code_that_its_stacks_have() -> None:
    names = [*CATALOG, "us-gov-west-1", "ap-southeast-2", "eu-south-1"]
    assert {one: region_code(one) for one in names} == {
        one: CATALOG[one].code if one in CATALOG else code_of(one) for one in names
    }
    with pytest.raises(TargetError, match="is no region"):
        region_code("here")


def test_a_drills_own_environment_is_drilled_unasked() -> None:
    one = found(DrilledAccount())
    require_may_be_drilled(one, nobody)
    assert (one.active, one.standby, one.epoch, one.profile) == (HOME, RECOVERY, 4, "dev")
    assert one.regions[HOME].api_url == "https://api.ca-central-1.example.org/live"
    assert "made-up" not in repr(one)


def test_the_active_region_is_the_leases_not_the_one_it_began_with() -> None:
    account = DrilledAccount()
    account.lease["holder"] = {"S": RECOVERY}
    assert (found(account).active, found(account).standby) == (RECOVERY, HOME)


@pytest.mark.parametrize("region", [HOME, RECOVERY])
def test_an_environment_without_the_stack_is_refused(region: str) -> None:
    account = DrilledAccount()
    account.marks[region] = None
    with pytest.raises(TargetError, match=f"{SUFFIX} is not marked for drills.*drills=freely"):
        found(account)


@pytest.mark.parametrize("mark", ["never", "yes"])
def test_another_mark_is_refused(mark: str) -> None:
    account = DrilledAccount(marks={HOME: "freely", RECOVERY: mark})
    with pytest.raises(TargetError, match="allowed is freely or confirmed"):
        found(account)


def test_the_stack_of_another_environment_is_refused() -> None:
    with pytest.raises(TargetError, match="Environment='prod'"):
        found(DrilledAccount(environment="prod"))


@pytest.mark.parametrize("marks", [("confirmed", "confirmed"), ("freely", "confirmed")])
@pytest.mark.parametrize("typed", ["", "yes", "prod", SUFFIX[:-1], SUFFIX.upper()])
def test_anything_but_its_suffix_is_a_no(marks: tuple[str, str], typed: str) -> None:
    account = DrilledAccount(marks=dict(zip((HOME, RECOVERY), marks, strict=True)))
    with pytest.raises(TargetError, match="nothing was broken"):
        require_may_be_drilled(found(account), lambda _question: typed)


def test_its_suffix_is_a_yes() -> None:
    account = DrilledAccount(marks={HOME: "confirmed", RECOVERY: "confirmed"})
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return f"{SUFFIX}\n"

    require_may_be_drilled(found(account), answer)
    assert HOME in asked[0]


def test_nobody_at_the_terminal_is_a_no() -> None:
    def gone(_question: str) -> str:
        raise EOFError

    account = DrilledAccount(marks={HOME: "confirmed", RECOVERY: "confirmed"})
    with pytest.raises(TargetError, match="was not typed"):
        require_may_be_drilled(found(account), gone)


@pytest.mark.parametrize("holder", ["", "eu-north-1"])
def test_an_environment_that_is_not_active_is_refused(holder: str) -> None:
    account = DrilledAccount()
    account.lease["holder"] = {"S": holder}
    with pytest.raises(TargetError, match="lifeline activate"):
        found(account)


def test_without_a_lease_nothing_is_drilled() -> None:
    with pytest.raises(TargetError, match="lifeline activate"):
        found(DrilledAccount(lease={}))


def test_without_a_witness_there_is_no_failover_to_wait_for() -> None:
    with pytest.raises(TargetError, match="has no witness"):
        found(DrilledAccount(witness="none"))
