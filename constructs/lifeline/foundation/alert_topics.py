"""Where alarms, keepers and plans say that something is wrong: one topic a severity, in each region."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from lifeline.foundation.keys import Keys
from lifeline.site import Site

RULES = "events"
PUBLISHERS = ("cloudwatch", RULES, "backup")
"""The services that publish for this account: alarms, event rules, backup jobs. Roles publish by their
own policies."""


class Severity(StrEnum):
    """How soon a person must look."""

    CRITICAL = "critical"
    """Now: data or service is at risk."""
    WARNING = "warning"
    """In working hours: a margin shrinks."""

    @property
    def topic(self) -> str:
        """The resource type in the topic's name."""
        return "page" if self is Severity.CRITICAL else "notice"


AlertTargets = Mapping[Severity, sns.ITopic]
"""Topics of the user's own; a severity that is not in it is told to the application's, if there is one."""

DISPLAY = {Severity.CRITICAL: "Lifeline pages", Severity.WARNING: "Lifeline notices"}


class AlertTopics(Construct):
    """One encrypted topic a severity; both reach the address of `pageEmail` when there is one.

    Publishing takes TLS, and a service publishes only on behalf of this account.
    Covers: the loss of the other region (each region pages by itself). Does not cover: a person who does
    not confirm the subscription, or who sleeps through an e-mail.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site = site
        self._topics = {severity: self._topic(severity, keys) for severity in Severity}

    @staticmethod
    def arn(site: Site, severity: Severity) -> str:
        """The literal ARN of a region's topic: no export, also for the peer's."""
        return site.arn("sns", site.names.regional_name(severity.topic))

    def of(self, severity: Severity) -> sns.Topic:
        """The topic of `severity` in this region."""
        return self._topics[severity]

    def _topic(self, severity: Severity, keys: Keys) -> sns.Topic:
        site = self._site
        topic = sns.Topic(
            self,
            severity.name.capitalize(),
            topic_name=site.names.regional_name(severity.topic),
            display_name=DISPLAY[severity],
            master_key=keys.logs,
            enforce_ssl=True,
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PublishForThisAccount",
                principals=[
                    iam.ServicePrincipal(f"{one}.amazonaws.com")
                    for one in PUBLISHERS
                    if one != RULES
                ],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": site.account}},
            )
        )
        # Sources disagree on whether EventBridge sends the account; a condition that it does not meet
        # would silence every page that a rule sends.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RulesPublish",
                principals=[iam.ServicePrincipal(f"{RULES}.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
            )
        )
        if site.settings.page_email is not None:
            topic.add_subscription(subscriptions.EmailSubscription(site.settings.page_email))
        return topic


def topic_arn_for(site: Site, severity: Severity, topics: AlertTargets | None) -> str | None:
    """Whom to tell: `topics`, else the application's; None in a plain stack, which has none."""
    if topics is not None and severity in topics:
        return topics[severity].topic_arn
    return None if site.is_derived else AlertTopics.arn(site, severity)
