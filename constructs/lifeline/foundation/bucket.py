"""Buckets as all of Lifeline has them, and the one function of a region that empties them on delete."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import CustomResource, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.foundation.function import allow, policy_of
from lifeline.foundation.keys import Keys, Purpose
from lifeline.foundation.provisioner import SERVICE_TIMEOUT_SECONDS, Provisioner
from lifeline.site import Site

ACCESS_LOG = "access-log"
BUCKETS = (ACCESS_LOG, "audit", "archive", "evidence", "pipeline")
"""The resource type of every bucket of a region: what may be emptied, and nothing else."""

LEAST_DAYS_BEFORE_INFREQUENT = 30
"""S3 moves nothing to Standard-IA before (lifecycle constraints of the S3 user guide)."""


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """What happens to an object after so many days; None is never.

    Raises ValueError for days that do not grow from one class to the next, or an expiry before the last.
    """

    infrequent_days: int | None = None
    """To STANDARD_IA."""
    instant_archive_days: int | None = None
    """To GLACIER_IR: milliseconds to read, cheaper to keep."""
    deep_archive_days: int | None = None
    """To DEEP_ARCHIVE: up to 12 hours to read."""
    expire_days: int | None = None
    noncurrent_days: int = 30
    """An overwritten or deleted version is kept for so long."""
    abandoned_upload_days: int = 7
    """A multipart upload that nobody finished is dropped after so long."""

    def __post_init__(self) -> None:
        moves = [days for _, days in self.moves]
        if moves and moves[0] < LEAST_DAYS_BEFORE_INFREQUENT and self.infrequent_days is not None:
            raise ValueError(
                f"An object cannot move to STANDARD_IA after {moves[0]} days; allowed are "
                f"{LEAST_DAYS_BEFORE_INFREQUENT} and more."
            )
        order = [*moves, *([] if self.expire_days is None else [self.expire_days])]
        if order != sorted(set(order)):
            raise ValueError(
                f"The days of a lifecycle are {order}; allowed are days that grow from class to class "
                "and to the expiry."
            )

    @property
    def moves(self) -> list[tuple[s3.StorageClass, int]]:
        """The colder classes, and after how many days."""
        chosen = (
            (s3.StorageClass.INFREQUENT_ACCESS, self.infrequent_days),
            (s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, self.instant_archive_days),
            (s3.StorageClass.DEEP_ARCHIVE, self.deep_archive_days),
        )
        return [(storage, days) for storage, days in chosen if days is not None]

    def rule(self) -> s3.LifecycleRule:
        """The one rule of a bucket."""
        return s3.LifecycleRule(
            id="Lifecycle",
            transitions=[
                s3.Transition(storage_class=storage, transition_after=Duration.days(days))
                for storage, days in self.moves
            ]
            or None,
            expiration=None if self.expire_days is None else Duration.days(self.expire_days),
            noncurrent_version_expiration=Duration.days(self.noncurrent_days),
            abort_incomplete_multipart_upload_after=Duration.days(self.abandoned_upload_days),
        )


class BucketEmptying(Provisioner):
    """Empties the buckets of its region, all versions of them, before CloudFormation deletes them.

    Covers: an environment that could not be destroyed because a bucket holds something; an update that
    drops or renames a resource, which erases nothing (the function asks whether the stack itself goes, and
    CloudFormation keeps a bucket that is not empty). Does not cover:
    more versions than one run deletes (about a million in five minutes): the delete then fails, says how
    many went, and goes on where it stopped when it is repeated.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            site=site,
            package="empty_bucket",
            description="Empties buckets before they are deleted",
            keys=keys,
        )
        site = Site.of(self, site)
        buckets = [site.bucket_arn(site.names.global_name(name)) for name in BUCKETS]
        everything = [f"{bucket}/*" for bucket in buckets]
        self.allow("ListVersions", ["s3:ListBucketVersions"], buckets)
        self.allow("DeleteVersions", ["s3:DeleteObject", "s3:DeleteObjectVersion"], everything)
        acknowledge_pattern(
            self.policy,
            *everything,
            reason="Everything in these buckets is deleted with its stack; the names are exact.",
        )
        stacks = site.arn("cloudformation", f"stack/{site.names.cross_region_name('*', 'stack')}/*")
        self.allow("SeeWhetherTheStackGoes", ["cloudformation:DescribeStacks"], [stacks])
        acknowledge_pattern(
            self.policy,
            stacks,
            reason="Buckets of several stacks of this environment and region are emptied; the service "
            "makes up the end of a stack's ARN. Only a stack's description can be read.",
        )


