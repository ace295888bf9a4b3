"""A Lambda function with its own role, its own encrypted log group and a cap on its concurrency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import jsii
from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.foundation.code import HANDLER_MODULE, functions_code
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.zones import workload_subnets
from lifeline.lambdas.contracts import Contract
from lifeline.site import Site

RUNTIME = lambda_.Runtime("python3.14", lambda_.RuntimeFamily.PYTHON)
NETWORK_INTERFACE_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a function runs that must reach a store, and in which groups. By default in private subnets."""

    vpc: ec2.IVpc
    security_groups: Sequence[ec2.ISecurityGroup]
    vpc_subnets: ec2.SubnetSelection | None = None


@dataclass(frozen=True, kw_only=True)
class Size:
    """What one run may use, and how many runs there may be at once (reserved: nobody else's either)."""

    memory_mib: int
    timeout_seconds: int
    concurrency: int


@jsii.implements(iam.IGrantable)
class Function(Construct):
    """One function of the shared asset; `{package}.handler.handler` is its entry.

    Covers: a noisy neighbour in the account (its concurrency is reserved) and an unbounded wait (its
    timeout). Does not cover: events lost before the function starts; callers own their retries.
    `allow` writes into one customer-managed policy, as does any grant that is given the function. The
    environment is what `contract` writes and nothing else. Raises ValueError for neither or both of
    `contract` and `environment`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        package: str,
        description: str,
        contract: Contract | None = None,
        environment: Mapping[str, str] | None = None,
        size: Size,
        keys: Keys | None = None,
        placement: Placement | None = None,
        layers: Sequence[lambda_.ILayerVersion] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        name = site.names.regional_name(package.replace("_", "-"), "function")
        self.logs = log_group(
            self,
            "Logs",
            site=site,
            keys=keys,
            name=f"/aws/lambda/{name}",
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name(package.replace("_", "-"), "role"),
            description=f"{description} (runs as this role)",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            roles=[self.role],
            statements=[
                iam.PolicyStatement(
                    sid="WriteLogs",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[site.arn("logs", f"log-group:/aws/lambda/{name}:log-stream:*")],
                )
            ],
        )
        acknowledge_pattern(
            self.policy,
            site.arn("logs", f"log-group:/aws/lambda/{name}:log-stream:*"),
            reason="Lambda names the log streams of the one log group itself.",
        )
        if placement is not None:
            self._allow_network_interfaces()
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=description,
            code=lambda_.Code.from_asset(functions_code()),
            handler=f"{HANDLER_MODULE.format(package=package)}.handler",
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=size.memory_mib,
            timeout=Duration.seconds(size.timeout_seconds),
            reserved_concurrent_executions=size.concurrency,
            role=self.role.without_policy_updates(),
            log_group=self.logs,
            layers=list(layers) or None,
            vpc=placement.vpc if placement else None,
            vpc_subnets=(
                workload_subnets(self, placement.vpc, placement.vpc_subnets) if placement else None
            ),
            security_groups=list(placement.security_groups) if placement else None,
            environment=_variables(site, package, contract, environment),
            environment_encryption=keys.secrets,
        )
        self.function.node.add_dependency(self.policy)
        if placement is None:
            acknowledge(
                self.function,
                "LambdaInsideVPC",
                reason="Calls only public AWS endpoints or the public API; a network would add a way "
                "to fail and hide what edges see.",
            )

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """Who a grant is for: what it allows goes into the managed policy, never in line."""
        return self.policy.grant_principal

    def allow(
        self,
        sid: str,
        actions: Sequence[str],
        resources: Sequence[str],
        conditions: Mapping[str, object] | None = None,
    ) -> iam.Grant:
        """Let the function do `actions` on `resources`; wildcard actions are refused."""
        return allow(self.policy, sid, actions, resources, conditions)

    def without_dead_letters(self, reason: str) -> None:
        """Acknowledge that no dead-letter queue is attached, with the reason."""
        acknowledge(self.function, "LambdaDLQ", reason=reason)

    def _allow_network_interfaces(self) -> None:
        self.policy.add_statements(
            iam.PolicyStatement(
                sid="JoinTheNetwork", actions=list(NETWORK_INTERFACE_ACTIONS), resources=["*"]
            )
        )
        acknowledge(
            self.policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="Lambda makes and finds its network interfaces with the function's role before they have "
            "an id.",
        )


def _variables(
    site: Site, package: str, contract: Contract | None, environment: Mapping[str, str] | None
) -> dict[str, str]:
    if contract is not None and environment is None:
        return contract.to_env()
    if environment is None or contract is not None:
        raise ValueError(
            f"The function {package} takes its environment from contract or from environment: one of "
            f"them, got {'neither' if contract is None else 'both'}."
        )
    return {
        "SUFFIX": site.settings.environment_suffix,
        "POWERTOOLS_SERVICE_NAME": package.replace("_", "-"),
        **environment,
    }


def allow(
    grantee: iam.IGrantable,
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: Mapping[str, object] | None = None,
) -> iam.Grant:
    """Let `grantee` do `actions` on `resources`, in one statement that `sid` names.

    A customer-managed policy is a grantee, too: the statement goes into it. Raises ValueError for a
    wildcard action.
    """
    for action in actions:
        if "*" in action:
            raise ValueError(f"Action {action!r} of {sid} has a wildcard; name each action.")
    made = iam.Grant.add_to_principal(
        grantee=grantee,
        actions=list(actions),
        resource_arns=list(resources),
        conditions=cast("Mapping[str, Mapping[str, object]] | None", conditions),
    )
    for statement in made.principal_statements:
        statement.sid = sid
    return made


def policy_of(grantee: iam.IGrantable) -> iam.ManagedPolicy | None:
    """The customer-managed policy that a grant to `grantee` is written into; None for anybody else's role."""
    if isinstance(grantee, Function):
        return grantee.policy
    return grantee if isinstance(grantee, iam.ManagedPolicy) else None
