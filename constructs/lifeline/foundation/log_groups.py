"""Log groups, and how long they are kept: the profile's days as the value that CloudWatch Logs takes."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from lifeline.foundation.keys import Keys
from lifeline.site import Site

RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
}


def retention_of(days: int) -> logs.RetentionDays:
    """Raises ValueError for a number of days that the service does not offer."""
    if days not in RETENTION:
        allowed = ", ".join(str(one) for one in RETENTION)
        raise ValueError(f"Logs cannot be kept for {days} days; allowed are {allowed}.")
    return RETENTION[days]


def log_group(
    scope: Construct, construct_id: str, *, site: Site, keys: Keys, name: str
) -> logs.LogGroup:
    """A log group as all of ours are: encrypted with the logs key, kept as the profile says, destroyable."""
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        encryption_key=keys.logs,
        retention=retention_of(site.settings.profile.log_retention_days),
        removal_policy=RemovalPolicy.DESTROY,
    )
