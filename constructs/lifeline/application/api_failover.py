"""Where the customer's own name leads: failover records that no one ever edits."""

from __future__ import annotations

from aws_cdk import aws_route53 as route53
from constructs import Construct

from lifeline.application.api_domain import ApiDomain, domain_of, traffic_alarm_name
from lifeline.foundation.destroyable import destroyable
from lifeline.site import Site


class ApiFailover(Construct):
    """This region's failover record: the home region's is the primary, the other one's the secondary.

    "Standby takes over primary": the primary's health check watches an alarm in the *recovery* region.
    The alarm is in ALARM while that region has taken the traffic; the primary is then unhealthy, and the
    name leads to the secondary. No data from there means healthy, so the name comes back when the
    recovery region is lost after it had taken over. The secondary has no check: it is answered only when
    the primary is not.

    Nothing of a flip needs the home region or a control plane: the recovery region's tasks write the
    metric there, and health-check state is Route 53's data plane. It takes two to three minutes (a minute
    of metric, the check, the name's 60 s), and up to five when it is the recovery region that is lost, so
    edges do not wait for it: they hold both regions' endpoints and follow `traffic_epoch` in `/health`.
    Data never depends on where the name leads: both regions accept events at every epoch; a read that
    meets the wrong region is answered 503.

    Covers: the loss of either region for callers who know one name only. Does not cover: a recovery region
    that is active and writes no metrics: the name leads home, whose reads answer 503, until a person
    writes the metric (docs/constructs/application.md).
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, site: Site | None = None, domain: ApiDomain
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        named = domain_of(site)
        check = self._standby_has_not_taken_over(site) if site.is_home else None
        self.record = route53.CfnRecordSet(
            self,
            "Record",
            hosted_zone_id=named.hosted_zone_id,
            name=f"{named.name}.",
            type="A",
            set_identifier=site.names.cross_region_name("events-api"),
            failover="PRIMARY" if site.is_home else "SECONDARY",
            health_check_id=None if check is None else check.attr_health_check_id,
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=domain.domain_name.attr_regional_domain_name,
                hosted_zone_id=domain.domain_name.attr_regional_hosted_zone_id,
                # The switch decides, not what a resolver thinks of one endpoint.
                evaluate_target_health=False,
            ),
        )
        destroyable(self.record)

    def _standby_has_not_taken_over(self, site: Site) -> route53.CfnHealthCheck:
        check = route53.CfnHealthCheck(
            self,
            "StandbyHasNotTakenOver",
            health_check_config=route53.CfnHealthCheck.HealthCheckConfigProperty(
                type="CLOUDWATCH_METRIC",
                alarm_identifier=route53.CfnHealthCheck.AlarmIdentifierProperty(
                    name=traffic_alarm_name(site.peer), region=site.peer.region.name
                ),
                insufficient_data_health_status="Healthy",
            ),
            health_check_tags=[
                route53.CfnHealthCheck.HealthCheckTagProperty(
                    key="Name", value=site.peer.names.cross_region_name("traffic-here")
                )
            ],
        )
        destroyable(check)
        return check
