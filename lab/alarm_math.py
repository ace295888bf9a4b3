"""An alarm over arithmetic of metrics, such as `100 * bad / came`, as an alarm over one figure a period.

Functions and queries of metric math are refused: their alarms stand on AWS's own figures. A period in which
one of the metrics has no data has no result, and neither has a division by zero. Source: Amazon CloudWatch
User Guide, "Using math expressions with CloudWatch metrics".
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from lab.alarm_evaluation import Alarm, Samples, Series, alarm_over, datapoints, series_of

OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def over_math(said: Mapping[str, Any], samples: Samples) -> tuple[Alarm, Samples]:
    """From an alarm's properties: the alarm, and what its expression gives, both of a series of its own.

    Raises ValueError for what is no arithmetic over metrics.
    """
    inputs = {one["Id"]: one["MetricStat"] for one in said["Metrics"] if "MetricStat" in one}
    (expression,) = [one["Expression"] for one in said["Metrics"] if "Expression" in one]
    tree = ast.parse(expression, mode="eval").body
    period = max(int(one["Period"]) for one in inputs.values())
    figures = {
        key: datapoints(
            alarm_over(said, series_of(one["Metric"]), one["Stat"], period),
            samples.get(series_of(one["Metric"]), ()),
        )
        for key, one in inputs.items()
    }
    own = Series("math", said["AlarmName"], frozenset())
    found = []
    for number in sorted(set.intersection(*(set(one) for one in figures.values()))):
        try:
            value = _value(tree, {key: one[number] for key, one in figures.items()})
        except ZeroDivisionError:
            continue
        found.append((float(number * period), value))
    return alarm_over(said, own, "Maximum", period), {own: found}


def _value(node: ast.expr, named: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in named:
            return named[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(left, named), _value(right, named))
    raise ValueError(
        f"Cannot evaluate {ast.unparse(node)!r}; allowed are numbers, + - * / and {sorted(named)}."
    )
