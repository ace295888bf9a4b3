"""Every topic to objects, for the seven years that audits ask for."""

from __future__ import annotations

from typing import Unpack

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.foundation.bucket import Bucket, BucketEmptying, Lifecycle
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys, Purpose
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.metric_options import MetricOptions, metric
from lifeline.site import Site
from lifeline.streaming.peer_log import matching
from lifeline.streaming.private_links import archive_reads
from lifeline.streaming.replicated_log import ReplicatedLog

SEVEN_YEARS_DAYS = 2_557
ARCHIVE_LIFECYCLE = Lifecycle(
    infrequent_days=30,
    instant_archive_days=90,
    deep_archive_days=365,
    expire_days=SEVEN_YEARS_DAYS,
)
BUFFER_SECONDS = 300
BUFFER_MIB = 128
NOT_REPLICATED = (
    "The one archive of both regions: the topics themselves go to the peer's log. With its region the "
    "archive is out of reach until the region is back."
)
"""Where there is a standby; without one the archive is replicated, as there is no other log."""
FROM_THE_BEGINNING = "1970-01-01T00:00:00Z"
"""Firehose's word for the earliest offset; left out it would begin when the stream is ready."""


class TopicArchive(Construct):
    """One delivery stream a marked topic into one bucket: a line a record, compressed, by topic and hour.

    Covers: the log's retention (rule B22: past it the archive rebuilds the state), and a wrong deletion
    in the database. Does not cover: the last five minutes, which lie in the buffer and still in the log;
    headers, which the service leaves out: what a record proved about its origin is in the log only.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        log: ReplicatedLog,
        keys: Keys | None = None,
        emptying: BucketEmptying,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        if log.private_links is None:
            raise ValueError(
                f"Firehose cannot reach brokers of class {site.settings.profile.broker_class} without "
                "private links; allowed are bigger ones than kafka.t3.small, with private_links=True."
            )
        self._site, self._log, self._links = site, log, log.private_links
        self.bucket = Bucket(
            self,
            "Archive",
            site=site,
            keys=keys,
            name="archive",
            purpose=Purpose.DATA,
            emptying=emptying,
            access_log=Bucket.access_log_of(site),
            lifecycle=ARCHIVE_LIFECYCLE,
            not_replicated=NOT_REPLICATED if site.has_standby else "",
        )
        self._group = log_group(
            self,
            "Logs",
            site=site,
            keys=keys,
            name=f"/lifeline/{site.names.regional_name('archive')}",
        )
        self._role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name("archive", "role"),
            assumed_by=iam.ServicePrincipal(
                "firehose.amazonaws.com",
                conditions={"StringEquals": {"sts:ExternalId": site.account}},
            ),
        )
        self._policy = self._may_deliver(keys)
        self.stream_names = {topic: self._deliver(topic, keys) for topic in log.partitions}

    @staticmethod
    def is_made(site: Site) -> bool:
        """Whether the profile archives and the region can. Both logs are the same set: where it cannot, the
        other region's archive, which is replicated here, has the same events."""
        return archive_reads(site)

    def metric_freshness(self, topic: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Seconds: the age of the oldest record of `topic` that is not in the bucket yet."""
        return metric(
            "AWS/Firehose",
            "DeliveryToS3.DataFreshness",
            {"DeliveryStreamName": self.stream_names[topic]},
            default_statistic="Maximum",
            **options,
        )

    def _may_deliver(self, keys: Keys) -> iam.ManagedPolicy:
        site, log = self._site, self._log
        policy = iam.ManagedPolicy(self, "Policy", roles=[self._role])
        bucket = self.bucket.bucket_arn
        objects, groups = self.bucket.objects(), matching(site, self._log, "group", "*")
        streams = site.arn(
            "logs", f"log-group:/lifeline/{site.names.regional_name('archive')}:log-stream:*"
        )
        allow(
            policy,
            "FindTheLog",
            [
                "kafka:DescribeCluster",
                "kafka:DescribeClusterV2",
                "kafka-cluster:Connect",
            ],
            [log.cluster_arn],
        )
        # Firehose's guide shows it on the cluster; the Service Authorization Reference ("Amazon Managed
        # Streaming for Apache Kafka") gives it no resource type, and then a statement must say "*".
        allow(policy, "FindTheBrokers", ["kafka:GetBootstrapBrokers"], ["*"])
        acknowledge(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="MSK defines no resource for reading a cluster's brokers.",
        )
        allow(
            policy,
            "ReadTopics",
            [
                "kafka-cluster:DescribeTopic",
                "kafka-cluster:DescribeTopicDynamicConfiguration",
                "kafka-cluster:ReadData",
            ],
            log.topic_arns(log.partitions),
        )
        allow(policy, "ReadWithItsOwnGroup", ["kafka-cluster:DescribeGroup"], [groups])
        allow(
            policy,
            "FindTheBucket",
            ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            [bucket],
        )
        allow(
            policy,
            "WriteObjects",
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            [objects],
        )
        allow(policy, "EncryptObjects", ["kms:Decrypt", "kms:GenerateDataKey"], [keys.data.key_arn])
        allow(policy, "WriteLogs", ["logs:PutLogEvents"], [streams])
        acknowledge_pattern(
            policy,
            objects,
            groups,
            streams,
            reason="Firehose names objects by their time and chooses its group and log streams itself; "
            "bucket, log and log group are exact.",
        )
        return policy

    def _deliver(self, topic: str, keys: Keys) -> str:
        site = self._site
        words = topic.split(".")
        name = site.names.regional_name("-".join(("archive", *words)), "rule")
        stream = firehose.CfnDeliveryStream(
            self,
            "".join(word.capitalize() for word in words),
            delivery_stream_name=name,
            delivery_stream_type="MSKAsSource",
            msk_source_configuration=firehose.CfnDeliveryStream.MSKSourceConfigurationProperty(
                authentication_configuration=(
                    firehose.CfnDeliveryStream.AuthenticationConfigurationProperty(
                        connectivity="PRIVATE", role_arn=self._role.role_arn
                    )
                ),
                msk_cluster_arn=self._log.cluster_arn,
                topic_name=topic,
                read_from_timestamp=FROM_THE_BEGINNING,
            ),
            extended_s3_destination_configuration=self._destination(topic, keys),
        )
        destroyable(stream)
        # Brokers must take links and the service be named by the cluster's policy, as long as it reads.
        stream.node.add_dependency(self._policy, self._links.policy)
        acknowledge(
            stream,
            "AwsSolutions-KDF1",
            reason="Server-side encryption is for streams that are put into; this one reads from the log, "
            "which is encrypted, over TLS, and writes objects encrypted with the region's own key.",
        )
        return name

    def _destination(
        self, topic: str, keys: Keys
    ) -> firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty:
        kinds = firehose.CfnDeliveryStream
        return kinds.ExtendedS3DestinationConfigurationProperty(
            bucket_arn=self.bucket.bucket_arn,
            role_arn=self._role.role_arn,
            prefix=f"topics/{topic}/!{{timestamp:yyyy/MM/dd/HH}}/",
            error_output_prefix=f"errors/{topic}/!{{firehose:error-output-type}}/"
            "!{timestamp:yyyy/MM/dd}/",
            compression_format="GZIP",
            buffering_hints=kinds.BufferingHintsProperty(
                interval_in_seconds=BUFFER_SECONDS, size_in_m_bs=BUFFER_MIB
            ),
            encryption_configuration=kinds.EncryptionConfigurationProperty(
                kms_encryption_config=kinds.KMSEncryptionConfigProperty(
                    awskms_key_arn=keys.data.key_arn
                )
            ),
            processing_configuration=kinds.ProcessingConfigurationProperty(
                enabled=True,
                processors=[
                    kinds.ProcessorProperty(
                        type="AppendDelimiterToRecord",
                        parameters=[
                            kinds.ProcessorParameterProperty(
                                parameter_name="Delimiter", parameter_value="\\n"
                            )
                        ],
                    )
                ],
            ),
            cloud_watch_logging_options=kinds.CloudWatchLoggingOptionsProperty(
                enabled=True,
                log_group_name=self._group.log_group_name,
                log_stream_name=self._stream_of(topic),
            ),
        )

    def _stream_of(self, topic: str) -> str:
        """A log stream of the topic's own: Firehose writes into none that it would have to make."""
        made = logs.CfnLogStream(
            self,
            "".join(word.capitalize() for word in topic.split(".")) + "Log",
            log_group_name=self._group.log_group_name,
            log_stream_name=topic,
        )
        return made.ref
