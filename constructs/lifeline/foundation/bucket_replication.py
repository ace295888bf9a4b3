"""The buckets of a region, copied to the peer's buckets of the same type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys, Purpose, RegionKeys
from lifeline.foundation.metric_options import MetricOptions, metric
from lifeline.foundation.provisioner import Provisioner
from lifeline.site import Site

REPLICATED: dict[str, Purpose | None] = {
    "access-log": None,
    "audit": Purpose.LOGS,
    "archive": Purpose.DATA,
    "evidence": Purpose.DATA,
}
"""Buckets that stand in both regions, and what the peer's copy is encrypted with (None: by S3 itself)."""

RULE = "ToThePeer"
"""The id of the one rule; a dimension of its metrics. The function writes it too."""


class BucketReplication(Construct):
    """Copies what is written here to the peer's bucket, under the peer's own key.

    Both regions have one, so each bucket holds what both wrote; S3 does not copy a copy again. Deletions
    stay where they happen. Covers: the loss of a region's buckets; a deletion, by mistake or by an attacker.
    Does not cover: what was written before (create the environment with it), the last minutes before a loss
    (most objects arrive within 15 minutes), a change to a copy's tags.

    A custom resource of the Replication stack and not a property of the buckets: S3 wants both buckets to
    exist, and no stack of a region may wait for the other. It compares before it writes, so that a deploy
    that changes nothing here makes no call that a dead peer could fail.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        buckets: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        unknown = [name for name in buckets if name not in REPLICATED]
        if unknown or not buckets:
            raise ValueError(
                f"The buckets {list(buckets)} cannot be replicated; allowed are one or more of "
                f"{', '.join(REPLICATED)}."
            )
        self._site, self._buckets = site, tuple(buckets)
        self.role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name("replicate-buckets", "role"),
            description="S3 copies objects to the peer's buckets (runs as this role)",
            assumed_by=iam.ServicePrincipal("s3.amazonaws.com"),
        )
        self.policy = iam.ManagedPolicy(self, "Policy", roles=[self.role])
        self._let_s3_read_and_copy()
        self._let_s3_encrypt_anew(keys)
        self._configure(keys)

    def metric_failed(self, bucket: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Objects of `bucket` that S3 gave up copying; S3 does not try again.

        S3 publishes it in the region that copies (Amazon S3 User Guide, "Using S3 Replication metrics").
        """
        own, peer = self._site, self._site.peer
        name = "OperationsFailedReplication"
        return self._metric(bucket, name, "Sum", source=own, destination=peer, **options)

    def metric_latency_seconds(
        self, bucket: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """How far the copy of the peer's `bucket` in this region is behind, at most.

        S3 publishes it in the region that is copied to (the same page): no figure of it is the peer's own.
        """
        own, peer = self._site, self._site.peer
        name = "ReplicationLatency"
        return self._metric(bucket, name, "Maximum", source=peer, destination=own, **options)

    def _metric(
        self,
        bucket: str,
        name: str,
        default: str,
        *,
        source: Site,
        destination: Site,
        **options: Unpack[MetricOptions],
    ) -> cloudwatch.Metric:
        if bucket not in self._buckets:
            raise ValueError(
                f"The bucket {bucket!r} is not replicated; allowed are {', '.join(self._buckets)}."
            )
        return metric(
            "AWS/S3",
            name,
            {
                "SourceBucket": source.names.global_name(bucket),
                "DestinationBucket": destination.names.global_name(bucket),
                "RuleId": RULE,
            },
            default_statistic=default,
            **options,
        )

    def _arns(self, site: Site) -> list[str]:
        return [site.bucket_arn(site.names.global_name(name)) for name in self._buckets]

    def _let_s3_read_and_copy(self) -> None:
        own = self._arns(self._site)
        read = [f"{arn}/*" for arn in own]
        written = [f"{arn}/*" for arn in self._arns(self._site.peer)]
        allow(self.policy, "FindVersions", ["s3:GetReplicationConfiguration", "s3:ListBucket"], own)
        allow(
            self.policy,
            "ReadVersions",
            [
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ],
            read,
        )
        allow(self.policy, "WriteCopies", ["s3:ReplicateObject", "s3:ReplicateTags"], written)
        acknowledge_pattern(
            self.policy,
            *read,
            *written,
            reason="Every object of these buckets is copied; the buckets' names are exact.",
        )

    def _let_s3_encrypt_anew(self, keys: Keys) -> None:
        purposes = sorted({found for name in self._buckets if (found := REPLICATED[name])})
        if not purposes:
            return
        site, peer = self._site, self._site.peer
        allow(
            self.policy,
            "DecryptHere",
            ["kms:Decrypt"],
            [keys.of(purpose).key_arn for purpose in purposes],
            {"StringEquals": {"kms:ViaService": f"s3.{site.region.name}.amazonaws.com"}},
        )
        # The id of the peer's key is not known here, and an alias is no resource of a policy: the
        # condition holds the keys that carry one of the aliases, and nothing else.
        aliases = [f"alias/{RegionKeys.alias(peer, purpose)}" for purpose in purposes]
        every_key = peer.arn("kms", "key/*")
        allow(
            self.policy,
            "EncryptThere",
            # Decrypt also there: the copy is encrypted with a bucket key, which S3 has to open first
            # ("Replicating encrypted objects", Amazon S3 User Guide). Without it each copy fails, in silence.
            ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
            [every_key],
            {
                "StringEquals": {"kms:ViaService": f"s3.{peer.region.name}.amazonaws.com"},
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases},
            },
        )
        acknowledge_pattern(
            self.policy,
            every_key,
            reason="The id of the peer's key is not known in this region; the condition on its alias "
            "holds the statement to that one key.",
        )

    def _configure(self, keys: Keys) -> None:
        site = self._site
        provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="bucket_replication",
            description="Replicates the region's buckets to the peer's",
            keys=keys,
        )
        provider.allow(
            "ConfigureReplication",
            ["s3:GetReplicationConfiguration", "s3:PutReplicationConfiguration"],
            self._arns(site),
        )
        provider.allow(
            "HandTheRoleToS3",
            ["iam:PassRole"],
            [self.role.role_arn],
            {"StringEquals": {"iam:PassedToService": "s3.amazonaws.com"}},
        )
        for name in self._buckets:
            made = provider.resource(
                name.title().replace("-", ""),
                resource_type="BucketReplication",
                properties={
                    "Bucket": site.names.global_name(name),
                    "PeerBucket": site.peer.names.global_name(name),
                    "PeerKey": self._peer_key(name),
                    "Role": self.role.role_arn,
                },
            )
            made.node.add_dependency(self.policy)
            if REPLICATED[name] is not None:
                acknowledge(
                    made.node.default_child or made,
                    "LifelineContinuity-KeyOfAnotherRegion",
                    reason="It encrypts the peer's copy, in the peer's own region; what is stored here is "
                    "encrypted with this region's key.",
                )

    def _peer_key(self, bucket: str) -> str:
        """The alias of the key that encrypts the copy, as an ARN; empty for S3's own encryption."""
        purpose = REPLICATED[bucket]
        if purpose is None:
            return ""
        peer = self._site.peer
        return peer.arn("kms", f"alias/{RegionKeys.alias(peer, purpose)}")
