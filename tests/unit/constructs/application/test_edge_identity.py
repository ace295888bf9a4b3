"""The pool without users: clients, scopes, the world-wide name of its token endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import aws_iam as iam

from lifeline.application.edge_identity import EdgeIdentity, domain_prefix
from lifeline.regions import region_named
from lifeline.settings import Settings
from lifeline.site import Site
from tests.unit.constructs.conftest import MakeStack

PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""What Cognito takes as a domain prefix."""


def test_nobody_signs_up_and_machines_get_short_tokens(make_stack: MakeStack) -> None:
    made = make_stack()
    EdgeIdentity(made.stack, "Identity", site=made.site)
    template = made.template()
    (pool,) = template.find_resources("AWS::Cognito::UserPool").values()
    assert pool["Properties"]["UserPoolName"] == "edges-test"
    assert pool["Properties"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Properties"]["DeletionProtection"] == "INACTIVE"
    assert pool["DeletionPolicy"] == pool["UpdateReplacePolicy"] == "Delete"
    clients = template.find_resources("AWS::Cognito::UserPoolClient").values()
    minutes = {}
    for one in clients:
        said = one["Properties"]
        assert said["AllowedOAuthFlows"] == ["client_credentials"]
        assert said["AllowedOAuthScopes"] == ["events/write", "events/read"]
        assert said["ExplicitAuthFlows"] == []
        assert said["GenerateSecret"] is True
        assert said["TokenValidityUnits"] == {"AccessToken": "minutes"}
        minutes[said["ClientName"]] = said["AccessTokenValidity"]
    assert minutes == {"edges-test": 60, "failover-plan-test": 15}


def test_clients_come_after_the_scopes_they_name(make_stack: MakeStack) -> None:
    made = make_stack()
    EdgeIdentity(made.stack, "Identity", site=made.site)
    template = made.template()
    ((server, said),) = template.find_resources("AWS::Cognito::UserPoolResourceServer").items()
    scopes = {one["ScopeName"] for one in said["Properties"]["Scopes"]}
    assert (said["Properties"]["Identifier"], scopes) == ("events", {"write", "read"})
    for client in template.find_resources("AWS::Cognito::UserPoolClient").values():
        assert server in client["DependsOn"]


@pytest.mark.parametrize("suffix", ["ab", "abcdefghijkl", "laws", "xamazon", "cognito1"])
@pytest.mark.parametrize("region", ["ca-central-1", "ca-west-1"])
def test_the_prefix_is_one_that_cognito_takes(suffix: str, region: str) -> None:
    prefix = domain_prefix(site_of(suffix, region))
    assert PREFIX.fullmatch(prefix)
    assert not any(word in prefix for word in ("aws", "amazon", "cognito"))


def test_prefixes_of_different_suffixes_differ() -> None:
    made = {domain_prefix(site_of(one, "ca-west-1")) for one in ("laws", "claws", "ab", "abc")}
    assert len(made) == 4


def test_an_account_that_is_not_known_is_written_by_cloudformation(make_stack: MakeStack) -> None:
    made = make_stack(account=None)
    EdgeIdentity(made.stack, "Identity", site=made.site)
    (domain,) = made.resources("AWS::Cognito::UserPoolDomain")
    assert domain["Properties"]["Domain"] == {
        "Fn::Join": ["", ["edges-cac1-", {"Ref": "AWS::AccountId"}, "-test"]]
    }


def test_the_token_endpoint_is_the_regions_own(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    identity = EdgeIdentity(made.stack, "Identity", site=made.site)
    assert identity.token_url == (
        "https://edges-caw1-123456789012-test.auth.ca-west-1.amazoncognito.com/oauth2/token"
    )


def test_secrets_are_granted_of_this_pool_only(make_stack: MakeStack) -> None:
    made = make_stack()
    identity = EdgeIdentity(made.stack, "Identity", site=made.site)
    identity.grant_secrets(iam.ManagedPolicy(made.stack, "Policy"))
    template = made.template()
    ((pool, _),) = template.find_resources("AWS::Cognito::UserPool").items()
    (policy,) = template.find_resources("AWS::IAM::ManagedPolicy").values()
    (statement,) = statements_of(policy)
    assert statement["Action"] == "cognito-idp:DescribeUserPoolClient"
    assert statement["Resource"] == {"Fn::GetAtt": [pool, "Arn"]}


def test_no_finding_is_left(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    EdgeIdentity(made.stack, "Identity", site=made.site)
    made.template()


def statements_of(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def site_of(suffix: str, region: str) -> Site:
    settings = Settings(environment_suffix=suffix, account="123456789012")
    return Site(settings, region_named(region, role="test"))
