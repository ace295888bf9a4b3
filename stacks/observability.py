"""Observability: the region's alarms and its two screens. Nothing stands on it."""

from __future__ import annotations

from constructs import Construct

from lifeline.observability.alarms import Alarms, Rule
from lifeline.observability.boards import recovery_rows, region_rows
from lifeline.observability.dashboards import Dashboard
from lifeline.observability.failover_alarms import recovery_rules
from lifeline.observability.lifeline_metrics import LogLineMetrics
from lifeline.observability.measured import MeasuredCache
from lifeline.observability.path_alarms import apply_rules, ingest_rules, log_rules
from lifeline.observability.path_figures import PathFigures
from lifeline.observability.store_alarms import StoreFigures, store_rules
from lifeline.observability.thresholds import (
    LagThresholds,
    LogThresholds,
    PathThresholds,
    RecoveryThresholds,
    StoreThresholds,
)
from lifeline.site import Site
from lifeline.stacks.application import Application
from lifeline.stacks.data import Data
from lifeline.stacks.site_stack import SiteStack
from lifeline.stacks.streaming import Streaming


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
        cache: MeasuredCache,
    ) -> None:
        """`cache`: the region's member of the global datastore, whichever stack made it."""
        super().__init__(scope, site, "observability", description="Alarms and dashboards")
        self._path = PathFigures.of(
            api=application.api,
            stream=streaming.stream,
            log=streaming.log,
            services=application.services,
            lines=LogLineMetrics(self, "Lines", site=site),
        )
        self._stores = StoreFigures.of(
            database=data.database, cache=cache, files=data.files, backups=data.backups
        )
        self.alarms = Alarms(self, "Alarms", site=site, rules=self._rules())
        Dashboard(
            self,
            "Region",
            site=site,
            name="lifeline",
            rows=region_rows(site, alarms=self.alarms, path=self._path, stores=self._stores),
        )
        Dashboard(
            self,
            "Recovery",
            site=site,
            name="recovery",
            rows=recovery_rows(site, alarms=self.alarms, lag=LagThresholds.of(site.settings)),
        )
        # The log groups whose lines are counted, and the topics that alarms tell, have names, not references.
        self.add_stack_dependency(application, "its log groups must be there to be counted in")

    def _rules(self) -> list[Rule]:
        settings = self.site.settings
        lag = LagThresholds.of(settings)
        stores = StoreThresholds.of(settings.capacity)
        return [
            *ingest_rules(self._path, PathThresholds(), settings.tier),
            *log_rules(self._path, LogThresholds()),
            *apply_rules(self._path, LogThresholds(), PathThresholds()),
            *store_rules(self._stores, stores, lag, settings.tier),
            *recovery_rules(self.site, lag, RecoveryThresholds.of(settings)),
        ]
