"""Rights and situations on a small world, judged by the real evaluator: each fault has its sentence."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from lifeline.compliance.reach.ledger import Ledger, static_stability
from lifeline.compliance.reach.situations import SPARED, Situation, Spared
from lifeline.compliance.reach.world import ACCOUNT
from lifeline.lambdas.contracts.contract import RegionRole
from tests.unit.constructs.compliance.reach.small_world import (
    FROM_THE_NETWORK,
    HOME,
    STANDBY,
    Resources,
    arn_of,
    document,
    endpoint,
    endpoint_group,
    ledger,
    made,
    ref,
    region,
    statement,
    world,
)

KEEPERS = tuple(one for one in SPARED if one.reader == "keeper")
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
Change = Callable[[Resources], object]


def judged(
    change: Change | None = None,
    there: Change | None = None,
    allowed: tuple[Spared, ...] = KEEPERS,
) -> Ledger:
    """The ledger of a small world whose regions were changed."""
    home, standby = region(HOME), region(STANDBY)
    if change:
        change(home)
    if there:
        there(standby)
    return ledger(world(home, standby), allowed)


def policy(home: Resources) -> list[dict[str, object]]:
    """The statements of the keeper."""
    found: list[dict[str, object]] = home["KeeperPolicy"]["Properties"]["PolicyDocument"][
        "Statement"
    ]
    return found


def test_a_whole_world_has_no_failure_and_says_what_each_call_rests_on() -> None:
    found = judged()
    assert found.failures == []
    (publishing,) = [
        one
        for one in found.entries
        if (one.row.call, one.row.caller.name) == ("sns:Publish", f"keeper in {HOME}")
    ]
    assert {
        "Home.KeeperPolicy/PolicyDocument/Statement/2",
        "Home.KeeperPolicy/PolicyDocument/Statement/3",
        "Home.Key/KeyPolicy/Statement/0",
        "Home.Nat",
    } <= publishing.cites
    verdicts = {str(one): said for one, (said, _) in publishing.verdicts.items()}
    assert verdicts == {
        "normal": "ok",
        "standby": "not made",
        "home region dead": "not made",
        "witness dead": "ok",
    }


def deny_at_the_endpoint(home: Resources) -> None:
    home["EndpointGroup"] = endpoint_group(FROM_THE_NETWORK)
    other = {"StringEquals": {"aws:PrincipalAccount": "999999999999"}}
    home["Topics"] = endpoint("sns", statement("*", Principal={"AWS": "*"}, Condition=other))


def narrow_the_condition(home: Resources) -> None:
    policy(home)[2]["Condition"] = {"StringEquals": {"aws:RequestedRegion": STANDBY}}


def keep_the_key(home: Resources) -> None:
    someone = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/someone"}
    home["Key"]["Properties"]["KeyPolicy"] = document(statement("kms:*", Principal=someone))


def deny_in_the_topic(home: Resources) -> None:
    home["Policy"] = made(
        "SNS::TopicPolicy",
        Topics=[ref("Page")],
        PolicyDocument=document(
            statement(
                "sns:Publish",
                effect="Deny",
                resource=ref("Page"),
                Principal="*",
                Condition={"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/someone"}},
            )
        ),
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda home: policy(home).pop(2),
            f"no statement lets keeper-cac1 do sns:Publish on arn:aws:sns:{HOME}",
        ),
        (
            lambda home: policy(home).pop(3),
            "no statement lets keeper-cac1 do kms:GenerateDataKey on",
        ),
        (narrow_the_condition, "no statement lets keeper-cac1 do sns:Publish on"),
        (keep_the_key, "or to Home.Key/KeyPolicy"),
        (deny_in_the_topic, "is denied by Home.Policy/PolicyDocument/Statement/0"),
        (deny_at_the_endpoint, "the policy of the endpoint Home.Topics does not let sns:Publish"),
    ],
    ids=["no statement", "no key", "condition", "key policy", "resource policy", "endpoint policy"],
)
def test_each_missing_right_is_named_with_its_caller(change: Change, said: str) -> None:
    (sentence,) = judged(change).failures
    assert sentence.startswith(f"keeper in {HOME} (Home.Keeper) calls sns:Publish in {HOME}: ")
    assert said in sentence


def test_a_condition_on_a_tag_reads_the_tag_of_what_is_called() -> None:
    tagged = {"StringEquals": {"aws:ResourceTag/Environment": "dev"}}

    def change(home: Resources) -> None:
        policy(home)[2]["Condition"] = tagged

    assert judged(change).failures

    def with_tag(home: Resources) -> None:
        change(home)
        home["Page"]["Properties"]["Tags"] = [{"Key": "Environment", "Value": "dev"}]

    assert judged(with_tag).failures == []


def test_a_service_needs_the_topics_policy_and_the_keys() -> None:
    def rule(home: Resources) -> None:
        home["Rule"] = made("Events::Rule", Targets=[{"Id": "page", "Arn": ref("Page")}])

    (sentence,) = judged(rule).failures
    assert sentence.startswith(f"rule in {HOME} (Home.Rule) calls sns:Publish")
    assert "events.amazonaws.com do sns:Publish" in sentence
    assert "Home.Key/KeyPolicy does not let events.amazonaws.com do kms:Decrypt" in sentence
    principal = {"Service": "events.amazonaws.com"}

    def allowed(home: Resources) -> None:
        rule(home)
        home["Policy"] = made(
            "SNS::TopicPolicy",
            Topics=[ref("Page")],
            PolicyDocument=document(
                statement("sns:Publish", resource=ref("Page"), Principal=principal)
            ),
        )
        statements = home["Key"]["Properties"]["KeyPolicy"]["Statement"]
        statements.append(statement("kms:Decrypt", "kms:GenerateDataKey", Principal=principal))

    assert judged(allowed).failures == []


def test_a_call_into_another_region_takes_no_endpoint_of_this_one() -> None:
    """Private DNS of an endpoint answers for its own region's name only."""

    def change(home: Resources) -> None:
        home["EndpointGroup"] = endpoint_group()
        home["Tables"] = endpoint("dynamodb")

    found = judged(change)
    own = [one for one in found.failures if f"in {HOME}: no ingress rule of Home.Endpoint" in one]
    assert len(own) == len(found.failures) == 3
    routes = {
        one.row.target_region: one.row.route.by
        for one in found.entries
        if "GetItem" in one.row.call
    }
    assert routes["us-east-2"] == "NAT"


