"""What the deployed metric filters make of log lines: the figures that CloudWatch Logs would publish.

The emulator keeps metric filters and runs none. Here the pattern `{ $.field = "word" }` is known, the only
one that the templates have; any other is refused. A line that does not match counts as the filter's default
value; CloudWatch Logs reports that once a period in which nothing matched, which is the same for the sums of
our alarms. Source: Amazon CloudWatch Logs User Guide, "Creating metrics from log events using filters",
Concepts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.alarm_evaluation import Series

PATTERN = re.compile(r'\{ \$\.(\w+) = "([^"]*)" \}')


@dataclass(frozen=True)
class MetricFilter:
    """One transformation of one filter, as a template has it."""

    log_group: str
    field: str
    word: str
    series: Series
    value: str
    """A number, or `$.field`."""
    default: float | None


def filters_of(template: Mapping[str, Any]) -> list[MetricFilter]:
    """Every metric filter. Raises ValueError for a pattern that is not known here."""
    return [
        _filter(one["Properties"], how)
        for one in template["Resources"].values()
        if one["Type"] == "AWS::Logs::MetricFilter"
        for how in one["Properties"]["MetricTransformations"]
    ]


def _filter(said: Mapping[str, Any], how: Mapping[str, Any]) -> MetricFilter:
    found = PATTERN.fullmatch(said["FilterPattern"])
    if found is None:
        raise ValueError(
            f"The filter pattern {said['FilterPattern']!r} is not known here; "
            'allowed is `{ $.field = "word" }`.'
        )
    default = how.get("DefaultValue")
    return MetricFilter(
        log_group=said["LogGroupName"],
        field=found[1],
        word=found[2],
        series=Series(how["MetricNamespace"], how["MetricName"], frozenset()),
        value=str(how["MetricValue"]),
        default=None if default is None else float(default),
    )


def counted(
    one: MetricFilter, lines: Iterable[tuple[float, str]]
) -> dict[Series, list[tuple[float, float]]]:
    """`lines` of the filter's log group: when (epoch seconds), and the text."""
    found: list[tuple[float, float]] = []
    for at, text in lines:
        try:
            body = json.loads(text)
        except ValueError:
            body = {}
        body = body if isinstance(body, dict) else {}
        if body.get(one.field) != one.word:
            if one.default is not None:
                found.append((at, one.default))
        elif not one.value.startswith("$."):
            found.append((at, float(one.value)))
        elif one.value[2:] in body:
            found.append((at, float(body[one.value[2:]])))
    return {one.series: found}
