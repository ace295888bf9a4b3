"""The services, and the API that hospitals post events to."""

from __future__ import annotations

from lifeline.application.api_domain import ApiDomain
from lifeline.application.api_failover import ApiFailover
from lifeline.application.api_log_role import ApiLogRole
from lifeline.application.edge_identity import EdgeIdentity
from lifeline.application.edge_shield import EdgeShield
from lifeline.application.events_api import EventsApi
from lifeline.application.services import Services

__all__ = [
    "ApiDomain",
    "ApiFailover",
    "ApiLogRole",
    "EdgeIdentity",
    "EdgeShield",
    "EventsApi",
    "Services",
]
