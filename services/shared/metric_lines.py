"""Metrics as lines of the log, in CloudWatch's embedded metric format.

The log service makes metrics of them by itself: no call, no permission, nothing that could wait.
"""

from __future__ import annotations

import json

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK
from lifeline.services.shared.log_lines import write_line

NAMESPACE = "Lifeline"


def metric_line(name: str, value: float, suffix: str, now_ms: int) -> str:
    """One metric with the environment's suffix as its dimension."""
    return json.dumps(
        {
            "_aws": {
                "Timestamp": now_ms,
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [["Suffix"]],
                        "Metrics": [{"Name": name}],
                    }
                ],
            },
            "Suffix": suffix,
            name: value,
        }
    )


def say_metric(name: str, value: float, suffix: str) -> None:
    """Write the line. Never raises: a closed pipe must not stop the work."""
    write_line(metric_line(name, value, suffix, int(SYSTEM_CLOCK.now() * 1000)))
