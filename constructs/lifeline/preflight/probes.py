"""Every probe, and the IAM policy that lets them ask."""

from __future__ import annotations

from typing import Any

from lifeline.preflight.account_probes import ACCOUNT_PROBES, IDENTITY
from lifeline.preflight.growth_probes import GROWTH_PROBES
from lifeline.preflight.image_probes import IMAGE_PROBES
from lifeline.preflight.name_probes import NAME_PROBES
from lifeline.preflight.offer_probes import OFFER_PROBES
from lifeline.preflight.probe import Probe
from lifeline.preflight.quota_probes import QUOTA_PROBES

__all__ = ["IDENTITY", "PROBES", "permissions", "policy"]

PROBES: tuple[Probe, ...] = (
    *ACCOUNT_PROBES,
    *QUOTA_PROBES,
    *OFFER_PROBES,
    *GROWTH_PROBES,
    *NAME_PROBES,
    *IMAGE_PROBES,
)


def permissions() -> list[str]:
    """Every IAM action that a probe needs, sorted."""
    return sorted({ask.permission for probe in PROBES for ask in (IDENTITY, *probe.asks)})


def policy() -> dict[str, Any]:
    """The IAM policy of whoever runs the preflight: reads only, none of them of patient data."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Preflight",
                "Effect": "Allow",
                "Action": permissions(),
                "Resource": "*",
            }
        ],
    }
