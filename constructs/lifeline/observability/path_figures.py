"""The series of the data path of one region, read from its constructs once, for alarms and dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.observability.lifeline_metrics import LogLineMetrics
from lifeline.observability.measured import (
    MeasuredApi,
    MeasuredLog,
    MeasuredServices,
    MeasuredStream,
)
from lifeline.observability.series import Measure, Series, measure_of

SERVICES = ("processor", "serve")


@dataclass(frozen=True, kw_only=True)
class PathFigures:
    """From an edge's request to the record that is applied."""

    requests: Series
    server_errors: Series
    client_errors: Series
    latency_p95: Series
    incoming_records: Series
    write_throttled: Series
    iterator_age: Series
    offline_partitions: Measure
    under_replicated_partitions: Measure
    broker_cpu: Measure
    disk_used: Measure
    consumer_lag: Series
    service_cpu: dict[str, Series]
    running_tasks: dict[str, Series]
    quarantined: Series
    rejected: Series

    @classmethod
    def of(
        cls,
        *,
        api: MeasuredApi,
        stream: MeasuredStream,
        log: MeasuredLog,
        services: MeasuredServices,
        lines: LogLineMetrics,
    ) -> PathFigures:
        """Read from the constructs."""
        return cls(
            requests=Series.of(api.metric_requests()),
            server_errors=Series.of(api.metric_server_errors()),
            client_errors=Series.of(api.metric_client_errors()),
            latency_p95=Series.of(api.metric_latency_p95()),
            incoming_records=Series.of(stream.metric_incoming_records()),
            write_throttled=Series.of(stream.metric_write_throttled()),
            iterator_age=Series.of(stream.metric_iterator_age()),
            offline_partitions=measure_of(log.metric_offline_partitions()),
            under_replicated_partitions=measure_of(log.metric_under_replicated_partitions()),
            broker_cpu=measure_of(log.metric_cpu()),
            disk_used=measure_of(log.metric_disk_used()),
            consumer_lag=Series.of(services.metric_consumer_lag()),
            service_cpu={one: Series.of(services.metric_cpu(one)) for one in SERVICES},
            running_tasks={one: Series.of(services.metric_running_tasks(one)) for one in SERVICES},
            quarantined=lines.quarantined,
            rejected=lines.rejected,
        )
