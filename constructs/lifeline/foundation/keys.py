"""The keys of one region, by purpose: each region encrypts with its own, under the same aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from lifeline.site import Site

WAITING_DAYS = 7
"""How long a deleted key can still be called back; the least that KMS allows."""

DEFAULT_ID = "LifelineKeys"
"""The construct in a stack that holds the keys which nobody gave."""

ENCRYPT_ACTIONS = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
)


class Purpose(StrEnum):
    """What a key encrypts."""

    DATA = "data"
    """Patient data: streams, logs of events, databases, caches, files, their backups."""
    LOGS = "logs"
    """Operations: log groups, trails, alert topics, queues. No patient data."""
    SECRETS = "secrets"
    """Credentials, and the environment of functions."""

    @property
    def alias(self) -> str:
        """The resource type in the key's alias."""
        return f"{self}-key"


class Keys:
    """The keys that a construct may encrypt with. The same interface for the owner and its users.

    Raises ValueError for a purpose that the region has no key for (the witness has none for data).
    """

    def __init__(self, by_purpose: Mapping[Purpose, kms.IKey]) -> None:
        self._by_purpose = dict(by_purpose)

    @staticmethod
    def or_default(scope: Construct, given: Keys | None = None) -> Keys:
        """`given`, else the keys of the stack of `scope`: made once, found by all in it."""
        if given is not None:
            return given
        stack = Stack.of(scope)
        made = stack.node.try_find_child(DEFAULT_ID)
        if made is None:
            # Not the application's names: they belong to the keys that it made itself.
            made = RegionKeys(stack, DEFAULT_ID, site=Site.derived(stack))
        found = {one: made.node.find_child(one.name.capitalize()) for one in Purpose}
        return Keys({one: key for one, key in found.items() if isinstance(key, kms.Key)})

    @property
    def data(self) -> kms.IKey:
        """For patient data."""
        return self.of(Purpose.DATA)

    @property
    def logs(self) -> kms.IKey:
        """For logs, trails, alert topics."""
        return self.of(Purpose.LOGS)

    @property
    def secrets(self) -> kms.IKey:
        """For credentials and settings."""
        return self.of(Purpose.SECRETS)

    def of(self, purpose: Purpose) -> kms.IKey:
        """The key of `purpose`."""
        if purpose not in self._by_purpose:
            there = ", ".join(sorted(one.name for one in self._by_purpose))
            raise ValueError(
                f"There is no key for {purpose.name} here; there are keys for {there}."
            )
        return self._by_purpose[purpose]

    def in_stack(self, scope: Construct) -> Keys:
        """The same keys in another stack of the region: by ARN, so that no grant edits their policy."""
        return Keys(
            {
                purpose: kms.Key.from_key_arn(scope, purpose.name.capitalize() + "Key", key.key_arn)
                for purpose, key in self._by_purpose.items()
            }
        )


class RegionKeys(Construct):
    """Customer-managed keys with yearly rotation, one a purpose.

    Covers: the loss of the other region, whose keys nothing here needs; a leak of what one key guards,
    which tells nothing of the others. Does not cover: the deletion of a key, which makes what it
    encrypted here unreadable; the waiting period is the only guard.

    Roles get their use of a key by their own policies; the key policies name the services that have none.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        purposes: Sequence[Purpose] = tuple(Purpose),
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self._site = site
        made = {purpose: self._key(purpose) for purpose in purposes}
        self.keys = Keys(made)
        if Purpose.LOGS in made:
            self._let_in_log_services(made[Purpose.LOGS])

    @staticmethod
    def alias(site: Site, purpose: Purpose) -> str:
        """The alias, the same in each region, without `alias/`."""
        return site.names.regional_name(purpose.alias, "alias")

    def _key(self, purpose: Purpose) -> kms.Key:
        return kms.Key(
            self,
            purpose.name.capitalize(),
            alias=self.alias(self._site, purpose),
            description=f"Encrypts {purpose.name.lower()} of Lifeline in this region.",
            enable_key_rotation=True,
            rotation_period=Duration.days(365),
            pending_window=Duration.days(WAITING_DAYS),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _let_in_log_services(self, key: kms.Key) -> None:
        site = self._site
        key.add_to_resource_policy(
            _statement(
                "LogGroupsOfThisRegion",
                f"logs.{site.region.name}.amazonaws.com",
                ENCRYPT_ACTIONS,
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": site.arn("logs", "*")}},
            )
        )
        here = {"StringEquals": {"aws:SourceAccount": site.account}}
        for sid, service, actions in (
            ("AlarmsPublish", "cloudwatch", ("kms:Decrypt", "kms:GenerateDataKey")),
            ("BackupsPublish", "backup", ("kms:Decrypt", "kms:GenerateDataKey")),
            ("TrailsEncrypt", "cloudtrail", ("kms:GenerateDataKey", "kms:DescribeKey")),
        ):
            key.add_to_resource_policy(_statement(sid, f"{service}.amazonaws.com", actions, here))
        # Without the account's condition, for the reason given in the topics' own policy.
        publish = ("kms:Decrypt", "kms:GenerateDataKey")
        key.add_to_resource_policy(_statement("RulesPublish", "events.amazonaws.com", publish, {}))


def _statement(
    sid: str, service: str, actions: Sequence[str], conditions: Mapping[str, object]
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(service)],
        actions=list(actions),
        resources=["*"],
        conditions=dict(conditions) or None,
    )
