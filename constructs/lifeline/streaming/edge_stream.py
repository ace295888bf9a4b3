"""The edge buffer: a Kinesis stream of this region that holds 72 hours of events."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.lambdas.failover.plan import DETECT_BUDGET_SECONDS
from lifeline.site import Site
from lifeline.streaming.event_stream import (
    RETENTION_HOURS,
    EventStream,
    EventStreamAttributes,
    ImportedEventStream,
)

LEAST_RETENTION_HOURS = 24
MOST_RETENTION_HOURS = 8_760
"""Kinesis keeps records for a day at least and a year at most (service quota)."""


class EdgeStream(EventStream):
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
        site: Site | None = None,
        keys: Keys | None = None,
        stream_name: str | None = None,
        shard_count: int | None = None,
        retention_hours: int = RETENTION_HOURS,
        encryption_key: kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        """`shard_count`: what the load needs by default. `encryption_key`: that of `keys` for data."""
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        _check_retention(site, retention_hours)
        self._keys = keys
        self._encryption_key = encryption_key or keys.data
        site = site if stream_name is None else site.renamed(stream_name)
        self.retention_hours = retention_hours
        self.stream_name = stream_name or site.names.regional_name("edge-events", "stream")
        self.stream_arn = site.arn("kinesis", f"stream/{self.stream_name}")
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=self.stream_name,
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=shard_count or site.settings.capacity.shards,
            retention_period=Duration.hours(retention_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self._encryption_key,
            removal_policy=removal_policy,
        )
        acknowledge(
            self.stream,
            "AwsSolutions-KDS3",
            reason="Encrypted with the region's own key, which the rule takes for a weakness.",
        )
        self.incarnation = self._look_up_incarnation(site)

    @staticmethod
    def from_event_stream_attributes(
        scope: Construct, construct_id: str, attributes: EventStreamAttributes
    ) -> ImportedEventStream:
        """A stream that something else made."""
        return ImportedEventStream(scope, construct_id, attributes=attributes)

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
