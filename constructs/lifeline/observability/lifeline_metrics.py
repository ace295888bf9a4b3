"""Lifeline's own metrics: what the lag meter and the drill pipeline publish, and what log lines count."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from aws_cdk import aws_logs as logs
from constructs import Construct

from lifeline.lambdas.failover.protocol import SERVING_SEEN, TAKEOVER_READY
from lifeline.observability.metric_specs import MetricSpec
from lifeline.site import Site

NAMESPACE = "Lifeline"


class Store(StrEnum):
    """A store whose heartbeats the lag meter reads; the value is the dimension's."""

    DATABASE = "database"
    LOG = "log"
    CACHE = "cache"
    FILES = "files"
    SECRETS = "secrets"


def replication_lag(site: Site, store: Store) -> MetricSpec:
    """Seconds since the newest heartbeat of the other region that has arrived in this one.

    Published in both regions whoever is active. What is not known is not published: never a zero.
    """
    return _published(site, "ReplicationLagSeconds", Store=store.value)


def events_at_risk(site: Site) -> MetricSpec:
    """Accepted events that the other region's log does not hold yet, as far as this region can tell."""
    return _published(site, "EventsAtRisk")


def patients_at_risk(site: Site) -> MetricSpec:
    """Patients that those events are about."""
    return _published(site, "PatientsAtRisk")


def days_since_drill(site: Site) -> MetricSpec:
    """Days since the newest drill on AWS that passed, or recovery that was completed."""
    return _published(site, "DaysSinceDrill")


def days_since_lab_drill(site: Site) -> MetricSpec:
    """Days since the newest drill in the lab that passed."""
    return _published(site, "DaysSinceLabDrill")


def days_to_authority_expiry(site: Site) -> MetricSpec:
    """Days until the first of the database's certificate authorities ends (`lambdas/certificates`)."""
    return _published(site, "DaysToAuthorityExpiry")


def takeover_ready(site: Site) -> MetricSpec:
    """1 while the region, or the witness, does its part in a failover; its best value in the period (A19)."""
    return _published(site, TAKEOVER_READY)


def serving_seen(site: Site) -> MetricSpec:
    """1 while this place sees a region that serves, else 0; its best value in the period (A22)."""
    return _published(site, SERVING_SEEN)


class DrillTarget(StrEnum):
    """Where a drill ran; the value is the evidence's and the dimension's. A lab's figures are the lab's."""

    LAB = "lab"
    AWS = "aws"


def drill_rto(site: Site, target: DrillTarget) -> MetricSpec:
    """Seconds, of a drill that failed over; the drill pipeline publishes it, in the home region."""
    return _published(site, "DrillRtoSeconds", Target=target.value)


def drill_rpo(site: Site, target: DrillTarget) -> MetricSpec:
    """Seconds, likewise."""
    return _published(site, "DrillRpoSeconds", Target=target.value)


def _published(site: Site, name: str, **dimensions: str) -> MetricSpec:
    suffix = {"Suffix": site.settings.environment_suffix}
    return MetricSpec(namespace=NAMESPACE, metric_name=name, dimensions={**suffix, **dimensions})


def vital_signs(site: Site) -> MetricSpec:
    """Values of vital signs that the event applier met; `*_vital_signs` are those of them that it flagged."""
    return _summed(site, "VitalSigns")


def incomplete_vital_signs(site: Site) -> MetricSpec:
    """Without a value, a unit or a time."""
    return _summed(site, "IncompleteVitalSigns")


def implausible_vital_signs(site: Site) -> MetricSpec:
    """In another unit, or outside the limits of `schemas/vital_signs.json`."""
    return _summed(site, "ImplausibleVitalSigns")


def _summed(site: Site, name: str) -> MetricSpec:
    return replace(_published(site, name), statistic="Sum")


class LogLineMetrics(Construct):
    """Counts what the event applier and the bridge say about records they could not use, or that are odd.

    Covers: records that go to `error.dlq` and that nobody would look for. Does not cover: an event applier or
    a bridge that says nothing at all; lag and iterator age do. The namespace holds the suffix: a metric
    filter cannot add a fixed dimension, and two environments of one account must not be added up.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        services_logs: logs.ILogGroup | None = None,
        bridge_logs: logs.ILogGroup | None = None,
    ) -> None:
        """Raises ValueError in a plain stack that is not told both log groups.

        `services_logs`, `bridge_logs`: what `Services` and `StreamBridge` write to; by default the
            application's, by their names.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self._namespace = f"{NAMESPACE}/{site.settings.environment_suffix}"
        if site.is_derived and (services_logs is None or bridge_logs is None):
            raise ValueError(
                f"{self.node.path} counts lines, and a plain stack has no log groups of the application's; "
                "give it `services_logs` and `bridge_logs`, or a `site`."
            )
        if services_logs is None:
            services = f"/lifeline/{site.names.regional_name('services')}"
        else:
            services = services_logs.log_group_name
        if bridge_logs is None:
            bridge = f"/aws/lambda/{site.names.regional_name('stream-bridge', 'function')}"
        else:
            bridge = bridge_logs.log_group_name
        self.quarantined = self._count(
            "Quarantined", site, services, name="QuarantinedRecords", value="$.records"
        )
        self.rejected = self._count("Rejected", site, bridge, name="RejectedBatches", value="1")
        self.defects = self._count("Defects", site, bridge, name="DefectRecords", value="$.records")
        self.schema_failures = self._count(
            "SchemaFailures",
            site,
            bridge,
            name="SchemaFailures",
            value="$.unfit",
            message="rejected",
        )
        self.bridge_stopped = self._count(
            "BridgeStopped", site, bridge, name="BridgeStopped", value="1", message="stopped"
        )
        self.apply_stopped = self._count(
            "ApplyStopped", site, services, name="ApplyStopped", value="1", message="stopped"
        )
        self.records_gone = self._count(
            "RecordsGone",
            site,
            services,
            name="RecordsGone",
            value="1",
            message="records are gone that were not applied",
        )
        self.watermark_rebased = self._count(
            "WatermarkRebased",
            site,
            services,
            name="WatermarkRebased",
            value="1",
            message="the watermark has a new base",
        )
        self.unexpected = self._count(
            "Unexpected", site, services, name="UnexpectedEvents", value="$.records"
        )
        self.withheld = self._count(
            "Withheld", site, services, name="WithheldEvents", value="$.records"
        )
        self.without_vital_signs = self._count(
            "Plain",
            site,
            services,
            name="EventsWithoutVitalSigns",
            value="$.records",
            message="without vital signs",
        )

    def _count(
        self,
        construct_id: str,
        site: Site,
        group: str,
        *,
        name: str,
        value: str,
        message: str | None = None,
    ) -> MetricSpec:
        """`message`: of the log line that is counted; by default `construct_id` in lower case."""
        logs.CfnMetricFilter(
            self,
            construct_id,
            filter_name=site.names.regional_name(construct_id.lower()),
            log_group_name=group,
            filter_pattern=f'{{ $.message = "{message or construct_id.lower()}" }}',
            metric_transformations=[
                logs.CfnMetricFilter.MetricTransformationProperty(
                    metric_namespace=self._namespace,
                    metric_name=name,
                    metric_value=value,
                    default_value=0,
                )
            ],
        )
        return MetricSpec(namespace=self._namespace, metric_name=name, statistic="Sum")
