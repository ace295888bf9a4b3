"""Where a region keeps the evidence of its own recoveries."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.site import Site


class EvidenceBucket(Construct):
    """Versioned, encrypted with the region's key, TLS only, with an access log beside it.

    Covers: an overwritten record. Does not cover: the loss of the region (each keeps its own).
    Both buckets are emptied before they are deleted: nothing is retained by accident.
    """

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, keys: Keys) -> None:
        super().__init__(scope, construct_id)
        self.access_log = s3.Bucket(
            self,
            "AccessLog",
            bucket_name=site.names.worldwide("access-log"),
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.bucket_name = site.names.worldwide("evidence")
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=self.bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=keys.data,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=self.access_log,
            server_access_logs_prefix="evidence/",
            removal_policy=RemovalPolicy.DESTROY,
        )
        self._emptied_on_delete(site, keys)
        self._acknowledge()

    def _emptied_on_delete(self, site: Site, keys: Keys) -> None:
        provider = Provisioner(
            self,
            "Emptying",
            site=site,
            package="empty_bucket",
            does="Empties buckets before they are deleted",
            keys=keys,
        )
        names = {name: site.names.worldwide(name) for name in ("evidence", "access-log")}
        provider.allow(
            "ListVersions",
            ["s3:ListBucketVersions"],
            [f"arn:aws:s3:::{name}" for name in names.values()],
        )
        resources = [f"arn:aws:s3:::{name}/*" for name in names.values()]
        provider.allow("DeleteVersions", ["s3:DeleteObjectVersion", "s3:DeleteObject"], resources)
        reported = [
            one.replace(site.account, site.settings.account or "<AWS::AccountId>")
            for one in resources
        ]
        acknowledge(
            provider.policy,
            *(f"AwsSolutions-IAM5[Resource::{one}]" for one in reported),
            reason="Everything in these two buckets is to be deleted.",
        )
        for construct_id, bucket in (("Empty", self.bucket), ("EmptyAccessLog", self.access_log)):
            made = provider.resource(
                construct_id,
                resource_type="EmptyBucket",
                properties={"BucketName": bucket.bucket_name},
            )
            made.node.add_dependency(bucket)

    def _acknowledge(self) -> None:
        for bucket in (self.bucket, self.access_log):
            acknowledge(
                bucket,
                "S3BucketReplicationEnabled",
                reason="Each region writes the evidence of its own recoveries; the drill's report joins "
                "both.",
            )
        acknowledge(
            self.access_log,
            "S3BucketLoggingEnabled",
            "AwsSolutions-S1",
            reason="The access log itself: logging it would log its own writing.",
        )
        acknowledge(
            self.access_log,
            "S3DefaultEncryptionKMS",
            reason="S3 delivers access logs only to buckets with its own encryption.",
        )
