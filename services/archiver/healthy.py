"""`healthy`: the container's health check. Exit status 0 when the loop of `archive` beside it turns.

It asks nothing about logs or buckets: a task that is stopped because one is away only waits again.
"""

from __future__ import annotations

from lifeline.lambdas.contracts.archiver import ArchiverHealth
from lifeline.services.shared.liveness import loop_turns


def main() -> int:
    """0: alive."""
    return 0 if loop_turns(ArchiverHealth.from_env().alive_file) else 1
