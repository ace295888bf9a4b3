"""Who is active and how that changes: keeper, probe, plan, evidence."""

from __future__ import annotations

from lifeline.recovery.dr_pipeline import DrPipeline
from lifeline.recovery.evidence_bucket import EvidenceBucket
from lifeline.recovery.lag_meter import DatabaseReading, LagMeter, MeasuredStores
from lifeline.recovery.minute_loop import MinuteLoop
from lifeline.recovery.probe import Probe
from lifeline.recovery.recovery_plan import RecoveryPlan
from lifeline.recovery.tables import AuthorityTable

__all__ = [
    "AuthorityTable",
    "DatabaseReading",
    "DrPipeline",
    "EvidenceBucket",
    "LagMeter",
    "MeasuredStores",
    "MinuteLoop",
    "Probe",
    "RecoveryPlan",
]
