"""Application: the services and the API of the region."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from lifeline.application.api_domain import ApiDomain
from lifeline.application.edge_identity import EdgeIdentity
from lifeline.application.edge_shield import EdgeShield
from lifeline.application.events_api import EventsApi
from lifeline.application.services import Services
from lifeline.data.cache_access import SessionCacheAttributes
from lifeline.data.session_cache import SessionCache, cache_name, hosts_parameter, user_name
from lifeline.foundation.alert_topics import Severity
from lifeline.site import Site
from lifeline.stacks.data import Data
from lifeline.stacks.foundation import Foundation
from lifeline.stacks.site_stack import SiteStack
from lifeline.stacks.streaming import Streaming


class Application(SiteStack):
    """What integrators see."""

    def __init__(
        self,
        scope: Construct,
        *,
        site: Site,
        foundation: Foundation,
        data: Data,
        streaming: Streaming,
    ) -> None:
        super().__init__(scope, site, "application", description="Services and API")
        keys, network = foundation.keys.in_stack(self), foundation.network
        signed_in = [network.database_clients, network.log_clients]
        # By its names: in the recovery region the member is made after the services.
        cache = SessionCache.from_session_cache_attributes(
            self,
            "Cache",
            SessionCacheAttributes(
                identifier=cache_name(site),
                user=user_name(site),
                hosts_parameter=hosts_parameter(site),
            ),
        )
        self.identity = EdgeIdentity(self, "Identity", site=site)
        self.services = Services(
            self,
            "Services",
            site=site,
            vpc=network.vpc,
            applier_security_groups=signed_in,
            query_api_security_groups=[*signed_in, network.cache_clients],
            query_api_callers=ec2.Peer.ipv4(network.cidr),
            database=data.database,
            stream=streaming.stream,
            log=streaming.log,
            archive=streaming.archive,
            cache=cache,
            identity=self.identity,
            keys=keys,
        )
        self.api = EventsApi(
            self,
            "Events",
            site=site,
            vpc=network.vpc,
            stream=streaming.stream,
            query_api=self.services.query_api,
            watermark=self.services.watermark,
            identity=self.identity,
            keys=keys,
        )
        EdgeShield(self, "Shield", site=site, stage_arn=self.api.stage_arn, keys=keys)
        self.domain: ApiDomain | None = None
        if site.settings.domain is not None:
            self.domain = ApiDomain(
                self,
                "Domain",
                site=site,
                api=self.api.api,
                traffic_here=self.services.metric_traffic_here(),
                alert=foundation.alerts.of(Severity.WARNING),
            )
