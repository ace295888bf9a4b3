"""A Kinesis stream of events, whoever made it: who may put and read, and how it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Unpack

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from constructs import Construct

from lifeline.foundation.function import allow
from lifeline.foundation.metric_options import MetricOptions, metric

RETENTION_HOURS = 72


class IEventStream(Protocol):
    """A stream of this region that takes events, made here or elsewhere."""

    @property
    def stream(self) -> kinesis.IStream:
        """The CDK's own stream."""

    @property
    def stream_name(self) -> str:
        """The name, known at synth."""

    @property
    def stream_arn(self) -> str:
        """The ARN, made of the name: it ties no stack to another."""

    @property
    def incarnation(self) -> str:
        """Which stream of this name it is: a stream that is made again reuses shard ids (B2)."""

    @property
    def retention_hours(self) -> int:
        """How long it keeps what nobody has read."""

    def grant_put(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` put records, and find the shards to put them into."""

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` read every shard."""

    def metric(self, name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Any metric that Kinesis publishes of this stream."""


class EventStream(Construct):
    """What a stream can do whether it was made here or not."""

    stream_name: str
    stream_arn: str
    incarnation: str
    retention_hours: int
    _encryption_key: kms.IKey | None

    def grant_put(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` put records, and find the shards to put them into."""
        made = allow(
            grantee,
            "PutIntoTheStream",
            [
                "kinesis:DescribeStreamSummary",
                "kinesis:ListShards",
                "kinesis:PutRecord",
                "kinesis:PutRecords",
            ],
            [self.stream_arn],
        )
        return self._with_key(made, grantee, "EncryptTheStream", "kms:GenerateDataKey")

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` read every shard."""
        made = allow(
            grantee,
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
        return self._with_key(made, grantee, "DecryptTheStream", "kms:Decrypt")

    def _with_key(
        self, made: iam.Grant, grantee: iam.IGrantable, sid: str, action: str
    ) -> iam.Grant:
        if self._encryption_key is None:
            return made
        return made.combine(allow(grantee, sid, [action], [self._encryption_key.key_arn]))

    def metric(self, name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Any metric that Kinesis publishes of this stream; the greatest value of a minute by default."""
        dimensions = {"StreamName": self.stream_name}
        return metric("AWS/Kinesis", name, dimensions, default_statistic="Maximum", **options)

    def metric_iterator_age(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Milliseconds: how old the records were that the slowest reader was just given."""
        return self.metric("GetRecords.IteratorAgeMilliseconds", **options)

    def metric_write_throttled(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Records refused in a minute because a shard was full; their edges send them again."""
        return self._sum("WriteProvisionedThroughputExceeded", **options)

    def metric_incoming_records(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Records taken in a minute, markers among them."""
        return self._sum("IncomingRecords", **options)

    def _sum(self, name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        chosen: MetricOptions = {"statistic": "Sum", **options}
        return self.metric(name, **chosen)


@dataclass(frozen=True, kw_only=True)
class EventStreamAttributes:
    """A stream that something else made."""

    stream_name: str
    incarnation: str
    """Its creation time, or what else tells it from a later stream of the same name (B2)."""
    encryption_key: kms.IKey | None = None
    """None: Kinesis' own key, which needs no grant."""
    retention_hours: int = RETENTION_HOURS


class ImportedEventStream(EventStream):
    """A stream known by its attributes; nothing is made."""

    def __init__(
        self, scope: Construct, construct_id: str, *, attributes: EventStreamAttributes
    ) -> None:
        super().__init__(scope, construct_id)
        self.stream_name, self.incarnation = attributes.stream_name, attributes.incarnation
        self.retention_hours = attributes.retention_hours
        self._encryption_key = attributes.encryption_key
        self.stream_arn = Stack.of(self).format_arn(
            service="kinesis", resource="stream", resource_name=attributes.stream_name
        )
        self.stream = kinesis.Stream.from_stream_attributes(
            self, "Stream", stream_arn=self.stream_arn, encryption_key=attributes.encryption_key
        )
