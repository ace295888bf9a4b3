"""Who is active and how that changes: keeper, probe, plan, evidence, and a region's composition of them."""

from __future__ import annotations

from lifeline.failover.dr_pipeline import DrPipeline
from lifeline.failover.evidence_bucket import EvidenceBucket
from lifeline.failover.failover_plan import FailoverPlan
from lifeline.failover.failover_step import FailoverStep
from lifeline.failover.fence_path import FencePath
from lifeline.failover.keeper import Keeper
from lifeline.failover.lag_meter import LagMeter
from lifeline.failover.minute_loop import MinuteLoop
from lifeline.failover.probe import Probe
from lifeline.failover.region_failover import RegionFailover
from lifeline.failover.region_parts import RegionStores, RegionWorkload
from lifeline.failover.tables import LeaseTable, RegionStateTable
from lifeline.failover.witness import Witness
from lifeline.foundation.item_table import TableReference
from lifeline.lambdas.failover.further_steps import PlanStep
from lifeline.lambdas.failover.plan import OnFailure
from lifeline.lambdas.failover.replication_signal import ReplicationSource

__all__ = [
    "DrPipeline",
    "EvidenceBucket",
    "FailoverPlan",
    "FailoverStep",
    "FencePath",
    "Keeper",
    "LagMeter",
    "LeaseTable",
    "MinuteLoop",
    "OnFailure",
    "PlanStep",
    "Probe",
    "RegionFailover",
    "RegionStateTable",
    "RegionStores",
    "RegionWorkload",
    "ReplicationSource",
    "TableReference",
    "Witness",
]
