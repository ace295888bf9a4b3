"""The edge buffer: a Kinesis stream of this region that holds 72 hours of events."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.lambdas.failover.plan import DETECT_BUDGET_SECONDS
from lifeline.site import Site

RETENTION_HOURS = 72
LEAST_RETENTION_HOURS = 24
MOST_RETENTION_HOURS = 8_760
"""Kinesis keeps records for a day at least and a year at most (service quota)."""


class EdgeStream(Construct):
    """Takes events at the region's edge; both regions' streams take them at every epoch (B12).

    Covers: a log or a bridge that stands still for three days. Does not cover: the loss of the region
    before the bridge has read: edges keep what is not safe and send it again (section 6).

    Metrics are of the whole stream. Those of single shards cost as much again each and are not turned on:
    the markers already measure every shard. Raises ValueError for a retention in which a failover could
    not even be detected and finished.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        keys: Keys,
        retention_hours: int = RETENTION_HOURS,
    ) -> None:
        super().__init__(scope, construct_id)
        _check_retention(site, retention_hours)
        self._keys = keys
        self.retention_hours = retention_hours
        self.stream_name = site.names.regional_name("edge-events", "stream")
        self.stream_arn = site.arn("kinesis", f"stream/{self.stream_name}")
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=self.stream_name,
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=site.settings.capacity.shards,
            retention_period=Duration.hours(retention_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=keys.data,
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(
            self.stream,
            "AwsSolutions-KDS3",
            reason="Encrypted with the region's own key, which the rule takes for a weakness.",
        )
        self.incarnation = self._look_up_incarnation(site)

    def grant_put(self, policy: iam.ManagedPolicy) -> None:
        """Let the holders of `policy` put records, and find the shards to put them into."""
        allow(
            policy,
            "PutIntoTheStream",
            [
                "kinesis:DescribeStreamSummary",
                "kinesis:ListShards",
                "kinesis:PutRecord",
                "kinesis:PutRecords",
            ],
            [self.stream_arn],
        )
        allow(policy, "EncryptTheStream", ["kms:GenerateDataKey"], [self._keys.data.key_arn])

    def grant_read(self, policy: iam.ManagedPolicy) -> None:
        """Let the holders of `policy` read every shard."""
        allow(
            policy,
            "ReadTheStream",
            [
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            [self.stream_arn],
        )
        allow(policy, "DecryptTheStream", ["kms:Decrypt"], [self._keys.data.key_arn])

    def metric_iterator_age(self) -> cloudwatch.Metric:
        """Milliseconds: how old the records were that the slowest reader was just given."""
        return self._metric("GetRecords.IteratorAgeMilliseconds", "Maximum")

    def metric_write_throttled(self) -> cloudwatch.Metric:
        """Records refused in a minute because a shard was full; their edges send them again."""
        return self._metric("WriteProvisionedThroughputExceeded", "Sum")

    def metric_incoming_records(self) -> cloudwatch.Metric:
        """Records taken in a minute, markers among them."""
        return self._metric("IncomingRecords", "Sum")

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/Kinesis",
            metric_name=name,
            dimensions_map={"StreamName": self.stream_name},
            statistic=statistic,
            period=Duration.minutes(1),
        )

    def _look_up_incarnation(self, site: Site) -> str:
        provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="stream_incarnation",
            description="Looks up the stream's incarnation",
            keys=self._keys,
        )
        provider.allow("ReadTheStream", ["kinesis:DescribeStreamSummary"], [self.stream_arn])
        looked_up = provider.resource(
            "Incarnation",
            resource_type="StreamIncarnation",
            properties={"StreamName": self.stream.stream_name},
        )
        looked_up.node.add_dependency(self.stream)
        return looked_up.get_att_string("Incarnation")


def _check_retention(site: Site, hours: int) -> None:
    settings = site.settings
    if not LEAST_RETENTION_HOURS <= hours <= MOST_RETENTION_HOURS:
        raise ValueError(
            f"Kinesis cannot keep records for {hours} h; allowed are {LEAST_RETENTION_HOURS} to "
            f"{MOST_RETENTION_HOURS} h."
        )
    needed = settings.tier.rto_seconds + DETECT_BUDGET_SECONDS
    if hours * 3_600 <= needed:
        raise ValueError(
            f"A retention of {hours} h does not outlast a failover, whose detection and RTO take "
            f"{needed} s (tier {settings.tier.name}); allowed is more than that."
        )
