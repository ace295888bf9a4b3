"""Alert topics: one a severity, encrypted, over TLS, for this account's services only."""

from __future__ import annotations

import pytest

from lifeline.foundation.alert_topics import AlertTopics, Severity
from tests.unit.constructs.conftest import ACCOUNT, MakeStack


def test_one_encrypted_topic_a_severity(make_stack: MakeStack) -> None:
    made = make_stack()
    alerts = AlertTopics(made.stack, "Alerts", site=made.site, keys=made.keys)
    assert alerts.of(Severity.CRITICAL) is not alerts.of(Severity.WARNING)
    topics = [one["Properties"] for one in made.resources("AWS::SNS::Topic")]
    assert {one["TopicName"] for one in topics} == {"page-test", "notice-test"}
    assert all("KmsMasterKeyId" in one for one in topics)


def test_a_topics_arn_is_known_without_it(make_stack: MakeStack) -> None:
    site = make_stack("ca-west-1").site
    assert AlertTopics.arn(site, Severity.CRITICAL) == f"arn:aws:sns:ca-west-1:{ACCOUNT}:page-test"
    assert (
        AlertTopics.arn(site.peer, Severity.WARNING)
        == f"arn:aws:sns:ca-central-1:{ACCOUNT}:notice-test"
    )


def test_only_named_services_of_this_account_publish(make_stack: MakeStack) -> None:
    made = make_stack()
    AlertTopics(made.stack, "Alerts", site=made.site, keys=made.keys)
    policies = made.resources("AWS::SNS::TopicPolicy")
    assert len(policies) == len(Severity)
    for policy in policies:
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        (refused,) = [one for one in statements if one["Effect"] == "Deny"]
        assert refused["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        allowed = {one["Sid"]: one for one in statements if one["Effect"] == "Allow"}
        assert set(allowed) == {"PublishForThisAccount", "RulesPublish"}
        assert all(one["Action"] == "sns:Publish" for one in allowed.values())
        services = allowed["PublishForThisAccount"]
        assert services["Principal"]["Service"] == [
            "backup.amazonaws.com",
            "cloudwatch.amazonaws.com",
        ]
        assert services["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
        assert allowed["RulesPublish"]["Principal"] == {"Service": "events.amazonaws.com"}


@pytest.mark.parametrize(("address", "subscriptions"), [(None, 0), ("oncall@example.org", 2)])
def test_a_person_hears_of_both(
    make_stack: MakeStack, address: str | None, subscriptions: int
) -> None:
    made = make_stack(page_email=address)
    AlertTopics(made.stack, "Alerts", site=made.site, keys=made.keys)
    made.template().resource_count_is("AWS::SNS::Subscription", subscriptions)


def test_no_rule_finds_anything(make_stack: MakeStack) -> None:
    made = make_stack(nag=True, page_email="oncall@example.org")
    AlertTopics(made.stack, "Alerts", site=made.site, keys=made.keys)
    made.template()
