"""The metrics that the services write into their log."""

from __future__ import annotations

import json

from lifeline.services.shared.metric_lines import metric_line


def test_a_metric_is_a_line_that_the_log_service_reads() -> None:
    said = json.loads(metric_line("ConsumerLag", 17, "test", 1_800_000_000_000))
    (directive,) = said["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Lifeline"
    assert said["_aws"]["Timestamp"] == 1_800_000_000_000
    for name in (*directive["Dimensions"][0], directive["Metrics"][0]["Name"]):
        assert name in said
    assert (said["Suffix"], said["ConsumerLag"]) == ("test", 17)
