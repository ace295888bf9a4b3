"""The stacks of every profile, as AWS would judge them: made, left as they are, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lab.refusals import Surroundings, judge
from tests.conftest import Assembly

pytestmark = pytest.mark.synth
PROFILES = ("dev", "staging", "prod")
A_NEW_ACCOUNT = 1_000
"""Lambda's default quota; a new account may have less, which the preflight asks."""
Stacks = dict[str, tuple[str, dict[str, Any]]]
AssemblyOf = Callable[..., Assembly]


@pytest.fixture(scope="module", params=PROFILES)
def stacks(request: pytest.FixtureRequest, assembly_of: AssemblyOf) -> Stacks:
    """(region, template) of each stack of a profile."""
    return stacks_of(assembly_of(str(request.param)))


def stacks_of(assembly: Assembly) -> Stacks:
    """(region, template) by stack."""
    artifacts = json.loads((assembly.folder / "manifest.json").read_text())["artifacts"]
    return {
        name: (one["environment"].rpartition("/")[2], assembly.template(name))
        for name, one in artifacts.items()
        if one["type"] == "aws:cloudformation:stack"
    }


def around(stacks: Stacks, name: str) -> Surroundings:
    """The other stacks, in an account that has what the preflight asks for."""
    others = tuple(one for other, one in stacks.items() if other != name)
    return Surroundings(others, account_log_role=True, lambda_concurrency=A_NEW_ACCOUNT)


def test_aws_takes_every_stack(stacks: Stacks) -> None:
    assert len(stacks) > 12
    found = [
        f"{name}: {refusal}"
        for name, (region, template) in stacks.items()
        for refusal in judge(template, region, around=around(stacks, name))
    ]
    assert found == []


def test_aws_takes_an_update_that_changes_nothing(stacks: Stacks) -> None:
    found = [
        f"{name}: {refusal}"
        for name, (region, template) in stacks.items()
        for refusal in judge(template, region, template, around(stacks, name))
    ]
    assert found == []


def test_aws_deletes_every_stack(stacks: Stacks) -> None:
    for name, (region, template) in stacks.items():
        assert judge({}, region, template) == [], name


def test_without_the_accounts_log_role_the_api_is_refused(dev: Assembly) -> None:
    """The role is the account's, so no environment that is thrown away may make it."""
    stacks = stacks_of(dev)
    for name in ("Application-cac1", "Application-caw1"):
        region, template = stacks[name]
        without = replace(around(stacks, name), account_log_role=False)
        (found,) = judge(template, region, around=without)
        assert found.row == "stage-that-logs-without-the-accounts-role"


def test_a_quota_below_what_is_reserved_refuses_the_functions(dev: Assembly) -> None:
    stacks = stacks_of(dev)
    region, template = stacks["Failover-cac1"]
    small = replace(around(stacks, "Failover-cac1"), lambda_concurrency=100)
    (found,) = judge(template, region, around=small)
    assert found.row == "more-reserved-concurrency-than-the-quota"
