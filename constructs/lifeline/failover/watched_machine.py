"""What both state machines have: everything logged, data included, and traced."""

from __future__ import annotations

from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as stepfunctions

DELIVERING = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
)
"""What the machine's role needs for it; none of them takes a narrower resource than `*`."""
TRACED = stepfunctions.CfnStateMachine.TracingConfigurationProperty(enabled=True)


def logged_to(
    group: logs.ILogGroup,
) -> stepfunctions.CfnStateMachine.LoggingConfigurationProperty:
    """Each event of each execution goes to `group`."""
    there = stepfunctions.CfnStateMachine.CloudWatchLogsLogGroupProperty(
        log_group_arn=group.log_group_arn
    )
    return stepfunctions.CfnStateMachine.LoggingConfigurationProperty(
        level="ALL",
        include_execution_data=True,
        destinations=[
            stepfunctions.CfnStateMachine.LogDestinationProperty(cloud_watch_logs_log_group=there)
        ],
    )
