"""Failover: what makes this region active when the other is lost, and the evidence of it."""

from __future__ import annotations

from constructs import Construct

from lifeline.data.session_cache import cache_name, hosts_parameter, user_name
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.region_failover import RegionFailover
from lifeline.failover.region_parts import RegionStores, RegionWorkload
from lifeline.site import Site
from lifeline.stacks.application import Application
from lifeline.stacks.data import Data
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.site_stack import SiteStack


class Failover(SiteStack):
    """Everything a failover into this region needs; it calls this region, the witness and data planes."""

    def __init__(
        self,
        scope: Construct,
        *,
        site: Site,
        foundation: Foundation,
        data: Data,
        application: Application,
    ) -> None:
        super().__init__(scope, site, "failover", description="Keeper, probe, plan, evidence")
        keys = foundation.keys.in_stack(self)
        evidence = EvidenceBucket(
            self,
            "Evidence",
            site=site,
            keys=keys,
            emptying=foundation.emptying,
            access_log=foundation.audit.access_log.bucket_name,
        )
        services = application.services
        rests = site.settings.strategy.services_rest
        self.region_failover = RegionFailover(
            self,
            # Left out of logical ids: those of tables, roles and log groups stay what they were.
            "Default",
            site=site,
            keys=keys,
            vpc=foundation.network.vpc,
            database=data.database,
            database_clients=foundation.network.database_clients,
            workload=RegionWorkload(
                api_url=application.api.url,
                query_api_url=application.api.query_api_url,
                cluster_name=services.cluster_name,
                applier_name=services.applier_name,
                applier_tasks=site.settings.capacity.applier_tasks,
                query_api_name=services.query_api_name if rests else "",
                query_api_tasks=site.settings.profile.query_api_tasks if rests else 0,
                identity=application.identity,
            ),
            stores=_stores(site, foundation, data),
            alert_topics=foundation.alerts,
            evidence=evidence,
        )


def _stores(site: Site, foundation: Foundation, data: Data) -> RegionStores:
    """What a failover takes over beside the database; without a standby nothing comes from another region."""
    if not site.has_standby:
        return RegionStores()
    return RegionStores(
        file_system_id=data.files.file_system_id,
        admin_secret=data.database.credentials.secret_name,
        cache_group=cache_name(site),
        cache_user=user_name(site),
        cache_hosts_parameter=hosts_parameter(site),
        cache_clients=foundation.network.cache_clients,
    )
