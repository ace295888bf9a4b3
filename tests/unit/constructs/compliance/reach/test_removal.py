"""The proof's own proof: what it rests on is missed when it is gone, and a blind evaluator is found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from lifeline.compliance.reach.ledger import CONTROL, ledger_of
from lifeline.compliance.reach.removal import cited, removals
from lifeline.compliance.reach.rights import Answer, Ask
from scripts.iam_evaluator import evaluate
from tests.unit.constructs.compliance.reach.small_world import (
    FROM_THE_NETWORK,
    HOME,
    endpoint,
    endpoint_group,
    region,
    statement,
    world,
)
from tests.unit.constructs.compliance.reach.test_ledger import KEEPERS, policy


def test_everything_that_the_ledger_rests_on_is_missed() -> None:
    found = world()
    ledger = ledger_of(found, evaluate, KEEPERS)
    tried = removals(found, ledger, evaluate)
    assert {one.what for one in tried} == set(cited(ledger))
    assert len(tried) > 30
    assert [one.what for one in tried if not one.found] == []
    (nat,) = [one for one in tried if one.what == "Home.Nat"]
    assert nat.kind == "AWS::EC2::NatGateway"
    assert f"keeper in {HOME} (Home.Keeper) calls " in nat.found_by[0]


def test_a_second_statement_makes_the_first_redundant_and_is_named_as_it_stands() -> None:
    home = region(HOME)
    page = policy(home)[2]
    policy(home).append({**page})
    found = world(home)
    ledger = ledger_of(found, evaluate, KEEPERS)
    places = [f"Home.KeeperPolicy/PolicyDocument/Statement/{number}" for number in (2, 6)]
    first, second = removals(found, ledger, evaluate, places)
    assert (first.found, first.covered_by) == (False, (places[1],))
    assert (second.found, second.covered_by) == (False, (places[0],))


def test_an_endpoint_beside_a_nat_gateway_is_redundant_and_the_way_out_named() -> None:
    home = region(HOME)
    home["EndpointGroup"] = endpoint_group(FROM_THE_NETWORK)
    home["Topics"] = endpoint("sns")
    found = world(home)
    ledger = ledger_of(found, evaluate, KEEPERS)
    gone, rule = removals(
        found, ledger, evaluate, ["Home.Topics", "Home.EndpointGroup/SecurityGroupIngress/0"]
    )
    assert not gone.found
    assert "Home.Nat" in gone.covered_by
    assert "no ingress rule of Home.EndpointGroup" in rule.found_by[0]


@pytest.mark.parametrize("listed", [True, False])
def test_a_statement_that_stands_alone_can_be_removed(listed: bool) -> None:
    home = region(HOME)
    alone = statement("sns:Publish", resource=f"arn:aws:sns:{HOME}:111122223333:page")
    home["Alone"] = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "Roles": [{"Ref": "KeeperRole"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [alone] if listed else alone},
        },
    }
    del policy(home)[2]
    found = world(home)
    ledger = ledger_of(found, evaluate, KEEPERS)
    (gone,) = removals(found, ledger, evaluate, ["Home.Alone/PolicyDocument/Statement/0"])
    assert "no statement lets keeper-cac1 do sns:Publish" in gone.found_by[0]


def test_an_evaluator_that_allows_everything_is_refused() -> None:
    def blind(documents: Mapping[str, object], asks: Sequence[Ask]) -> list[Answer]:
        return [Answer(True, tuple((key, 0) for key in one.identity)) for one in asks]

    with pytest.raises(RuntimeError, match="do iam:CreateUser, which nothing of ours may"):
        ledger_of(world(), blind, KEEPERS)


def test_a_removal_that_changes_no_answer_is_explained_by_nothing() -> None:
    """An evaluator that does not look at what it is given: whatever is removed, it says the same."""

    def deaf(documents: Mapping[str, object], asks: Sequence[Ask]) -> list[Answer]:
        return [Answer(one.action != CONTROL) for one in asks]

    found = world()
    ledger = ledger_of(found, evaluate, KEEPERS)
    place = "Home.KeeperPolicy/PolicyDocument/Statement/2"
    (gone,) = removals(found, ledger, deaf, [place])
    assert (gone.found, gone.explained) == (False, False)


def test_what_is_removed_is_removed_from_the_templates() -> None:
    found = world()
    gone = found.without("Home.Nat")
    assert "Nat" not in gone.templates[0].body["Resources"]
    assert "Nat" in found.templates[0].body["Resources"]
    rule = found.without("Home.Clients/SecurityGroupEgress/0").templates[0].body["Resources"]
    assert rule["Clients"]["Properties"]["SecurityGroupEgress"] == []
