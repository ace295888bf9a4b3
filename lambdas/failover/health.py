"""Health as a value with three cases, and the verdict over a window of probes (rule A12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lifeline.lambdas.failover.policy import Policy


class Health(StrEnum):
    """UNKNOWN is a value, not an error: it never promotes and never counts as unhealthy."""

    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Sample:
    """One probe of one region: when its cycle began (epoch seconds of the observer) and what it saw."""

    at: float
    health: Health


def judge(*, target_answered: bool, control_answered: bool) -> Health:
    """One probe cycle. An observer whose control probe failed knows nothing about the target."""
    if not control_answered:
        return Health.UNKNOWN
    return Health.HEALTHY if target_answered else Health.UNHEALTHY


def verdict(samples: Sequence[Sample], policy: Policy, now: float) -> Health:
    """What an observer's last probes say, newest last (A12).

    UNHEALTHY needs K of the last N, none HEALTHY, the newest UNHEALTHY and fresh; UNKNOWN samples
    neither count nor reset. Old, missing or mixed samples are UNKNOWN.
    """
    window = list(samples)[-policy.probes_window :]
    if not window or now - window[-1].at > 2 * policy.probe_cycle_seconds:
        return Health.UNKNOWN
    if window[-1].health is Health.HEALTHY:
        return Health.HEALTHY
    span = policy.probes_window * policy.probe_cycle_seconds
    recent = [sample.health for sample in window if now - sample.at <= 2 * span]
    if Health.HEALTHY in recent or window[-1].health is not Health.UNHEALTHY:
        return Health.UNKNOWN
    if recent.count(Health.UNHEALTHY) < policy.probes_needed:
        return Health.UNKNOWN
    return Health.UNHEALTHY
