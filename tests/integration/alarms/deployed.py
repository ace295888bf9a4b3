"""The alarms that the app deploys, over what its code told during a run with one fault.

Name, dimensions, threshold, periods and the treatment of missing data are the synthesized template's; the
lines are those that the deployed functions and services wrote, on a virtual clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.alarm_evaluation import Samples, Series, State, alarm_over, history, series_of
from lab.alarm_math import over_math
from lab.metric_filters import counted, filters_of
from tests.conftest import Assembly

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
CODES = {HOME: "cac1", RECOVERY: "caw1", WITNESS: "use2"}
SUFFIX = "test"
OURS = "Lifeline"
"""How the namespaces of our own metrics begin; those of metric filters go on with the suffix."""


@dataclass(frozen=True)
class Fault:
    """From when to when something was broken, and the run around it; epoch seconds."""

    start: float
    at: float
    healed: float
    end: float


class Deployed:
    """The alarms and metric filters of every stack of one environment, by region."""

    def __init__(self, assembly: Assembly) -> None:
        self._resources: dict[str, list[dict[str, Any]]] = {
            region: [
                one
                for path in sorted(assembly.folder.glob(f"*-{code}.template.json"))
                for one in json.loads(path.read_text())["Resources"].values()
            ]
            for region, code in CODES.items()
        }

    def alarms(self, region: str) -> dict[str, Mapping[str, Any]]:
        """Properties of each alarm, composite ones as well, by its name without the suffix."""
        return {
            one["Properties"]["AlarmName"].removesuffix(f"-{SUFFIX}"): one["Properties"]
            for one in self._resources[region]
            if one["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        }

    def input_of(self, region: str, alarm: str, key: str) -> Series:
        """One of the metrics of an alarm over math."""
        (found,) = [one for one in self.alarms(region)[alarm]["Metrics"] if one["Id"] == key]
        return series_of(found["MetricStat"]["Metric"])

    def counted(
        self, region: str, lines: Mapping[str, list[tuple[float, str]]]
    ) -> dict[Series, list[tuple[float, float]]]:
        """What the metric filters make of `lines`: when and what, by log group."""
        found: dict[Series, list[tuple[float, float]]] = {}
        template = {"Resources": dict(enumerate(self._resources[region]))}
        for one in filters_of(template):
            if one.log_group in lines:
                found |= counted(one, lines[one.log_group])
        return found

    def fired(
        self, region: str, samples: Samples, fault: Fault, told: Iterable[str] = ()
    ) -> set[str]:
        """The alarms that the fault set off, of those whose metrics the run tells.

        `told`: further metrics that the run would tell if nothing were broken. Every alarm must be silent
        before the fault, and again at the run's end.
        """
        names = {one.name for one in samples} | set(told)
        fired = set()
        for name, said in self.alarms(region).items():
            if not _own_metrics(said) & names or "TreatMissingData" not in said:
                continue
            if "Metrics" in said:
                alarm, figures = over_math(said, samples)
            else:
                series = series_of(said)
                alarm = alarm_over(said, series, said["Statistic"], int(said["Period"]))
                figures = samples
            states = history(alarm, figures, start=fault.start, end=fault.end)
            assert states[0][0] <= fault.at, f"{name} ({region}): not looked at before the fault"
            first = next((at for at, state in states if state is State.ALARM), None)
            if first is not None:
                assert first > fault.at, f"{name} ({region}) fired before the fault"
                assert states[-1][1] is State.OK, f"{name} ({region}) did not recover"
                fired.add(name)
        return fired


def _own_metrics(said: Mapping[str, Any]) -> set[str]:
    """The names of our own metrics that an alarm looks at."""
    stats = [one["MetricStat"]["Metric"] for one in said.get("Metrics", []) if "MetricStat" in one]
    metrics = [*stats, *([said] if "Namespace" in said else [])]
    return {one["MetricName"] for one in metrics if one["Namespace"].startswith(OURS)}
