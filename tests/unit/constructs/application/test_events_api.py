"""The API: who may call what, what it says when it refuses, what it writes down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lifeline.application.events_api import ACCESS_LOG_FIELDS
from tests.unit.constructs.application.application_parts import api_of
from tests.unit.constructs.conftest import MakeStack


def methods_of(resources: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """By HTTP method and the last word of the integration's address."""
    found = {}
    for one in resources:
        said = one["Properties"]
        uri = json.dumps(said["Integration"]["Uri"])
        place = "kinesis" if "kinesis" in uri else uri.rsplit("/", 1)[-1].strip('"]}')
        found[said["HttpMethod"], place] = said
    return found


def test_every_method_but_health_wants_a_token_with_its_scope(make_stack: MakeStack) -> None:
    made = make_stack()
    api_of(made)
    methods = methods_of(made.resources("AWS::ApiGateway::Method"))
    assert len(methods) == 5
    post = methods.pop(("POST", "kinesis"))
    assert post["AuthorizationType"] == "COGNITO_USER_POOLS"
    assert post["AuthorizationScopes"] == ["events/write"]
    health = methods.pop(("GET", "health"))
    assert health["AuthorizationType"] == "NONE"
    for read in methods.values():
        assert read["AuthorizationType"] == "COGNITO_USER_POOLS"
        assert read["AuthorizationScopes"] == ["events/read"]
        assert read["AuthorizerId"]


def test_tls_1_3_only(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    api_of(made)
    (api,) = made.resources("AWS::ApiGateway::RestApi")
    assert api["Properties"]["SecurityPolicy"] == "SecurityPolicy_TLS13_1_3_2025_09"
    assert api["Properties"]["EndpointAccessMode"] == "STRICT"
    assert api["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_the_access_log_names_no_patient(make_stack: MakeStack) -> None:
    """The path as it came may name an event, the body and the token are worse."""
    made = make_stack()
    api_of(made)
    (stage,) = made.resources("AWS::ApiGateway::Stage")
    written = json.loads(stage["Properties"]["AccessLogSetting"]["Format"])
    assert written == ACCESS_LOG_FIELDS
    for unwanted in ("$context.path", "body", "authorization", "$context.requestOverride"):
        assert all(not value.lower().startswith(unwanted) for value in written.values())
        assert unwanted not in json.dumps(list(written)).lower()
    for setting in stage["Properties"]["MethodSettings"]:
        assert setting["DataTraceEnabled"] is False


def test_refusals_tell_nothing_from_the_inside(make_stack: MakeStack) -> None:
    made = make_stack()
    api_of(made)
    responses = made.resources("AWS::ApiGateway::GatewayResponse")
    assert {one["Properties"]["ResponseType"] for one in responses} == {
        "DEFAULT_4XX",
        "DEFAULT_5XX",
    }
    for one in responses:
        text = one["Properties"]["ResponseTemplates"]["application/json"]
        assert set(json.loads(text)) == {"error", "requestId"}
        assert "messageString" not in text
        assert "validationErrorString" not in text


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_no_environment_sets_the_accounts_log_role(profile: str, make_stack: MakeStack) -> None:
    """N2: it is one an account and region; destroyed with an environment, it would be missed by others."""
    made = make_stack(profile=profile)
    api_of(made)
    assert made.resources("AWS::ApiGateway::Account") == []


def test_the_stages_throttle_holds_for_all_callers(make_stack: MakeStack) -> None:
    """H12: a usage plan limits keys, and no caller has one."""
    made = make_stack()
    api_of(made)
    template = made.template()
    (stage,) = template.find_resources("AWS::ApiGateway::Stage").values()
    (limits,) = stage["Properties"]["MethodSettings"]
    assert limits["ResourcePath"] == "/*"
    assert (limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]) == (2_500, 1_250)
    template.resource_count_is("AWS::ApiGateway::UsagePlan", 0)


def test_the_reads_go_to_the_task_by_tls(make_stack: MakeStack) -> None:
    """S5: a patient's event is answered inside TLS that ends in the task; the balancer hands bytes on."""
    made = make_stack()
    api_of(made)
    template = made.template()
    ((balancer, _),) = template.find_resources("AWS::ElasticLoadBalancingV2::LoadBalancer").items()
    name = {"Fn::GetAtt": [balancer, "DNSName"]}
    reads = methods_of(made.resources("AWS::ApiGateway::Method"))
    del reads["POST", "kinesis"]
    for read in reads.values():
        scheme, host, rest = read["Integration"]["Uri"]["Fn::Join"][1]
        assert (scheme, host) == ("https://", name)
        assert rest in (
            ":8443/health",
            ":8443/v1/watermark",
            ":8443/v1/events/{eventId}",
            ":8443/v1/patients/{patientId}/vital-signs",
        )
    listeners = template.find_resources("AWS::ElasticLoadBalancingV2::Listener").values()
    assert {(one["Properties"]["Port"], one["Properties"]["Protocol"]) for one in listeners} == {
        (8080, "TCP"),
        (8443, "TCP"),
    }
    (container,) = (
        one["Properties"]["ContainerDefinitions"][0]
        for one in template.find_resources("AWS::ECS::TaskDefinition").values()
        if one["Properties"]["Family"] == "query-api-test"
    )
    assert {"Name": "QUERY_API_TLS_NAME", "Value": name} in container["Environment"]
    assert [one["ContainerPort"] for one in container["PortMappings"]] == [8080, 8443]


def test_each_deployment_has_reads_that_take_the_tasks_own_certificate(
    make_stack: MakeStack,
) -> None:
    """An update of a method may take the patch away, so it is made again with each new deployment."""
    made = make_stack()
    api_of(made)
    template = made.template()
    ((name, patched),) = template.find_resources("Custom::IntegrationTls").items()
    ((deployment, made_by),) = template.find_resources("AWS::ApiGateway::Deployment").items()
    methods = template.find_resources("AWS::ApiGateway::Method")
    reads = {one for one, said in methods.items() if said["Properties"]["HttpMethod"] == "GET"}
    assert patched["Properties"]["Deployment"] == deployment
    assert reads < set(patched["DependsOn"])
    assert name in made_by["DependsOn"]
    ids = [methods[one]["Properties"]["ResourceId"] for one in reads]
    assert sorted(map(str, patched["Properties"]["ResourceIds"])) == sorted(map(str, ids))
    (statement,) = (
        statement
        for policy in template.find_resources("AWS::IAM::ManagedPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "apigateway" in str(statement["Action"])
    )
    assert statement["Action"] == "apigateway:PATCH"
    assert len(statement["Resource"]) == 4
    assert "*" not in str(statement["Resource"])


def test_metrics_are_of_the_stage(make_stack: MakeStack) -> None:
    api = api_of(make_stack())
    for metric, name, statistic in (
        (api.metric_latency_p95(), "Latency", "p95"),
        (api.metric_server_errors(), "5XXError", "Sum"),
        (api.metric_client_errors(), "4XXError", "Sum"),
        (api.metric_requests(), "Count", "Sum"),
    ):
        assert (metric.namespace, metric.metric_name) == ("AWS/ApiGateway", name)
        assert metric.statistic == statistic
        assert metric.dimensions == {"ApiName": "events-api-test", "Stage": "live"}


def test_no_finding_is_left(make_stack: MakeStack) -> None:
    made = make_stack(profile="prod", nag=True)
    api_of(made)
    made.template()
