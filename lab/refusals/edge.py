"""What API Gateway, Elastic Load Balancing, Cognito and WAF refuse."""

from __future__ import annotations

import re

from lab.refusals.row import On, Row
from lab.refusals.situation import Case

STAGE, DEPLOYMENT, METHOD = (f"AWS::ApiGateway::{one}" for one in ("Stage", "Deployment", "Method"))
ACCOUNT, API = "AWS::ApiGateway::Account", "AWS::ApiGateway::RestApi"
BALANCER, TARGETS, LISTENER = (
    f"AWS::ElasticLoadBalancingV2::{one}" for one in ("LoadBalancer", "TargetGroup", "Listener")
)
GATEWAY = "https://docs.aws.amazon.com/apigateway/latest"
ELB = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference"
BALANCER_NAME = re.compile(r"(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
COGNITO = "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference"
MOST_CHARACTERS = 32


def _logs(case: Case) -> bool:
    settings = case.resource.items("MethodSettings")
    levels = [one.get("LoggingLevel", "OFF") for one in settings if isinstance(one, dict)]
    return case.resource.given("AccessLogSetting") or any(
        isinstance(one, str) and one != "OFF" for one in levels
    )


def _protected_balancer(case: Case) -> bool:
    attributes = [] if case.before is None else case.before.items("LoadBalancerAttributes")
    return {"Key": "deletion_protection.enabled", "Value": "true"} in attributes


def _without_account_role(case: Case) -> bool:
    situation = case.situation
    here = situation.of_type(ACCOUNT) + situation.beside(ACCOUNT, region=situation.region)
    return situation.around.account_log_role is False and not here and _logs(case)


def _without_methods(case: Case) -> bool:
    apis = [one for one in case.situation.of_type(API) if case.resource.refers_to(one)]
    methods = case.situation.of_type(METHOD)
    return bool(apis) and not any(
        api.given("Body") or api.given("BodyS3Location") or method.refers_to(api)
        for api in apis
        for method in methods or [api]
    )


def _balancer_name(case: Case) -> object:
    name = case.resource.text("Name")
    return (
        name != "" and (len(name) > MOST_CHARACTERS or not BALANCER_NAME.fullmatch(name)) and name
    )


def _network_balancer_protocol(case: Case) -> object:
    balancers = [one for one in case.situation.of_type(BALANCER) if case.resource.refers_to(one)]
    protocol = case.resource.text("Protocol")
    for one in balancers:
        kind = one.known("Type") or ("" if one.given("Type") else "application")
        if kind == "application" and protocol not in ("", "HTTP", "HTTPS"):
            return f"{protocol} at an application load balancer"
        if kind == "network" and protocol in ("HTTP", "HTTPS"):
            return f"{protocol} at a network load balancer"
    return False


def _interval(case: Case) -> object:
    one = case.resource
    timeout, interval = (
        one.number("HealthCheckTimeoutSeconds"),
        one.number("HealthCheckIntervalSeconds"),
    )
    late = timeout is not None and interval is not None and timeout > interval
    return late and f"{timeout:g} s of {interval:g} s"


ROWS = (
    Row(
        id="stage-that-logs-without-the-accounts-role",
        types=(STAGE,),
        refuses=_without_account_role,
        sentence="A stage with access or execution logs needs API Gateway's log role of the account in this "
        "region first (AWS::ApiGateway::Account).",
        source=f"{GATEWAY}/developerguide/set-up-logging.html",
    ),
    Row(
        id="deployment-without-methods",
        types=(DEPLOYMENT,),
        refuses=_without_methods,
        sentence="An API has a method before it is deployed.",
        source=f"{GATEWAY}/developerguide/how-to-deploy-api.html",
    ),
    Row(
        id="security-policy-without-access-mode",
        types=("AWS::ApiGateway::DomainName", API),
        refuses=lambda case: (
            case.resource.text("SecurityPolicy").startswith("SecurityPolicy_")
            and not case.resource.given("EndpointAccessMode")
            and case.resource.text("SecurityPolicy")
        ),
        sentence="A security policy that starts with SecurityPolicy_ comes with an endpoint access mode.",
        source=f"{GATEWAY}/developerguide/apigateway-security-policies.html",
    ),
    Row(
        id="access-mode-without-security-policy",
        types=("AWS::ApiGateway::DomainName", API),
        refuses=lambda case: (
            case.resource.text("EndpointAccessMode") != ""
            and case.resource.text("SecurityPolicy").startswith("TLS_")
        ),
        sentence="An endpoint access mode is for security policies that start with SecurityPolicy_.",
        source=f"{GATEWAY}/api/API_CreateDomainName.html (endpointAccessMode)",
    ),
    Row(
        id="load-balancer-name",
        types=(BALANCER, TARGETS),
        refuses=_balancer_name,
        sentence="A name has at most 32 letters, digits and hyphens, none of these at an end, and does not "
        "begin with internal-.",
        source=f"{ELB}/API_CreateLoadBalancer.html (Name)",
    ),
    Row(
        id="listener-protocol-of-another-balancer",
        types=(LISTENER,),
        refuses=_network_balancer_protocol,
        sentence="An application load balancer listens for HTTP and HTTPS, a network one for neither.",
        source=f"{ELB}/API_CreateListener.html (Protocol)",
    ),
    Row(
        id="secure-listener-without-a-certificate",
        types=(LISTENER,),
        refuses=lambda case: (
            case.resource.text("Protocol") in ("HTTPS", "TLS")
            and not case.resource.given("Certificates")
        ),
        sentence="A listener for HTTPS or TLS has exactly one certificate.",
        source=f"{ELB}/API_CreateListener.html (Certificates)",
    ),
    Row(
        id="health-check-longer-than-its-interval",
        types=(TARGETS,),
        refuses=_interval,
        sentence="A health check's timeout is not longer than its interval.",
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html",
    ),
    Row(
        id="protected-balancer-deleted",
        types=(BALANCER,),
        on=On.DELETED,
        refuses=_protected_balancer,
        sentence="A load balancer with deletion protection is not deleted: turn it off in an update first.",
        source=f"{ELB}/API_DeleteLoadBalancer.html",
    ),
    Row(
        id="protected-user-pool-deleted",
        types=("AWS::Cognito::UserPool",),
        on=On.DELETED,
        refuses=lambda case: (
            case.before is not None and case.before.text("DeletionProtection") == "ACTIVE"
        ),
        sentence="A user pool with deletion protection is not deleted: turn it off in an update first.",
        source=f"{COGNITO}/API_CreateUserPool.html (DeletionProtection)",
    ),
    Row(
        id="client-credentials-without-a-secret",
        types=("AWS::Cognito::UserPoolClient",),
        refuses=lambda case: (
            "client_credentials" in case.resource.items("AllowedOAuthFlows")
            and case.resource.false("GenerateSecret")
        ),
        sentence="A client that signs in with client_credentials has a secret.",
        source=f"{COGNITO}/API_CreateUserPoolClient.html (AllowedOAuthFlows)",
    ),
    Row(
        id="web-acl-log-by-another-name",
        types=("AWS::WAFv2::LoggingConfiguration",),
        refuses=lambda case: ", ".join(
            one
            for one in case.resource.items("LogDestinationConfigs")
            if isinstance(one, str)
            and one.startswith("arn:")
            and not re.split("[:/]", one.removesuffix(":*"))[-1].startswith("aws-waf-logs-")
        ),
        sentence="The name of a web ACL's log destination begins with aws-waf-logs-.",
        source="https://docs.aws.amazon.com/waf/latest/developerguide/logging-destinations.html",
    ),
)
