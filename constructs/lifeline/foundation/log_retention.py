"""How long logs are kept: the profile's days as the value that CloudWatch Logs takes."""

from __future__ import annotations

from aws_cdk import aws_logs as logs

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
