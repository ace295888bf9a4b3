"""Every topic in objects, for as long as audits ask: the bucket, and who may write and read it."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.foundation.bucket import Bucket, BucketEmptying, Lifecycle
from lifeline.foundation.function import allow, policy_of
from lifeline.foundation.keys import Keys, Purpose
from lifeline.site import Site

INFREQUENT_DAYS, INSTANT_DAYS, DEEP_DAYS = 30, 90, 365
OBJECTS = "topics/*"


def archive_lifecycle(days: int) -> Lifecycle:
    """Colder with age, where objects live long enough for it, and gone after so many days."""

    def moves_after(moved: int) -> int | None:
        return moved if days > moved else None

    if days <= DEEP_DAYS:
        return Lifecycle(expire_days=days)
    return Lifecycle(
        infrequent_days=moves_after(INFREQUENT_DAYS),
        instant_archive_days=moves_after(INSTANT_DAYS),
        deep_archive_days=moves_after(DEEP_DAYS),
        expire_days=days,
    )


class TopicArchive(Construct):
    """The bucket that the region's archiver writes its own log to, record by record with headers (ADR 24).

    Covers: the log's retention (rule B22: past it the archive rebuilds the state), and a wrong deletion in
    the database. Each region archives its own log, and S3 copies each archive to the other region's bucket,
    so the loss of a region, or of a bucket, leaves a whole one. Does not cover: the last minutes, which lie
    in the log still. Objects are written once: their keys are taken, and versions keep what is deleted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        emptying: BucketEmptying,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self._keys = Keys.or_default(self, keys)
        self.kept_days = site.settings.profile.archive_days
        """How long an object stays."""
        self.bucket = Bucket(
            self,
            "Archive",
            site=site,
            keys=self._keys,
            name="archive",
            purpose=Purpose.DATA,
            emptying=emptying,
            access_log=Bucket.access_log_of(site),
            lifecycle=archive_lifecycle(self.kept_days),
        )

    @property
    def bucket_name(self) -> str:
        """The bucket's physical name."""
        return self.bucket.bucket_name

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """List and read objects."""
        found = allow(grantee, "ListTheArchive", ["s3:ListBucket"], [self.bucket.bucket_arn])
        read = allow(grantee, "ReadTheArchive", ["s3:GetObject"], [self.bucket.objects(OBJECTS)])
        key = allow(grantee, "DecryptTheArchive", ["kms:Decrypt"], [self._keys.data.key_arn])
        self._acknowledge(grantee)
        return found.combine(read).combine(key)

    def grant_bring_back(self, grantee: iam.IGrantable) -> iam.Grant:
        """Make cold objects readable for some days."""
        return allow(
            grantee, "BringBackTheArchive", ["s3:RestoreObject"], [self.bucket.objects(OBJECTS)]
        )

    def grant_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Write objects, and read where they end."""
        read = self.grant_read(grantee)
        # Once only: whatever runs there cannot put another object in one's place (Amazon S3 User Guide,
        # "Enforce conditional writes").
        write = allow(
            grantee,
            "WriteTheArchive",
            ["s3:PutObject"],
            [self.bucket.objects(OBJECTS)],
            {"Null": {"s3:if-none-match": "false"}},
        )
        key = allow(
            grantee, "EncryptTheArchive", ["kms:GenerateDataKey"], [self._keys.data.key_arn]
        )
        return read.combine(write).combine(key)

    def _acknowledge(self, grantee: iam.IGrantable) -> None:
        policy = policy_of(grantee)
        if policy is not None:
            acknowledge_pattern(
                policy,
                self.bucket.objects(OBJECTS),
                reason="Objects are named by the offsets of their records; the bucket is exact.",
            )
