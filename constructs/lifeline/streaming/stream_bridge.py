"""The bridge from the edge buffer to the log, and the event source mapping that must never discard."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from lifeline.foundation.code import native_layer_code
from lifeline.foundation.function import RUNTIME, Function, Placement, Size
from lifeline.foundation.item_table import ItemTable, TableReference
from lifeline.foundation.keys import Keys
from lifeline.lambdas.contracts import stream_bridge as contracts
from lifeline.lambdas.contracts.log import LogAddress
from lifeline.site import Site
from lifeline.streaming.event_stream import IEventStream
from lifeline.streaming.kafka_log import IReplicatedLog

BATCH_RECORDS = 1_000
BATCHING_WINDOW_SECONDS = 0
FOREVER = -1
ITERATOR_AGE_PAGE_SHARE = 0.25
"""Rule B5: a quarter of the retention is the last moment to find out."""


class CountsTable(ItemTable):
    """What the bridge wrote of each shard since the last marker (B8).

    Covers: a bridge that dies between two markers. Does not cover: the loss of the table; the chain of
    markers begins anew then, and the watermark stands still at a hole that readers name. Closed shards
    expire.
    """

    def __init__(self, scope: Construct, construct_id: str, *, site: Site | None = None) -> None:
        site = Site.of(scope, site)
        super().__init__(
            scope,
            construct_id,
            site=site,
            reference=TableReference.regional(site, "bridge-counts"),
            not_backed_up="A count that is restored would count records twice: it belongs to its moment.",
            time_to_live_attribute="expires_at",
        )


class StreamBridge(Construct):
    """Runs in both regions at every epoch (B12).

    Covers: a poisoned record (the bridge rejects it itself), a log that is away (the batch is repeated
    for as long as the stream keeps it). Does not cover: a bridge that stands still longer than the
    stream's retention; a page at a quarter of it comes first.
    """

    BEHIND_ALARM = "bridge-behind"
    """That page's alarm, without the suffix."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        stream: IEventStream,
        log: IReplicatedLog,
        keys: Keys | None = None,
        page_topic: sns.ITopic | None = None,
    ) -> None:
        """Raises ValueError for surroundings in which it could not run.

        `vpc_subnets`: private ones by default. `security_groups`: what the log lets in; by default one of
            its own, which is let in. `page_topic`: who is told that it stands still; by default nobody.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self.layer = lambda_.LayerVersion(
            self,
            "NativePackages",
            layer_version_name=site.names.regional_name("native-packages"),
            description="confluent-kafka, jsonschema-rs and orjson for arm64",
            code=lambda_.Code.from_asset(native_layer_code()),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[lambda_.Architecture.ARM_64],
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.counts = CountsTable(self, "Counts", site=site)
        self.bridge = Function(
            self,
            "Bridge",
            site=site,
            package="stream_bridge",
            description="Validates events and writes them to the log, markers behind them",
            contract=contracts.StreamBridge(
                log=LogAddress(bootstrap=log.bootstrap, auth="iam", partitions=log.partitions),
                stream_name=stream.stream_name,
                counts_table=self.counts.table_name,
                breaker="on" if site.settings.breaker else "off",
            ),
            size=Size(
                memory_mib=1_024,
                timeout_seconds=60,
                concurrency=site.settings.capacity.bridge_concurrency,
            ),
            keys=keys,
            placement=Placement(
                vpc=vpc,
                vpc_subnets=vpc_subnets,
                security_groups=security_groups or [self._group(vpc, log)],
            ),
            layers=[self.layer],
        )
        self.bridge.without_dead_letters(
            "Called by the event source mapping only, which repeats a failed batch and never drops it."
        )
        self.counts.reference.grant_read(self.bridge)
        self.counts.reference.grant_put(self.bridge)
        stream.grant_read(self.bridge)
        log.grant_write(self.bridge, log.partitions)
        # A repair reads back what was written (B11).
        log.grant_read(self.bridge, log.partitions, group=contracts.REPAIR_GROUP)
        self._map(stream)
        self._page_when_behind(site, stream, page_topic)

    def _group(self, vpc: ec2.IVpc, log: IReplicatedLog) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="The bridge.", allow_all_outbound=True
        )
        group.connections.allow_to_default_port(log)
        return group

    def _map(self, stream: IEventStream) -> None:
        """Rule B5, each value written out: a default that changes must not change the mapping."""
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=self.bridge.function.function_name,
            event_source_arn=stream.stream.stream_arn,
            starting_position="TRIM_HORIZON",
            parallelization_factor=1,
            maximum_retry_attempts=FOREVER,
            maximum_record_age_in_seconds=FOREVER,
            bisect_batch_on_function_error=False,
            batch_size=BATCH_RECORDS,
            maximum_batching_window_in_seconds=BATCHING_WINDOW_SECONDS,
        )
        mapping.node.add_dependency(self.bridge.policy)

    def _page_when_behind(
        self, site: Site, stream: IEventStream, page_topic: sns.ITopic | None
    ) -> None:
        threshold = stream.retention_hours * 3_600_000 * ITERATOR_AGE_PAGE_SHARE
        alarm = cloudwatch.Alarm(
            self,
            "BridgeBehind",
            alarm_name=site.names.regional_name(self.BEHIND_ALARM),
            alarm_description=(
                "CRITICAL: the bridge has stood still for a quarter of the stream's retention. "
                f"Type next: lifeline status --suffix {site.settings.environment_suffix}. "
                "Runbook: docs/runbooks/bridge-behind.md"
            ),
            metric=self.bridge.function.metric(
                "IteratorAge", statistic="Maximum", period=Duration.minutes(1)
            ),
            threshold=threshold,
            evaluation_periods=3,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )
        if page_topic is not None:
            alarm.add_alarm_action(actions.SnsAction(page_topic))
