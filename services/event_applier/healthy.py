"""`healthy`: the container's health check. Exit status 0 when the loop of `apply` beside it turns.

It asks nothing about databases or logs: a standby waits for both, and a task that is stopped for that
only waits again.
"""

from __future__ import annotations

from lifeline.lambdas.contracts.event_applier import ApplyHealth
from lifeline.services.shared.liveness import loop_turns


def main() -> int:
    """0: alive."""
    return 0 if loop_turns(ApplyHealth.from_env().alive_file) else 1
