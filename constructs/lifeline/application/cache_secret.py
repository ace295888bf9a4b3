"""What the query API seals its cache's entries with."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.keys import Keys
from lifeline.site import Site

CHARACTERS = 64


class CacheSecret(Construct):
    """A secret of one region, which nobody but the query API reads, in the thread that talks to the cache.

    Covers: a cache, its snapshots or its slow log in wrong hands: entries are encrypted, and their names are
    keyed hashes. Does not cover: a task that is taken over, which has it. Whoever replaces it, and starts
    the tasks anew, has a cold cache and no more: entries last minutes, in snapshots of the cache 15 days.
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
        self.name = site.names.regional_name("cache-entries")
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            secret_name=self.name,
            description="What the query API seals its cache's entries with.",
            encryption_key=keys.secrets,
            removal_policy=RemovalPolicy.DESTROY,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_punctuation=True, password_length=CHARACTERS
            ),
        )
        acknowledge(
            self.secret,
            "AwsSolutions-SMG4",
            "SecretsManagerRotationEnabled",
            reason="It protects what lasts minutes, in snapshots 15 days, and opens no door: signing in to "
            "the cache is by IAM. A new value by hand and new tasks replace it, at the price of a cold one.",
        )
        acknowledge(
            self.secret,
            "LifelineContinuity-SecretWithoutReplica",
            reason="No entry of the other region counts here, by its epoch: each region has its own secret.",
        )
