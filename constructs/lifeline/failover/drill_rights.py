"""What the drill pipeline may do to an environment that it deployed: activate it, drill it, heal it.

Every resource carries the suffix of such an environment; what takes no resource only reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.failover.pipeline_project import DrillProject
from lifeline.foundation.function import allow
from lifeline.site import Site


@dataclass(frozen=True)
class ExerciseRights:
    """Of the environments whose suffix is like `suffixes`, in the regions of `site` and its peer."""

    site: Site
    suffixes: str

    def give(self, project: DrillProject) -> None:
        """All that `lifeline activate` and `python -m drill aws` call, in two policies: one is too short."""
        self.give_heal(project)
        self._activate(project)
        more = iam.ManagedPolicy(project, "Further", roles=[project.role])
        project.project.node.add_dependency(more)
        self._alarms(more)
        self._drill(more)

    def give_heal(self, project: DrillProject) -> None:
        """What `python -m drill heal` calls, which `make destroy` runs first."""
        machine = self._regional("states", "stateMachine:drill-")
        executions = [
            one.arn("states", f"execution:drill-{self.suffixes}:*") for one in self._places()
        ]
        stacks = self._stacks("drill")
        project.allow("FindWhatBreaks", ["cloudformation:DescribeStacks"], stacks)
        project.allow("BreakAndHeal", ["states:StartExecution", "states:ListExecutions"], machine)
        project.allow(
            "FollowIt",
            ["states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"],
            executions,
        )
        project.acknowledge_pattern(
            *stacks, reason="CloudFormation puts an id of its own behind a stack's name."
        )
        project.acknowledge_pattern(*executions, reason="Each execution has a name of its own.")

    def _activate(self, project: DrillProject) -> None:
        tasks = self._regional("ecs", "task/services-", "/*")
        families = self._regional("ecs", "task-definition/migrate-", ":*")
        places = self._places()
        project.allow(
            "ReadAndMakeTheLease", ["dynamodb:GetItem", "dynamodb:PutItem"], [self._lease()]
        )
        project.allow(
            "ReadTheStates", ["dynamodb:Scan"], self._regional("dynamodb", "table/region-state-")
        )
        project.allow(
            "FindServices",
            ["ecs:DescribeServices"],
            self._regional("ecs", "service/services-", f"/event-applier-{self.suffixes}"),
        )
        project.allow("Migrate", ["ecs:RunTask"], families)
        project.allow("FollowTheMigrations", ["ecs:DescribeTasks"], tasks)
        project.allow(
            "FindTheMigrations",
            ["ecs:ListTasks"],
            ["*"],
            {"ArnLike": {"ecs:cluster": self._regional("ecs", "cluster/services-")}},
        )
        project.allow(
            "HandTheTaskItsRoles",
            ["iam:PassRole"],
            [
                one.global_arn("iam", f"role/{role}-{one.region.code}-{self.suffixes}")
                for one in places
                for role in ("services-start", "event-applier")
            ],
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        )
        project.allow(
            "AskTheRegions",
            ["lambda:InvokeFunction"],
            self._regional("lambda", "function:failover-step-"),
        )
        project.allow(
            "SeeWhatWasRun",
            ["states:ListExecutions"],
            self._regional("states", "stateMachine:failover-plan-"),
        )
        project.allow("FindThePlan", ["states:ListStateMachines"], ["*"])
        project.acknowledge_pattern(
            *tasks, *families, reason="ECS numbers tasks and revisions itself."
        )
        acknowledge(
            project.policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="Listing state machines takes no resource, and tasks are listed by a condition on their "
            "cluster.",
        )

    def _alarms(self, policy: iam.ManagedPolicy) -> None:
        """`lifeline activate` switches them on; the drill reads what they said."""
        stacks = self._stacks("observability")
        alarms = [one.arn("cloudwatch", "alarm:*") for one in self._places()]
        allow(
            policy,
            "SwitchTheAlarmsOn",
            ["cloudformation:UpdateStack", "cloudformation:DescribeStacks"],
            stacks,
        )
        allow(
            policy,
            "ReadTheAlarms",
            ["cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"],
            alarms,
        )
        own = [one.arn("cloudwatch", f"alarm:*-{self.suffixes}") for one in self._places()]
        allow(policy, "EvaluateThemAnew", ["cloudwatch:SetAlarmState"], own)
        acknowledge_pattern(
            policy,
            *stacks,
            *alarms,
            *own,
            reason="Alarms are listed by a pattern; only those of drills are set.",
        )

    def _drill(self, policy: iam.ManagedPolicy) -> None:
        pools = [one.arn("cognito-idp", "userpool/*") for one in self._places()]
        stacks = [
            one.arn("cloudformation", f"stack/*-{self.suffixes}/*")
            for one in (*self._places(), *self._witness())
        ]
        buckets = [
            one.bucket_arn(f"evidence-{one.region.code}-{one.account}-{self.suffixes}")
            for one in self._places()
        ]
        recorded = [f"{bucket}/recover-*" for bucket in buckets]
        keys = [one.arn("kms", "key/*") for one in self._places()]
        allow(
            policy,
            "BeAnEdge",
            ["cognito-idp:DescribeUserPoolClient"],
            pools,
            {"StringLike": {"aws:ResourceTag/Environment": self.suffixes}},
        )
        allow(
            policy,
            "SayWhatIsDeployed",
            ["cloudformation:GetTemplate", "cloudformation:ListStackResources"],
            stacks,
        )
        allow(policy, "FindTheStacks", ["cloudformation:ListStacks"], ["*"])
        steps = [
            one.arn("states", f"execution:failover-plan-{self.suffixes}:*")
            for one in self._places()
        ]
        allow(policy, "SeeThePlansSteps", ["states:GetExecutionHistory"], steps)
        allow(policy, "FindTheTimelines", ["s3:ListAllMyBuckets"], ["*"])
        allow(policy, "ListTheTimelines", ["s3:ListBucket"], buckets)
        allow(policy, "ReadTheTimelines", ["s3:GetObject"], recorded)
        allow(
            policy,
            "DecryptTheTimelines",
            ["kms:Decrypt"],
            keys,
            {"ForAnyValue:StringLike": {"kms:ResourceAliases": f"alias/*-{self.suffixes}"}},
        )
        acknowledge_pattern(
            policy,
            *pools, *stacks, *recorded, *keys, *steps,
            reason="Services make these ids up; each is bound to a drill's environment by its name, its tag "
            "or its alias.",
        )  # fmt: skip
        acknowledge(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="Listing buckets and stacks takes no resource.",
        )

    def _places(self) -> tuple[Site, Site]:
        return (self.site, self.site.peer)

    def _witness(self) -> tuple[Site, ...]:
        witness = self.site.settings.witness
        return () if witness is None else (Site(self.site.settings, witness),)

    def _regional(self, service: str, head: str, tail: str = "") -> list[str]:
        return [one.arn(service, f"{head}{self.suffixes}{tail}") for one in self._places()]

    def _stacks(self, kind: str) -> list[str]:
        return [
            one.arn("cloudformation", f"stack/{kind}-{one.region.code}-{self.suffixes}/*")
            for one in self._places()
        ]

    def _lease(self) -> str:
        where = self.site.settings.witness or self.site.settings.home
        site = self.site
        return (
            f"arn:{site.partition}:dynamodb:{where.name}:{site.account}:table/lease-{self.suffixes}"
        )
