"""What is measured, what wakes a person, and the one screen that person looks at."""

from __future__ import annotations

from lifeline.observability.alarms import Alarms, AlarmSpec
from lifeline.observability.dashboards import Dashboard
from lifeline.observability.lifeline_metrics import LogLineMetrics

__all__ = [
    "AlarmSpec",
    "Alarms",
    "Dashboard",
    "LogLineMetrics",
]
