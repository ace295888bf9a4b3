"""Which store was backed up: a rule for each, whose matches are counted."""

from __future__ import annotations

from typing import Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from constructs import Construct

from lifeline.data.protected_store import ProtectedStore
from lifeline.foundation.metric_options import MetricOptions, metric
from lifeline.site import Site


class CompletedBackups(Construct):
    """Counts the jobs of one kind of store into one vault that succeeded.

    A rule of the event bus without a target: the service counts how often it matched. The vault's own metric
    is the sum over its stores, in which hourly copies of files hide a database that has none.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vault_name: str,
        store: ProtectedStore,
        hours_between: int,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self.hours_between = hours_between
        self._name = site.names.regional_name(f"backed-up-{store.resource_type.lower()}", "rule")
        events.CfnRule(
            self,
            "Rule",
            name=self._name,
            description=f"A backup of {store.resource_type} was completed; counted only",
            event_pattern={
                "source": ["aws.backup"],
                "detail-type": ["Backup Job State Change"],
                "detail": {
                    "state": ["COMPLETED"],
                    "resourceType": [store.resource_type],
                    "backupVaultName": [vault_name],
                },
            },
        )

    def metric(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Jobs that succeeded within the time between two."""
        return metric(
            "AWS/Events",
            "TriggeredRules",
            {"RuleName": self._name},
            default_statistic="Sum",
            default_period=Duration.hours(self.hours_between),
            **options,
        )
