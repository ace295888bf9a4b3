"""The customer's own name: certificate, TLS, and records that follow the standby's alarm."""

from __future__ import annotations

import pytest
from aws_cdk import aws_sns as sns

from lifeline.application.api_domain import ApiDomain
from lifeline.application.api_failover import ApiFailover
from lifeline.settings import Domain
from tests.unit.constructs.application.application_parts import Parts, parts_of
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

DOMAIN = Domain(name="events.example.org", hosted_zone_id="Z123", hosted_zone_name="example.org")


def domain_in(made: StackUnderTest) -> ApiDomain:
    parts: Parts = parts_of(made)
    topic = sns.Topic.from_topic_arn(made.stack, "Notice", made.site.arn("sns", "notice-test"))
    return ApiDomain(
        made.stack,
        "Domain",
        site=made.site,
        api=parts.api.api,
        traffic_here=parts.services.metric_traffic_here(),
        alert=topic,
    )


def test_each_region_has_the_name_with_a_certificate_of_its_own(make_stack: MakeStack) -> None:
    for region in ("ca-central-1", "ca-west-1"):
        made = make_stack(region, domain=DOMAIN)
        domain_in(made)
        template = made.template()
        ((certificate, said),) = template.find_resources(
            "AWS::CertificateManager::Certificate"
        ).items()
        assert said["Properties"]["ValidationMethod"] == "DNS"
        (name,) = template.find_resources("AWS::ApiGateway::DomainName").values()
        assert name["Properties"]["RegionalCertificateArn"] == {"Ref": certificate}
        assert name["Properties"]["SecurityPolicy"] == "SecurityPolicy_TLS13_1_3_2025_09"
        assert name["Properties"]["EndpointAccessMode"] == "STRICT"
        (mapping,) = template.find_resources("AWS::ApiGateway::BasePathMapping").values()
        (stage,) = template.find_resources("AWS::ApiGateway::Stage")
        assert stage in mapping["DependsOn"]


def test_the_alarm_is_one_that_route_53_takes(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1", domain=DOMAIN)
    domain_in(made)
    alarms = made.resources("AWS::CloudWatch::Alarm")
    (alarm,) = (
        one["Properties"]
        for one in alarms
        if one["Properties"].get("AlarmName") == "traffic-here-test"
    )
    assert alarm["Namespace"] == "Lifeline"
    assert alarm["MetricName"] == "TrafficHere"
    assert alarm["Dimensions"] == [{"Name": "Suffix", "Value": "test"}]
    assert alarm["Statistic"] == "Maximum"
    assert alarm["Period"] == 60
    assert "Metrics" not in alarm
    assert "DatapointsToAlarm" not in alarm
    assert "ExtendedStatistic" not in alarm
    assert "Without data the name leads to the home region." in alarm["AlarmDescription"]


def test_the_primary_follows_the_standbys_alarm(make_stack: MakeStack) -> None:
    made = make_stack(domain=DOMAIN)
    ApiFailover(made.stack, "Failover", site=made.site, domain=domain_in(made))
    template = made.template()
    ((check, said),) = template.find_resources("AWS::Route53::HealthCheck").items()
    config = said["Properties"]["HealthCheckConfig"]
    assert config["Type"] == "CLOUDWATCH_METRIC"
    assert config["AlarmIdentifier"] == {"Name": "traffic-here-test", "Region": "ca-west-1"}
    assert config["InsufficientDataHealthStatus"] == "Healthy"
    (record,) = template.find_resources("AWS::Route53::RecordSet").values()
    assert record["Properties"]["Failover"] == "PRIMARY"
    assert record["Properties"]["Name"] == "events.example.org."
    assert record["Properties"]["HealthCheckId"] == {"Fn::GetAtt": [check, "HealthCheckId"]}
    assert record["Properties"]["AliasTarget"]["EvaluateTargetHealth"] is False
    assert record["DeletionPolicy"] == "Delete"


def test_the_secondary_has_no_check_and_needs_nothing_of_home(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1", domain=DOMAIN)
    ApiFailover(made.stack, "Failover", site=made.site, domain=domain_in(made))
    template = made.template()
    assert template.find_resources("AWS::Route53::HealthCheck") == {}
    (record,) = template.find_resources("AWS::Route53::RecordSet").values()
    assert record["Properties"]["Failover"] == "SECONDARY"
    assert "HealthCheckId" not in record["Properties"]
    assert record["Properties"]["SetIdentifier"] == "events-api-caw1-test"


def test_without_a_domain_it_is_refused(make_stack: MakeStack) -> None:
    with pytest.raises(ValueError, match="have no domain"):
        domain_in(make_stack())


def test_no_finding_is_left(make_stack: MakeStack) -> None:
    made = make_stack(nag=True, domain=DOMAIN)
    ApiFailover(made.stack, "Failover", site=made.site, domain=domain_in(made))
    made.template()
