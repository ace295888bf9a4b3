"""The metrics of the data path of one region, read from its constructs once, for alarms and dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.observability.lifeline_metrics import LogLineMetrics
from lifeline.observability.metric_sources import (
    ApiMetricSource,
    LogMetricSource,
    ServicesMetricSource,
    StreamMetricSource,
)
from lifeline.observability.metric_specs import AnyMetricSpec, MetricSpec, metric_spec

SERVICES = ("event-applier", "query-api")


@dataclass(frozen=True, kw_only=True)
class PathMetrics:
    """From an edge's request to the record that is applied."""

    requests: MetricSpec
    server_errors: MetricSpec
    client_errors: MetricSpec
    latency_p95: MetricSpec
    incoming_records: MetricSpec
    write_throttled: MetricSpec
    iterator_age: MetricSpec
    offline_partitions: AnyMetricSpec
    under_replicated_partitions: AnyMetricSpec
    broker_cpu: AnyMetricSpec
    disk_used: AnyMetricSpec
    consumer_lag: MetricSpec
    log_holes: MetricSpec
    service_cpu: dict[str, MetricSpec]
    running_tasks: dict[str, MetricSpec]
    watermark_tasks: MetricSpec
    archiver_tasks: MetricSpec
    archive_behind: MetricSpec
    archive_gaps: MetricSpec
    archive_stopped: MetricSpec
    log_silent: MetricSpec
    default_partition: MetricSpec
    old_partitions: MetricSpec
    traffic_here: MetricSpec
    cache_hit_rate: AnyMetricSpec
    cache_breaker: MetricSpec
    quarantined: MetricSpec
    rejected: MetricSpec
    defects: MetricSpec
    schema_failures: MetricSpec
    unexpected: MetricSpec
    withheld: MetricSpec
    without_vital_signs: MetricSpec
    stopped: dict[str, MetricSpec]
    records_gone: MetricSpec
    watermark_rebased: MetricSpec

    @classmethod
    def of(
        cls,
        *,
        api: ApiMetricSource,
        stream: StreamMetricSource,
        log: LogMetricSource,
        services: ServicesMetricSource,
        lines: LogLineMetrics,
    ) -> PathMetrics:
        """Read from the constructs."""
        return cls(
            requests=MetricSpec.of(api.metric_requests()),
            server_errors=MetricSpec.of(api.metric_server_errors()),
            client_errors=MetricSpec.of(api.metric_client_errors()),
            latency_p95=MetricSpec.of(api.metric_latency_p95()),
            incoming_records=MetricSpec.of(stream.metric_incoming_records()),
            write_throttled=MetricSpec.of(stream.metric_write_throttled()),
            iterator_age=MetricSpec.of(stream.metric_iterator_age()),
            offline_partitions=metric_spec(log.metric_offline_partitions()),
            under_replicated_partitions=metric_spec(log.metric_under_replicated_partitions()),
            broker_cpu=metric_spec(log.metric_cpu()),
            disk_used=metric_spec(log.metric_disk_used()),
            consumer_lag=MetricSpec.of(services.metric_consumer_lag()),
            log_holes=MetricSpec.of(services.metric_log_holes()),
            service_cpu={one: MetricSpec.of(services.metric_cpu(one)) for one in SERVICES},
            running_tasks={
                one: MetricSpec.of(services.metric_running_tasks(one)) for one in SERVICES
            },
            watermark_tasks=MetricSpec.of(services.metric_running_tasks("watermark")),
            archiver_tasks=MetricSpec.of(services.metric_running_tasks("archiver")),
            archive_behind=MetricSpec.of(services.metric_archive_behind()),
            archive_gaps=MetricSpec.of(services.metric_archive_gaps()),
            archive_stopped=MetricSpec.of(services.metric_archive_stopped()),
            log_silent=MetricSpec.of(services.metric_log_silent()),
            default_partition=MetricSpec.of(services.metric_default_partition()),
            old_partitions=MetricSpec.of(services.metric_old_partitions()),
            traffic_here=MetricSpec.of(services.metric_traffic_here()),
            cache_hit_rate=metric_spec(services.metric_cache_hit_rate()),
            cache_breaker=MetricSpec.of(services.metric_cache_breaker()),
            quarantined=lines.quarantined,
            rejected=lines.rejected,
            defects=lines.defects,
            schema_failures=lines.schema_failures,
            unexpected=lines.unexpected,
            withheld=lines.withheld,
            without_vital_signs=lines.without_vital_signs,
            records_gone=lines.records_gone,
            watermark_rebased=lines.watermark_rebased,
            stopped={"bridge": lines.bridge_stopped, "apply": lines.apply_stopped},
        )
