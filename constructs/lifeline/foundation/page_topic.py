"""The topic that pages a person: keepers, plans and alarms publish to the one of their own region."""

from __future__ import annotations

from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from lifeline.foundation.keys import Keys
from lifeline.site import Site


class PageTopic(Construct):
    """Covers: the loss of the other region. Does not cover: a person who does not confirm the e-mail."""

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, keys: Keys) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(
            self,
            "Topic",
            topic_name=site.names.here("page"),
            display_name="Lifeline pages",
            master_key=keys.logs,
            enforce_ssl=True,
        )
        if site.settings.page_email is not None:
            self.topic.add_subscription(subscriptions.EmailSubscription(site.settings.page_email))
