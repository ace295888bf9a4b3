"""Every call that the code declares has a route and a right in the templates, in four situations.

And what the proof rests on is missed when it is taken out of the templates (`make prove` takes out all).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from lifeline.compliance.reach.assembly import world_of
from lifeline.compliance.reach.ledger import Ledger, ledger_of
from lifeline.compliance.reach.removal import cited, removals
from lifeline.compliance.reach.situations import Situation
from lifeline.compliance.reach.world import World
from scripts.iam_evaluator import evaluate
from tests.conftest import Assembly

pytestmark = [pytest.mark.synth, pytest.mark.slow]
PROFILES = ("dev", "prod")
EVERY = 7
"""Every how many-th thing is removed here; `make prove` removes all of them."""


@dataclass(frozen=True)
class Proved:
    """One profile's world and its ledger."""

    world: World
    ledger: Ledger


@pytest.fixture(scope="module")
def proved(assembly_of: Callable[..., Assembly]) -> Callable[[str], Proved]:
    """From a profile to its proof, made once."""

    @cache
    def made(profile: str) -> Proved:
        world = world_of(assembly_of(profile).folder)
        return Proved(world, ledger_of(world, evaluate))

    return made


@pytest.mark.parametrize("profile", PROFILES)
def test_every_call_has_a_route_and_a_right(proved: Callable[[str], Proved], profile: str) -> None:
    ledger = proved(profile).ledger
    assert not ledger.failures, "\n".join(ledger.failures)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_the_proof_rests_on_is_missed(proved: Callable[[str], Proved], profile: str) -> None:
    found = proved(profile)
    every = cited(found.ledger)
    assert len(every) > 250
    tried = removals(found.world, found.ledger, evaluate, every[::EVERY])
    assert [one.what for one in tried if not one.explained] == []
    assert sum(one.found for one in tried) > 0.8 * len(tried)


def test_nothing_that_recovers_the_platform_needs_the_lost_region(
    proved: Callable[[str], Proved],
) -> None:
    ledger = proved("dev").ledger
    needed = {
        (entry.row.caller.reader, entry.row.call)
        for entry in ledger.entries
        if entry.verdicts[Situation.HOME_DEAD][0] == "ok"
    }
    assert {
        ("keeper", "states:StartExecution"),
        ("failover_step", "rds:FailoverGlobalCluster"),
        ("failover_step", "ecs:UpdateService"),
        ("failover plan", "lambda:InvokeFunction"),
        ("event_applier apply", "the region's database"),
        ("start of a task (event_applier apply)", "ecr:BatchGetImage"),
    } <= needed
    rests = {
        region
        for one in ledger.static_stability()
        if one.verdict == "ok"
        for region in one.rests_on
    }
    assert rests == {ledger.regions.standby, ledger.regions.witness}


@pytest.mark.parametrize(
    ("reader", "call", "part"),
    [
        ("failover_step", "rds:FailoverGlobalCluster", "/PolicyDocument/Statement/"),
        ("keeper", "dynamodb:UpdateItem", "DefaultRoute"),
        ("event_applier apply", "the region's database", "DatabaseGroupfrom"),
        ("failover_step", "the other region's database", "FenceFromThePeer"),
        ("failover_step", "the other region's database", "FencePolicy"),
        ("replicator", "the peer's log", "PeeringStoreRoute"),
        ("alarms", "sns:Publish", "/KeyPolicy/Statement/"),
    ],
)
def test_a_known_statement_route_or_rule_is_missed(
    proved: Callable[[str], Proved], reader: str, call: str, part: str
) -> None:
    found = proved("dev")
    rests = {
        cite
        for entry in found.ledger.entries
        if (entry.row.caller.reader, entry.row.call) == (reader, call)
        for cite in entry.cites
        if part in cite
    }
    assert rests
    tried = removals(found.world, found.ledger, evaluate, sorted(rests)[:2])
    assert all(one.found for one in tried)
