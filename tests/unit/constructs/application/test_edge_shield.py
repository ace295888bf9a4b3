"""The web ACL: what it blocks, what it only counts, what it writes down."""

from __future__ import annotations

from typing import Any

from lifeline.application.edge_shield import (
    COUNTED_BAD_INPUT_RULES,
    COUNTED_BODY_RULES,
    EdgeShield,
)
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

STAGE_ARN = "arn:aws:apigateway:ca-central-1::/restapis/abc/stages/live"


def shield_of(made: StackUnderTest) -> EdgeShield:
    return EdgeShield(made.stack, "Shield", site=made.site, stage_arn=STAGE_ARN, keys=made.keys)


def rules_of(made: StackUnderTest) -> dict[str, dict[str, Any]]:
    (acl,) = made.resources("AWS::WAFv2::WebACL")
    assert acl["Properties"]["Scope"] == "REGIONAL"
    assert acl["Properties"]["DefaultAction"] == {"Allow": {}}
    return {rule["Name"]: rule for rule in acl["Properties"]["Rules"]}


def test_managed_rules_block_but_for_what_they_see_in_bodies(make_stack: MakeStack) -> None:
    made = make_stack()
    shield_of(made)
    rules = rules_of(made)
    for name in (
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesAmazonIpReputationList",
    ):
        assert rules[name]["OverrideAction"] == {"None": {}}
    counted = counted_by(rules["AWSManagedRulesCommonRuleSet"])
    assert counted == set(COUNTED_BODY_RULES)
    assert "SizeRestrictions_BODY" in counted
    assert all(name.endswith("_BODY") for name in counted)


def test_a_note_that_quotes_a_lookup_does_not_block_its_batch(make_stack: MakeStack) -> None:
    made = make_stack()
    shield_of(made)
    counted = counted_by(rules_of(made)["AWSManagedRulesKnownBadInputsRuleSet"])
    assert counted == {"Log4JRCE_BODY", "JavaDeserializationRCE_BODY"}
    assert counted == set(COUNTED_BAD_INPUT_RULES)


def counted_by(rule: dict[str, Any]) -> set[str]:
    """The rules of a managed group that do something else than it says; counting is all they may."""
    overrides = rule["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert all(one["ActionToUse"] == {"Count": {}} for one in overrides)
    return {one["Name"] for one in overrides}


def test_one_address_may_use_half_of_the_api(make_stack: MakeStack) -> None:
    """A hospital's edges post from one address; a usual limit of 2,000 in five minutes would stop it."""
    made = make_stack()
    shield_of(made)
    rule = rules_of(made)["OneAddress"]
    limit = rule["Statement"]["RateBasedStatement"]
    assert rule["Action"] == {"Block": {}}
    assert limit["AggregateKeyType"] == "IP"
    assert (
        limit["Limit"] / limit["EvaluationWindowSec"]
        == made.site.settings.capacity.requests_per_second / 2
    )


def test_the_log_has_the_name_the_service_wants_and_no_token(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1", environment_suffix="abcdefghijkl")
    shield_of(made)
    template = made.template()
    (group,) = (
        one["Properties"]
        for one in template.find_resources("AWS::Logs::LogGroup").values()
        if "aws-waf-logs-" in str(one["Properties"]["LogGroupName"])
    )
    assert group["LogGroupName"] == "aws-waf-logs-edges-abcdefghijkl"
    assert group["KmsKeyId"]
    (logging,) = template.find_resources("AWS::WAFv2::LoggingConfiguration").values()
    (destination,) = logging["Properties"]["LogDestinationConfigs"]
    assert destination == (
        "arn:aws:logs:ca-west-1:123456789012:log-group:aws-waf-logs-edges-abcdefghijkl"
    )
    assert logging["Properties"]["RedactedFields"] == [{"SingleHeader": {"Name": "authorization"}}]
    (acl,) = template.find_resources("AWS::WAFv2::WebACL").values()
    seen = [acl["Properties"]["VisibilityConfig"]]
    seen += [rule["VisibilityConfig"] for rule in acl["Properties"]["Rules"]]
    assert not any(one["SampledRequestsEnabled"] for one in seen)


def test_it_stands_before_the_stage(make_stack: MakeStack) -> None:
    made = make_stack()
    shield = shield_of(made)
    (association,) = made.resources("AWS::WAFv2::WebACLAssociation")
    assert association["Properties"]["ResourceArn"] == STAGE_ARN
    assert shield.metric_blocked().dimensions == {
        "WebACL": "edges-test",
        "Region": "ca-central-1",
        "Rule": "ALL",
    }


def test_no_finding_is_left(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    shield_of(made)
    made.template()
