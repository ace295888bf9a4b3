"""The log's volumes grow by themselves; they never shrink."""

from __future__ import annotations

from aws_cdk import aws_applicationautoscaling as scaling
from constructs import Construct

from lifeline.capacity import MOST_VOLUME_GIB, VOLUME_TARGET_PERCENT
from lifeline.site import Site

GROWTH = 4
"""The ceiling, as a multiple of the first size: a runaway producer must not buy disks without end."""


class LogStorage(Construct):
    """Covers: a log that fills more than its plan said. Does not cover: a burst that fills the rest of a
    volume within the six hours between two growths; the alarm on `metric_disk_used` comes before.

    The size in the cluster's template stays the first one: CloudFormation compares templates, so it does
    not undo a growth unless somebody changes that number.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, site: Site | None = None, cluster_arn: str
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        target = scaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="kafka",
            resource_id=cluster_arn,
            scalable_dimension="kafka:broker-storage:VolumeSize",
            min_capacity=1,
            max_capacity=min(MOST_VOLUME_GIB, GROWTH * site.settings.capacity.broker_volume_gib),
        )
        scaling.CfnScalingPolicy(
            self,
            "Policy",
            policy_name=site.names.regional_name("log-storage"),
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=(
                scaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                    predefined_metric_specification=(
                        scaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                            predefined_metric_type="KafkaBrokerStorageUtilization"
                        )
                    ),
                    target_value=VOLUME_TARGET_PERCENT,
                    disable_scale_in=True,
                )
            ),
        )
