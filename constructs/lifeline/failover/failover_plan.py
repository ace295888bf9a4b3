"""The recovery plan of one region: a state machine that makes its own region active."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from aws_cdk import Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.failover.watched_machine import DELIVERING, TRACED, logged_to
from lifeline.foundation.function import Function, allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.lambdas.failover.further_steps import PlanStep, plan_with
from lifeline.lambdas.failover.plan import (
    BUDGET_METADATA,
    Part,
    Step,
    plan_for,
    rto_budget_seconds,
    state_machine_definition,
)
from lifeline.lambdas.failover.plan_table import plan_table
from lifeline.site import Site


class FailoverPlan(Construct):
    """The table in `lambdas/failover/plan.py` as a Step Functions state machine; every step is one function.

    `parts` says what the region has beside its database: the plan has no step for what is not there.
    `services_rest`: its services have 0 tasks in the standby, and the plan waits until they run.
    `further_steps` are the user's own, for a store that Lifeline does not know: `step` calls their functions,
    and is allowed to. `budget_seconds` is what an
    unplanned failover may take with them, `runbook` their table in Markdown. Raises ValueError for a step
    that the plan cannot have, and for a plan that takes longer than the tier's RTO.

    Covers: a step that fails or hangs, before and after the point of no return (the table says how).
    Does not cover: the decision to start: the keeper's, or a person's.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        step: Function,
        keys: Keys | None = None,
        parts: Collection[Part] = tuple(Part),
        services_rest: bool = False,
        further_steps: Sequence[PlanStep] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        _require_own_region(site, further_steps)
        own = plan_for(parts, services_rest=services_rest, has_standby=site.has_standby)
        plan = plan_with(further_steps, own)
        self.budget_seconds = _budget_within_the_tier(site, plan)
        self.runbook = plan_table(plan)
        name = site.names.regional_name("failover-plan", "state-machine")
        self.state_machine_arn = site.arn("states", f"stateMachine:{name}")
        group = log_group(
            self,
            "Logs",
            site=site,
            keys=keys,
            name=f"/aws/vendedlogs/states/{name}",
        )
        role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name("failover-plan", "role"),
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
        )
        policy = iam.ManagedPolicy(self, "Policy", roles=[role])
        allow(policy, "CallSteps", ["lambda:InvokeFunction"], [step.function.function_arn])
        functions = dict.fromkeys(one.function_arn for one in plan if one.function_arn)
        if functions:
            step.allow("CallFurtherSteps", ["lambda:InvokeFunction"], list(functions))
        allow(
            policy,
            "DeliverLogsAndTraces",
            DELIVERING,
            ["*"],
        )
        acknowledge(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="Log delivery and X-Ray take no narrower resource.",
        )
        self.state_machine = stepfunctions.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type="STANDARD",
            role_arn=role.role_arn,
            definition_string=json.dumps(
                state_machine_definition(
                    step.function.function_arn, plan, partition=site.partition
                ),
                indent=1,
            ),
            logging_configuration=logged_to(group),
            tracing_configuration=TRACED,
        )
        self.state_machine.node.add_dependency(policy)
        # For the compliance report, which speaks of what was written.
        self.state_machine.add_metadata(BUDGET_METADATA, self.budget_seconds)

    def grant_look(self, grantee: iam.IGrantable) -> iam.Grant:
        """Look at any of its executions: whether a run that was started still runs (A17)."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["states:DescribeExecution"],
            resource_arns=[self.executions_arn],
        )

    @property
    def executions_arn(self) -> str:
        """The pattern of its executions' ARNs."""
        return self.state_machine_arn.replace(":stateMachine:", ":execution:", 1) + ":*"

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Start an execution: the keeper, or a person's role."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["states:StartExecution"],
            resource_arns=[self.state_machine_arn],
        )


def _budget_within_the_tier(site: Site, plan: Sequence[Step]) -> int:
    budget, tier = rto_budget_seconds(plan), site.settings.tier
    if budget > tier.rto_seconds:
        raise ValueError(
            f"The budgets of the plan's steps add up to {budget} s, above the RTO of {tier.rto_seconds} s "
            f"(tier {tier.name}); allowed is at most the RTO."
        )
    return budget


def _require_own_region(site: Site, further_steps: Sequence[PlanStep]) -> None:
    """A function elsewhere could not be called, or only while the region lives that may be lost."""
    for one in further_steps:
        if Token.is_unresolved(one.function_arn):
            continue
        region = one.function_arn.split(":")[3:4]
        if region != [site.region.name]:
            raise ValueError(
                f"The step {one.name!r} calls {one.function_arn}; allowed is the ARN of a function in "
                f"{site.region.name}, where the plan runs."
            )