class Bucket(Construct):
    """Private, versioned, TLS only, encrypted with the region's key, its reads and writes logged.

    Covers: an overwritten or deleted object (its version stays for `Lifecycle.noncurrent_days`), a request
    without TLS, a public policy or ACL. Does not cover: the loss of the region; `BucketReplication` does.
    `purpose` chooses the key; None is S3's own encryption, which only the access log takes. The log goes to
    the bucket named by `access_log` under `{name}/`. `not_replicated` is the reason why the peer has no copy;
    without one the Replication stack makes it. On delete the bucket's policy goes first, so that no
    log service writes any more, then its content, then the bucket.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        name: str,
        purpose: Purpose | None,
        emptying: BucketEmptying,
        access_log: str | None,
        lifecycle: Lifecycle | None = None,
        not_replicated: str = "",
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        if name not in BUCKETS:
            raise ValueError(
                f"Nothing may empty a bucket {name!r}; allowed are {', '.join(BUCKETS)}."
            )
        if name != ACCESS_LOG and (purpose is None or access_log is None):
            raise ValueError(
                f"The bucket {name!r} was given no key's purpose or no access log; only the access log "
                "itself has neither."
            )
        self._site, self._name = site, name
        self._key = None if purpose is None else keys.of(purpose)
        self.bucket_name = site.names.global_name(name)
        self.bucket_arn = site.bucket_arn(self.bucket_name)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=self.bucket_name,
            encryption=s3.BucketEncryption.KMS if self._key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self._key,
            bucket_key_enabled=True if self._key else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[(lifecycle or Lifecycle()).rule()],
            removal_policy=RemovalPolicy.DESTROY,
        )
        made = self.bucket.node.default_child
        assert isinstance(made, s3.CfnBucket)
        if access_log is not None:
            # Not by the L2: it would write each bucket's ARN into the log bucket's policy, in another stack.
            made.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=access_log, log_file_prefix=f"{name}/"
            )
        self._emptied_on_delete(made, emptying)
        self._acknowledge(not_replicated)

    @staticmethod
    def access_log_of(site: Site) -> str:
        """The name of the region's access-log bucket, which the Foundation stack makes."""
        return site.names.global_name(ACCESS_LOG)

    def objects(self, pattern: str = "*") -> str:
        """The ARN of the objects whose keys match `pattern`."""
        return f"{self.bucket_arn}/{pattern}"

    def grant_put(
        self, grantee: iam.IGrantable, pattern: str = "*", *, reason: str | None = None
    ) -> iam.Grant:
        """Let `grantee` write the objects that match `pattern`; `reason` for its wildcard."""
        return self._grant(
            grantee, "Write", ["s3:PutObject"], ["kms:GenerateDataKey"], pattern, reason
        )

    def grant_get(
        self, grantee: iam.IGrantable, pattern: str = "*", *, reason: str | None = None
    ) -> iam.Grant:
        """Let `grantee` read the objects that match `pattern`; `reason` for its wildcard."""
        return self._grant(grantee, "Read", ["s3:GetObject"], ["kms:Decrypt"], pattern, reason)

    def _grant(
        self,
        grantee: iam.IGrantable,
        verb: str,
        actions: list[str],
        key_actions: list[str],
        pattern: str,
        reason: str | None,
    ) -> iam.Grant:
        what = f"{verb}{self._name.title().replace('-', '')}"
        made = allow(grantee, what, actions, [self.objects(pattern)])
        if self._key is not None:
            made = made.combine(allow(grantee, f"{what}Key", key_actions, [self._key.key_arn]))
        policy = policy_of(grantee)
        if policy is not None and "*" in pattern and reason is not None:
            acknowledge_pattern(policy, self.objects(pattern), reason=reason)
        return made

    def _emptied_on_delete(self, bucket: s3.CfnBucket, emptying: BucketEmptying) -> None:
        emptied = CustomResource(
            self,
            "Emptied",
            service_token=emptying.function.function_arn,
            resource_type="Custom::EmptyBucket",
            properties={"BucketName": self.bucket_name},
            service_timeout=Duration.seconds(SERVICE_TIMEOUT_SECONDS),
            removal_policy=RemovalPolicy.DESTROY,
        )
        emptied.node.add_dependency(bucket, emptying.policy)
        assert self.bucket.policy is not None
        self.bucket.policy.node.add_dependency(emptied)

    def _acknowledge(self, not_replicated: str) -> None:
        acknowledge(
            self.bucket,
            "S3BucketReplicationEnabled",
            reason=not_replicated
            or "Replicated to the peer by a custom resource of the Replication stack, once both "
            "buckets exist (lifeline.foundation.bucket_replication); templates cannot show it.",
        )
        if self._name == ACCESS_LOG:
            acknowledge(
                self.bucket,
                "S3BucketLoggingEnabled",
                "AwsSolutions-S1",
                reason="The access log itself: logging it would log its own writing.",
            )
            acknowledge(
                self.bucket,
                "S3DefaultEncryptionKMS",
                reason="S3 delivers access logs only to buckets with its own encryption.",
            )
