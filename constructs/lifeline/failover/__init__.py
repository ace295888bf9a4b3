"""Who is active and how that changes: keeper, probe, plan, evidence."""

from __future__ import annotations

from lifeline.failover.dr_pipeline import DrPipeline
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.failover_plan import FailoverPlan
from lifeline.failover.lag_meter import DatabaseReading, LagMeter, MeasuredStores
from lifeline.failover.minute_loop import MinuteLoop
from lifeline.failover.probe import Probe
from lifeline.failover.tables import AuthorityTable

__all__ = [
    "AuthorityTable",
    "DatabaseReading",
    "DrPipeline",
    "EvidenceBucket",
    "FailoverPlan",
    "LagMeter",
    "MeasuredStores",
    "MinuteLoop",
    "Probe",
]
