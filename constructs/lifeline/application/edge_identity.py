"""Who may call the API: machines, with client credentials of the region's own user pool."""

from __future__ import annotations

import hashlib

from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import allow
from lifeline.lambdas.contracts.query_api import READ_SCOPE
from lifeline.naming import HASH_DIGITS
from lifeline.site import Site

RESOURCE_SERVER = "events"
WRITE = "events/write"
READ = READ_SCOPE
EDGE_TOKEN_MINUTES = 60
"""The longer, the longer an edge outlives a token endpoint that is down: it renews at half of it."""
PLAN_TOKEN_MINUTES = 15
"""The recovery plan asks for a new one with each run."""
RESERVED_WORDS = ("aws", "amazon", "cognito")
"""What a domain prefix of Cognito may not contain."""


class EdgeIdentity(Construct):
    """A user pool without users: two clients, two scopes, a token endpoint.

    `events/write` lets a client post events, `events/read` lets it read events and the watermark. The
    edges' client and the recovery plan's are apart, so that either secret can be replaced alone.

    Covers: the loss of the other region, whose pool nothing here asks (a token is good in the region that
    gave it, so an edge holds one of each); a leaked token, which is worthless after an hour. Does not
    cover: a token endpoint that is down longer than a token lasts: events then wait on the edges' disks.
    """

    def __init__(self, scope: Construct, construct_id: str, *, site: Site | None = None) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self._site = site
        self.pool = self._pool()
        server = cognito.CfnUserPoolResourceServer(
            self,
            "Events",
            user_pool_id=self.pool.ref,
            identifier=RESOURCE_SERVER,
            name=site.names.regional_name(RESOURCE_SERVER),
            scopes=[
                _scope(WRITE, "Post events"),
                _scope(READ, "Read events and the watermark"),
            ],
        )
        self.edges = self._client("Edges", "edges", EDGE_TOKEN_MINUTES, server)
        self.plan = self._client("Plan", "failover-plan", PLAN_TOKEN_MINUTES, server)
        prefix = domain_prefix(site)
        # Made after the pool and deleted before it: a pool with a domain cannot be deleted.
        domain = cognito.CfnUserPoolDomain(
            self, "Domain", user_pool_id=self.pool.ref, domain=prefix, managed_login_version=1
        )
        for made in (server, self.edges, self.plan, domain):
            destroyable(made)
        self.token_url = f"https://{prefix}.auth.{site.region.name}.amazoncognito.com/oauth2/token"

    @property
    def issuer(self) -> str:
        """What tokens name as theirs; their keys are below it (`/.well-known/jwks.json`)."""
        return f"https://cognito-idp.{self._site.region.name}.amazonaws.com/{self.pool.ref}"

    @property
    def pool_id(self) -> str:
        """What `DescribeUserPoolClient` is asked with."""
        return self.pool.ref

    @property
    def pool_arn(self) -> str:
        """What an authorizer trusts."""
        return self.pool.attr_arn

    @property
    def plan_client_id(self) -> str:
        """The recovery plan's client."""
        return self.plan.ref

    def grant_secrets(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` read the clients' secrets of this region, to ask for tokens."""
        return allow(
            grantee, "ReadTheClientSecret", ["cognito-idp:DescribeUserPoolClient"], [self.pool_arn]
        )

    def _pool(self) -> cognito.CfnUserPool:
        protected = self._site.settings.deletion_protection
        pool = cognito.CfnUserPool(
            self,
            "Pool",
            user_pool_name=self._site.names.regional_name("edges"),
            user_pool_tier="ESSENTIALS",
            admin_create_user_config=cognito.CfnUserPool.AdminCreateUserConfigProperty(
                allow_admin_create_user_only=True
            ),
            # Nobody signs in; whoever adds a user by hand still meets these.
            mfa_configuration="ON",
            enabled_mfas=["SOFTWARE_TOKEN_MFA"],
            policies=cognito.CfnUserPool.PoliciesProperty(
                password_policy=cognito.CfnUserPool.PasswordPolicyProperty(
                    minimum_length=16,
                    require_lowercase=True,
                    require_uppercase=True,
                    require_numbers=True,
                    require_symbols=True,
                )
            ),
            deletion_protection="ACTIVE" if protected else "INACTIVE",
        )
        destroyable(pool)
        acknowledge(
            pool,
            "AwsSolutions-COG8",
            reason="The plus tier judges the sign-ins of users; this pool has none and only issues "
            "client credentials, which it does not look at.",
        )
        return pool

    def _client(
        self,
        construct_id: str,
        name: str,
        token_minutes: int,
        server: cognito.CfnUserPoolResourceServer,
    ) -> cognito.CfnUserPoolClient:
        client = cognito.CfnUserPoolClient(
            self,
            construct_id,
            user_pool_id=self.pool.ref,
            client_name=self._site.names.regional_name(name),
            generate_secret=True,
            allowed_o_auth_flows_user_pool_client=True,
            allowed_o_auth_flows=["client_credentials"],
            allowed_o_auth_scopes=[WRITE, READ],
            supported_identity_providers=["COGNITO"],
            explicit_auth_flows=[],
            access_token_validity=token_minutes,
            token_validity_units=cognito.CfnUserPoolClient.TokenValidityUnitsProperty(
                access_token="minutes"  # noqa: S106 - a unit of time
            ),
            enable_token_revocation=True,
            prevent_user_existence_errors="ENABLED",
        )
        # The scopes must be there: they are named by words, which make no dependency.
        client.add_resource_dependency(server)
        return client


def domain_prefix(site: Site) -> str:
    """`edges-{code}-{account}-{suffix}`: one namespace for all accounts of a region, at most 37 long.

    A suffix with a reserved word in it is replaced by digits of its hash. The account may be a token: it
    is written where CloudFormation puts twelve digits.
    """
    suffix = site.settings.environment_suffix
    if any(word in suffix for word in RESERVED_WORDS):
        suffix = hashlib.sha256(suffix.encode()).hexdigest()[:HASH_DIGITS]
    return f"edges-{site.region.code}-{site.account}-{suffix}"


def _scope(
    whole: str, description: str
) -> cognito.CfnUserPoolResourceServer.ResourceServerScopeTypeProperty:
    return cognito.CfnUserPoolResourceServer.ResourceServerScopeTypeProperty(
        scope_name=whole.partition("/")[2], scope_description=description
    )