def test_a_recovery_call_whose_key_is_in_the_lost_region_fails() -> None:
    def change(standby: Resources) -> None:
        standby["Page"]["Properties"]["KmsMasterKeyId"] = "Home.Key"
        policy(standby)[3]["Resource"] = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/Home.Key"

    (sentence,) = judged(there=change).failures
    assert f"keeper in {STANDBY} (Standby.Keeper) calls sns:Publish" in sentence
    assert f"with the home region dead the call needs {HOME}, which is not there" in sentence


def test_a_call_to_a_lost_region_fails_without_a_reason_to_spare_it() -> None:
    found = judged(allowed=())
    assert {
        (one.row.call, str(one.row.where))
        for one in found.entries
        if one.verdicts[Situation.HOME_DEAD][0] == "FAILS"
    } == {("dynamodb:GetItem", "peer"), ("dynamodb:UpdateItem", "peer")}
    assert any("with the witness dead the call needs us-east-2" in one for one in found.failures)


def test_a_reason_to_spare_that_nothing_needs_is_named() -> None:
    idle = Spared("probe", "sns:Publish", RegionRole.PEER, frozenset({Situation.HOME_DEAD}), "no")
    assert judged(allowed=(*KEEPERS, idle)).failures == [
        "nothing needs the excuse probe / sns:Publish / peer; remove it"
    ]


def test_the_static_stability_ledger_lists_what_the_survivor_calls() -> None:
    made_there = judged().static_stability()
    assert {one.caller_region for one in made_there} == {STANDBY}
    page = next(one for one in made_there if one.call == "sns:Publish")
    assert (page.rests_on, page.verdict) == ((STANDBY,), "ok")
    asked = next(one for one in made_there if one.region == HOME)
    assert (asked.verdict, asked.rests_on) == ("does without", (HOME, STANDBY))


def test_the_ledger_of_a_drill_is_that_of_the_proof() -> None:
    small = world(region(HOME), region(STANDBY))
    assert static_stability(small) == judged().static_stability()


def test_code_without_a_contract_is_refused() -> None:
    def change(home: Resources) -> None:
        home["Keeper"]["Properties"]["Handler"] = "theirs.handler"

    with pytest.raises(
        ValueError, match=r"Home.Keeper runs 'theirs.handler', which has no contract"
    ):
        judged(change)


def test_a_database_that_nobody_can_find_is_a_failure() -> None:
    def change(home: Resources) -> None:
        variables = home["Keeper"]["Properties"]["Environment"]["Variables"]
        variables["DATABASE_HOST"] = arn_of("Elsewhere", "Endpoint.Address")

    said = "; ".join(judged(change).failures)
    assert "no template has the region's database where keeper" in said


def test_without_a_witness_nobody_calls_one_and_no_excuse_is_missed() -> None:
    def change(resources: Resources) -> None:
        resources["Keeper"]["Properties"]["Environment"]["Variables"]["WITNESS_REGION"] = ""

    found = judged(change, change)
    assert found.failures == []
    assert found.regions.witness == ""
    asked = [one.row for one in found.entries if one.row.where is RegionRole.WITNESS]
    assert {one.not_made for one in asked} == {"there is no witness"}


def test_without_a_witness_the_fence_has_no_address_and_needs_no_excuse() -> None:
    """A21: no directory is shared, so the step says that it reached nothing; nothing else is claimed."""
    fences = tuple(one for one in SPARED if one.call == "the other region's database")

    def change(resources: Resources) -> None:
        resources["Keeper"]["Properties"]["Environment"]["Variables"]["WITNESS_REGION"] = ""
        resources["Step"] = copy.deepcopy(resources["Keeper"])
        resources["Step"]["Properties"] |= {
            "FunctionName": "failover-step",
            "Handler": "lifeline.lambdas.failover_step.handler.handler",
        }

    found = judged(change, change, fences)
    rows = [one.row for one in found.entries if one.row.call == "the other region's database"]
    assert {one.not_made for one in rows} == {"without a witness no directory says where it is"}
    assert found.unused == ()
    assert judged(allowed=fences).unused, "where nobody has a fence, the excuse is idle"


def test_a_lease_in_an_own_region_is_called_there_and_is_no_witness() -> None:
    def change(resources: Resources) -> None:
        variables = resources["Keeper"]["Properties"]["Environment"]["Variables"]
        variables["WITNESS_REGION"] = HOME if variables["PEER_REGION"] == STANDBY else STANDBY

    found = judged(change, change)
    assert found.regions.witness == ""
    (lease, _) = [
        one
        for one in found.entries
        if (one.row.call, one.row.where) == ("dynamodb:PutItem", RegionRole.WITNESS)
    ]
    assert lease.row.target_region == HOME
    assert f"arn:aws:dynamodb:{HOME}:{ACCOUNT}:table/lease" in lease.faults[0]
