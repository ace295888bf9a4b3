"""How many event appliers run: more under load, never fewer by itself."""

from __future__ import annotations

from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from lifeline.application.service_roles import Service
from lifeline.capacity import OBSERVATIONS
from lifeline.site import Site

WARM_TASKS = 1
"""What a warm standby keeps: one member of the consumer group, signed in, waiting. A pilot light has none."""
CPU_PERCENT = 60
LAG_ADDS_ONE = 1_000
LAG_ADDS_TWO = 10_000
"""Records behind; the warning and the critical threshold of consumer lag (the customer's requirements)."""
COOLDOWN_SECONDS = 60
LAG_MINUTES = 2


class ApplierScaling(Construct):
    """Adds event applier tasks on CPU and on consumer lag; takes none away.

    How many tasks a region needs is runtime state: the recovery plan raises the count of the region that it
    makes active. So both policies only scale out, and the limits hold in both roles: at least the
    standby's one, at most as many as the busiest topic has partitions (one more would have nothing to read)
    or twice what the plan asks for. Whoever wants fewer tasks after a failback sets the count by hand; it
    stays.

    Covers: a backlog after an outage, growing load. Does not cover: a standby, which has neither load nor
    lag and stays at one task; a log that grows faster than its partitions can be applied (B9).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        cluster_name: str,
        service: ecs.FargateService,
        consumer_lag: cloudwatch.Metric,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        name = site.names.regional_name(Service.EVENT_APPLIER)
        plan = site.settings.capacity
        self.most_tasks = max(
            plan.applier_tasks, min(2 * plan.applier_tasks, plan.partitions[OBSERVATIONS])
        )
        target = autoscaling.CfnScalableTarget(
            self,
            "Tasks",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{cluster_name}/{name}",
            min_capacity=0 if site.settings.strategy.services_rest else WARM_TASKS,
            max_capacity=self.most_tasks,
        )
        target.node.add_dependency(service)
        autoscaling.CfnScalingPolicy(
            self,
            "Cpu",
            policy_name=f"{name}-cpu",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=(
                autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                    target_value=CPU_PERCENT,
                    disable_scale_in=True,
                    scale_out_cooldown=COOLDOWN_SECONDS,
                    predefined_metric_specification=(
                        autoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                            predefined_metric_type="ECSServiceAverageCPUUtilization"
                        )
                    ),
                )
            ),
        )
        lag = autoscaling.CfnScalingPolicy(
            self,
            "Lag",
            policy_name=f"{name}-lag",
            policy_type="StepScaling",
            scaling_target_id=target.ref,
            step_scaling_policy_configuration=(
                autoscaling.CfnScalingPolicy.StepScalingPolicyConfigurationProperty(
                    adjustment_type="ChangeInCapacity",
                    cooldown=COOLDOWN_SECONDS,
                    metric_aggregation_type="Maximum",
                    step_adjustments=[
                        _step(1, above=0, below=LAG_ADDS_TWO - LAG_ADDS_ONE),
                        _step(2, above=LAG_ADDS_TWO - LAG_ADDS_ONE),
                    ],
                )
            ),
        )
        self._trigger(name, consumer_lag, lag)

    def _trigger(
        self,
        name: str,
        consumer_lag: cloudwatch.Metric,
        policy: autoscaling.CfnScalingPolicy,
    ) -> None:
        """Starts the policy; it pages nobody. The alarm on lag that pages is the dashboards' (section 8)."""
        alarm = cloudwatch.Alarm(
            self,
            "Behind",
            alarm_name=f"scale-{name}",
            alarm_description=(
                "SCALING: event appliers are behind by 1,000 records or more; another task is started. "
                "Missing data changes nothing: a standby applies nothing and has no lag."
            ),
            metric=consumer_lag,
            threshold=LAG_ADDS_ONE,
            evaluation_periods=LAG_MINUTES,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.MISSING,
        )
        resource = alarm.node.default_child
        assert isinstance(resource, cloudwatch.CfnAlarm)
        resource.alarm_actions = [policy.ref]


def _step(
    tasks: int, *, above: int, below: int | None = None
) -> autoscaling.CfnScalingPolicy.StepAdjustmentProperty:
    """Bounds are counted from the alarm's threshold."""
    return autoscaling.CfnScalingPolicy.StepAdjustmentProperty(
        scaling_adjustment=tasks,
        metric_interval_lower_bound=above,
        metric_interval_upper_bound=below,
    )
