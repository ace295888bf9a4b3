"""A rule of the region's event bus that tells a person: what the stores' services report about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_events as events
from constructs import Construct

from lifeline.foundation.alert_topics import AlertTargets, Severity, topic_arn_for
from lifeline.site import Site


def notice(
    scope: Construct,
    construct_id: str,
    *,
    site: Site,
    name: str,
    description: str,
    pattern: Mapping[str, Any],
    severity: Severity,
    read_only_calls: bool = False,
    topics: AlertTargets | None = None,
) -> events.CfnRule | None:
    """Send what matches `pattern` to the topic of `severity` in this region.

    `topics`: other ones than the application's. Where there is neither, nobody is told and no rule made.

    `read_only_calls`: also match calls that only read, which a rule does not see unless it says so; they
    arrive only where the account has a trail of management events in this region.
    """
    topic_arn = topic_arn_for(site, severity, topics)
    if topic_arn is None:
        return None
    return events.CfnRule(
        scope,
        construct_id,
        name=site.names.regional_name(name, "rule"),
        description=description,
        event_pattern=dict(pattern),
        state=("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" if read_only_calls else "ENABLED"),
        targets=[events.CfnRule.TargetProperty(arn=topic_arn, id=severity.name)],
    )
