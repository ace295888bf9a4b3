"""A name of the customer's own for the region's API, and the alarm that says that traffic belongs here."""

from __future__ import annotations

from aws_cdk import CfnTag
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from lifeline.application.events_api import ACCESS_MODE, STAGE, TLS_POLICY
from lifeline.foundation.destroyable import destroyable
from lifeline.settings import Domain
from lifeline.site import Site


class ApiDomain(Construct):
    """The certificate, the regional domain name with TLS 1.3 and its mapping to the stage.

    Both regions hold the same name with a certificate of their own; which of them the name leads to is
    `ApiFailover`'s. `traffic_alarm` is in ALARM while this region has taken the traffic: the query API
    writes the metric `TrafficHere` four times a minute, 1 while it serves *and* the plan's `shift_traffic`
    has turned this region's switch on, else 0.

    Covers: the loss of the region that issued the other certificate. Does not cover: a certificate that
    cannot be renewed, as its validation record was taken out of the zone.
    Raises ValueError when the settings have no domain.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        api: apigateway.RestApi,
        traffic_here: cloudwatch.Metric,
        alert: sns.ITopic | None = None,
    ) -> None:
        """`alert`: who is told that the traffic moved; by default nobody."""
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        domain = domain_of(site)
        certificate = acm.CfnCertificate(
            self,
            "Certificate",
            domain_name=domain.name,
            validation_method="DNS",
            domain_validation_options=[
                acm.CfnCertificate.DomainValidationOptionProperty(
                    domain_name=domain.name, hosted_zone_id=domain.hosted_zone_id
                )
            ],
            tags=[CfnTag(key="Name", value=site.names.regional_name("events-api"))],
        )
        self.domain_name = apigateway.CfnDomainName(
            self,
            "Name",
            domain_name=domain.name,
            regional_certificate_arn=certificate.ref,
            endpoint_configuration=apigateway.CfnDomainName.EndpointConfigurationProperty(
                types=["REGIONAL"]
            ),
            security_policy=TLS_POLICY,
            endpoint_access_mode=ACCESS_MODE,
        )
        mapping = apigateway.CfnBasePathMapping(
            self,
            "Mapping",
            domain_name=self.domain_name.ref,
            rest_api_id=api.rest_api_id,
            stage=STAGE,
        )
        mapping.node.add_dependency(api.deployment_stage)
        for made in (certificate, self.domain_name, mapping):
            destroyable(made)
        self.traffic_alarm = self._alarm(site, traffic_here, alert)

    def _alarm(
        self, site: Site, traffic_here: cloudwatch.Metric, alert: sns.ITopic | None
    ) -> cloudwatch.CfnAlarm:
        """Plain on purpose: Route 53 takes no metric math, no percentile and no "M of N"."""
        told = None if alert is None else [alert.topic_arn]
        return cloudwatch.CfnAlarm(
            self,
            "TrafficHere",
            alarm_name=traffic_alarm_name(site),
            alarm_description=(
                "SWITCH: in ALARM while this region has taken the traffic; Route 53 reads it. It tells of a "
                "change, it pages nobody. Without data the name leads to the home region. "
                "Runbook: docs/constructs/application.md"
            ),
            namespace=traffic_here.namespace,
            metric_name=traffic_here.metric_name,
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(
                    name="Suffix", value=site.settings.environment_suffix
                )
            ],
            statistic="Maximum",
            period=60,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="missing",
            alarm_actions=told,
            ok_actions=told,
        )


def traffic_alarm_name(site: Site) -> str:
    """The alarm's name: the peer's health check finds it by this."""
    return site.names.regional_name("traffic-here")


def domain_of(site: Site) -> Domain:
    """The domain of the settings. Raises ValueError when there is none."""
    if site.settings.domain is None:
        raise ValueError(
            "The settings have no domain; without one edges use each region's own endpoint."
        )
    return site.settings.domain
