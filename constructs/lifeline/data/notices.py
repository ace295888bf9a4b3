"""A rule of the region's event bus that tells a person: what the stores' services report about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from lifeline.foundation.alert_topics import AlertTopics, Severity
from lifeline.site import Site

AlertTargets = Mapping[Severity, sns.ITopic]
"""Topics of the user's own; a severity that is not in it is told to the application's, if there is one."""


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
    if topics is not None and severity in topics:
        topic_arn = topics[severity].topic_arn
    elif site.is_derived:
        return None
    else:
        topic_arn = AlertTopics.arn(site, severity)
    return events.CfnRule(
        scope,
        construct_id,
        name=site.names.regional_name(name, "rule"),
        description=description,
        event_pattern=dict(pattern),
        state=("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" if read_only_calls else "ENABLED"),
        targets=[events.CfnRule.TargetProperty(arn=topic_arn, id=severity.name)],
    )
