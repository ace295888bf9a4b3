"""What breaks a region for a drill and heals it: a state machine, and what it flips."""

from __future__ import annotations

import json

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.failover.drill_machine import (
    LONG_AGO,
    NOTHING,
    POLICY_NAME,
    RULE_NUMBER,
    Breakable,
    definition,
    denial,
)
from lifeline.failover.watched_machine import DELIVERING, TRACED, logged_to
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.service_principal import service_principal
from lifeline.site import Site

DENIED_ACTION = "kinesis:PutRecords"
ENDED_BADLY = ("ABORTED", "FAILED", "TIMED_OUT")


class DrillBreaker(Construct):
    """Cuts the network between the region's subnets and denies its API the stream, for a time.

    `network_acl_id`: the ACL of every subnet. `cluster_name`: whose tasks are stopped.

    The stack makes what is flipped: two entries of the network's default ACL that let everything through,
    and an inline policy that denies nothing. A fault turns them; a heal puts back what stands here.

    Covers: a drill that dies, sleeps, is started twice or comes late (fault and heal are one execution); an
    execution that somebody stops, or that fails (a rule starts the heal); all of that at once, for the
    role (the denial carries its own end). Does not cover: a Step Functions that fails in the region while
    the fault is in force; `drill heal`, a destroyed stack or two calls by hand end it then.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        network_acl_id: str,
        cluster_name: str,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self._site, self._keys = site, Keys.or_default(self, keys)
        self._breakable = Breakable(
            network_acl_id=network_acl_id,
            role_name=site.names.cross_region_name("events-api", "role"),
            denied_action=DENIED_ACTION,
            cluster_name=cluster_name,
            partition=site.partition,
        )
        name = site.names.regional_name("drill", "state-machine")
        self.state_machine_arn = site.arn("states", f"stateMachine:{name}")
        self._made_healed()
        self._machine(name)
        self._heal_what_ends_badly()

    def _made_healed(self) -> None:
        for direction, egress in (("In", False), ("Out", True)):
            entry = ec2.CfnNetworkAclEntry(
                self,
                direction,
                network_acl_id=self._breakable.network_acl_id,
                rule_number=RULE_NUMBER,
                protocol=-1,
                rule_action="allow",
                egress=egress,
                cidr_block="0.0.0.0/0",
            )
            acknowledge(
                entry,
                "AwsSolutions-VPC3",
                reason="Lets through what the default entry lets through anyway; a drill turns it to deny.",
            )
        # A denial that is void; a drill gives it an end in the future.
        iam.CfnRolePolicy(
            self,
            "Denial",
            role_name=self._breakable.role_name,
            policy_name=POLICY_NAME,
            policy_document=denial(DENIED_ACTION, LONG_AGO),
        )

    def _machine(self, name: str) -> None:
        site, of = self._site, self._breakable
        group = log_group(
            self, "Logs", site=site, keys=self._keys, name=f"/aws/vendedlogs/states/{name}"
        )
        role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name("drill-breaker", "role"),
            description="Breaks this region for a drill, and heals it",
            assumed_by=service_principal("states.amazonaws.com", site),
        )
        policy = iam.ManagedPolicy(self, "Policy", roles=[role])
        acl = site.arn("ec2", f"network-acl/{of.network_acl_id}")
        tasks = site.arn("ecs", f"task/{of.cluster_name}/*")
        cluster = site.arn("ecs", f"cluster/{of.cluster_name}")
        allow(policy, "CutTheNetwork", ["ec2:ReplaceNetworkAclEntry"], [acl])
        allow(
            policy,
            "DenyTheRole",
            ["iam:PutRolePolicy"],
            [site.global_arn("iam", f"role/{of.role_name}")],
        )
        allow(
            policy,
            "FindTheTasks",
            ["ecs:ListTasks"],
            ["*"],
            {"ArnEquals": {"ecs:cluster": cluster}},
        )
        allow(policy, "StopTheTasks", ["ecs:StopTask"], [tasks])
        allow(
            policy,
            "DeliverLogs",
            DELIVERING,
            ["*"],
        )
        acknowledge_pattern(policy, tasks, reason="ECS names the tasks of this one cluster itself.")
        acknowledge(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="Log delivery and X-Ray take no narrower resource, and tasks are listed by a "
            "condition on their cluster.",
        )
        self.state_machine = stepfunctions.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type="STANDARD",
            role_arn=role.role_arn,
            definition_string=json.dumps(definition(of), indent=1),
            logging_configuration=logged_to(group),
            tracing_configuration=TRACED,
        )
        self.state_machine.node.add_dependency(policy)

    def _heal_what_ends_badly(self) -> None:
        """A stopped execution heals nothing by itself; this one's only word is `nothing`."""
        site = self._site
        role = iam.Role(
            self,
            "HealRole",
            role_name=site.names.cross_region_name("drill-heal", "role"),
            description="Starts the heal of a drill that was stopped",
            assumed_by=service_principal("events.amazonaws.com", site),
        )
        policy = iam.ManagedPolicy(self, "HealPolicy", roles=[role])
        allow(policy, "StartTheHeal", ["states:StartExecution"], [self.state_machine_arn])
        rule = events.CfnRule(
            self,
            "EndedBadly",
            name=site.names.regional_name("drill-heal", "rule"),
            description="Heals the region when an execution that broke it ended badly.",
            event_pattern={
                "source": ["aws.states"],
                "detail-type": ["Step Functions Execution Status Change"],
                "detail": {
                    "stateMachineArn": [self.state_machine_arn],
                    "status": list(ENDED_BADLY),
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Heal",
                    arn=self.state_machine_arn,
                    role_arn=role.role_arn,
                    input=json.dumps({"break": NOTHING}),
                )
            ],
        )
        rule.node.add_dependency(policy, self.state_machine)
