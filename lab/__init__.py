"""The emulated regions on loopback: start, deploy, break, heal, stop.

Names are imported when used: the lab's own processes (links, replicators, gateways) import this package
and need none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.deployment import DeployReport
    from lab.faults import Fault
    from lab.lab import Lab, RegionEndpoints
    from lab.waiting import LabError

__all__ = ["DeployReport", "Fault", "Lab", "LabError", "RegionEndpoints"]

_HOMES = {
    "DeployReport": "lab.deployment",
    "Fault": "lab.faults",
    "Lab": "lab.lab",
    "LabError": "lab.waiting",
    "RegionEndpoints": "lab.lab",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lab' has no attribute {name!r}")
