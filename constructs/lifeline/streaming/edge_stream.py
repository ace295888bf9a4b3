"""The edge buffer: a Kinesis stream of this region that holds 72 hours of events."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.site import Site

RETENTION_HOURS = 72


class EdgeStream(Construct):
    """Covers: a log or a bridge that stands still for three days. Does not cover: the loss of the region
    before the bridge has read: edges keep what is not safe and send it again (section 6)."""

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, keys: Keys) -> None:
        super().__init__(scope, construct_id)
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=site.names.here("edge-events", "stream"),
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=site.settings.capacity.shards,
            retention_period=Duration.hours(RETENTION_HOURS),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=keys.data,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.stream_arn = site.arn("kinesis", f"stream/{site.names.here('edge-events', 'stream')}")
        self.stream_name = site.names.here("edge-events", "stream")
        acknowledge(
            self.stream,
            "AwsSolutions-KDS3",
            reason="Encrypted with the region's own key, which the rule takes for a weakness.",
        )
        provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="stream_incarnation",
            does="Looks up the stream's incarnation",
            keys=keys,
        )
        provider.allow("ReadTheStream", ["kinesis:DescribeStreamSummary"], [self.stream_arn])
        looked_up = provider.resource(
            "Incarnation",
            resource_type="StreamIncarnation",
            properties={"StreamName": self.stream.stream_name},
        )
        looked_up.node.add_dependency(self.stream)
        self.incarnation = looked_up.get_att_string("Incarnation")
