"""An AWS service that acts for this account alone."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from lifeline.site import Site


def service_principal(service: str, site: Site) -> iam.ServicePrincipal:
    """`service`, such as `events.amazonaws.com`, when it acts for a resource of the site's account."""
    here = {"StringEquals": {"aws:SourceAccount": site.account}}
    return iam.ServicePrincipal(service, conditions=here)
