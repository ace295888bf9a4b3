"""Observability: the region's alarms and its two screens. Nothing stands on it."""

from __future__ import annotations

from aws_cdk import CfnParameter, Token
from constructs import Construct

from lifeline.naming import ALARM_ACTIONS, OFF, ON
from lifeline.observability.alarms import Alarms
from lifeline.observability.dashboards import Dashboard
from lifeline.observability.lifeline_metrics import LogLineMetrics
from lifeline.observability.metric_sources import BucketsMetricSource, CacheMetricSource
from lifeline.observability.path_metrics import PathMetrics
from lifeline.observability.region_alarms import region_alarms
from lifeline.observability.region_dashboards import failover_rows, region_rows
from lifeline.observability.store_alarms import StoreMetrics
from lifeline.observability.thresholds import LagThresholds
from lifeline.site import Site
from lifeline.stacks.application import Application
from lifeline.stacks.data import Data
from lifeline.stacks.site_stack import SiteStack
from lifeline.stacks.streaming import Streaming
from lifeline.streaming.stream_bridge import StreamBridge


class Observability(SiteStack):
    """Alike in both regions at every epoch; each pages by itself when the other one is gone."""

    def __init__(
        self,
        scope: Construct,
        *,
        site: Site,
        data: Data,
        streaming: Streaming,
        application: Application,
        cache: CacheMetricSource,
        buckets: BucketsMetricSource,
    ) -> None:
        """`cache`: the region's member of the global datastore, whichever stack made it."""
        super().__init__(scope, site, "observability", description="Alarms and dashboards")
        path = PathMetrics.of(
            api=application.api,
            stream=streaming.stream,
            log=streaming.log,
            services=application.services,
            lines=LogLineMetrics(self, "Lines", site=site),
        )
        stores = StoreMetrics.of(
            database=data.database,
            cache=cache,
            files=data.files,
            backups=data.backups,
            buckets=buckets,
        )
        # A parameter, for CloudFormation keeps its value: no later deploy, and no rollback, switches what
        # `lifeline activate` switched on. Its default tells people: silence is never health.
        tells = CfnParameter(
            self,
            ALARM_ACTIONS,
            default=ON,
            allowed_values=[ON, OFF],
            description="false: alarms tell nobody until `lifeline activate`",
        )
        self.alarms = Alarms(
            self,
            "Alarms",
            site=site,
            specs=region_alarms(site, path=path, stores=stores),
            composite="region",
            critical_elsewhere=[StreamBridge.BEHIND_ALARM],
            actions_enabled=Token.as_any(tells.value_as_string),
        )
        Dashboard(
            self,
            "Region",
            site=site,
            name="lifeline",
            rows=region_rows(site, alarms=self.alarms, path=path, stores=stores),
        )
        Dashboard(
            self,
            "Recovery",
            site=site,
            name="recovery",
            rows=failover_rows(site, alarms=self.alarms, lag=LagThresholds.of(site.settings)),
        )
        # The log groups whose lines are counted, and the topics that alarms tell, have names, not references.
        self.add_stack_dependency(application, "its log groups must be there to be counted in")
