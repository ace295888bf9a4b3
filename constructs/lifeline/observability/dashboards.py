"""The one screen of the person on call: a dashboard a region, and one for the recovery.

A dashboard's name is the account's, not a region's, so it carries the region's code; its widgets may read
any region. Bodies are plain JSON: a widget each through jsii would cost the synth a second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from lifeline.observability.metric_specs import AnyMetricSpec, MetricSpec
from lifeline.site import Site

COLUMNS = 24
GRAPH_HEIGHT = 6
ALARMS_HEIGHT = 4
TABLE_HEIGHT = 8
TEXT_HEIGHT = 2
MOST_ALARMS = 100
"""In one alarm widget (CloudWatch's dashboard body structure)."""
LONGEST_LOOK = "-P3M"
"""How far a single value of a rare figure looks back."""


@dataclass(frozen=True, kw_only=True)
class GraphWidget:
    """A graph of labelled metrics; each of `annotations` is a horizontal line.

    `region`: None is the dashboard's own. For what is published rarely, of the last three months:
    `latest` is the newest value alone, `history` one point a day.
    """

    title: str
    metrics: Mapping[str, AnyMetricSpec]
    annotations: Mapping[str, float] = field(default_factory=dict)
    region: str | None = None
    latest: bool = False
    history: bool = False


@dataclass(frozen=True, kw_only=True)
class AlarmStatusWidget:
    """The state of alarms, by literal ARN; they may lie in several regions."""

    title: str
    arns: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class LogQueryWidget:
    """The newest answers of a Logs Insights query on one log group."""

    title: str
    log_group: str
    query: str
    region: str | None = None


@dataclass(frozen=True, kw_only=True)
class TextWidget:
    """A line of Markdown."""

    text: str


Widget = GraphWidget | AlarmStatusWidget | LogQueryWidget | TextWidget


class Dashboard(Construct):
    """`rows` from top to bottom; the widgets of a row share its width.

    Covers: a person who must see a whole region at one look. Does not cover: paging; alarms do that.
    The body names metrics and alarms by their names alone: it depends on no other stack or region.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        name: str,
        rows: Sequence[Sequence[Widget]],
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self.name = site.names.cross_region_name(name)
        self.body = {"start": "-PT3H", "widgets": _laid_out(rows, site.region.name)}
        cloudwatch.CfnDashboard(
            self, "Dashboard", dashboard_name=self.name, dashboard_body=json.dumps(self.body)
        )


def _laid_out(rows: Sequence[Sequence[Widget]], home: str) -> list[dict[str, Any]]:
    widgets = []
    top = 0
    for row in rows:
        if not row:
            raise ValueError(
                "A dashboard has an empty row; allowed is at least one widget in each."
            )
        width = COLUMNS // len(row)
        height = max(_height(one) for one in row)
        for place, one in enumerate(row):
            kind, properties = _rendered(one, home)
            widgets.append(
                {
                    "type": kind,
                    "x": place * width,
                    "y": top,
                    "width": width,
                    "height": height,
                    "properties": properties,
                }
            )
        top += height
    return widgets


def _height(widget: Widget) -> int:
    match widget:
        case GraphWidget():
            return GRAPH_HEIGHT
        case AlarmStatusWidget():
            return ALARMS_HEIGHT
        case LogQueryWidget():
            return TABLE_HEIGHT
        case TextWidget():
            return TEXT_HEIGHT


def _rendered(widget: Widget, region: str) -> tuple[str, dict[str, Any]]:
    match widget:
        case GraphWidget():
            return "metric", _graph(widget, region)
        case AlarmStatusWidget():
            if len(widget.arns) > MOST_ALARMS:
                raise ValueError(
                    f"{len(widget.arns)} alarms on one widget; allowed are {MOST_ALARMS}."
                )
            return "alarm", {"title": widget.title, "alarms": list(widget.arns)}
        case LogQueryWidget():
            return "log", {
                "title": widget.title,
                "region": widget.region or region,
                "view": "table",
                "query": f"SOURCE '{widget.log_group}' | {widget.query}",
            }
        case TextWidget():
            return "text", {"markdown": widget.text}


def _graph(graph: GraphWidget, region: str) -> dict[str, Any]:
    metrics: list[list[Any]] = []
    for number, (label, line) in enumerate(graph.metrics.items()):
        if isinstance(line, MetricSpec):
            metrics.append(_metric(line, {"label": label}))
            continue
        drawn = line.with_ids({key: f"{key}x{number}" for key in line.using_metrics})
        metrics.extend(
            _metric(one, {"id": key, "visible": False})
            if isinstance(one, MetricSpec)
            else [{"expression": one.expression, "id": key, "visible": False}]
            for key, one in drawn.using_metrics.items()
        )
        metrics.append([{"expression": drawn.expression, "label": label}])
    shown = {
        "title": graph.title,
        "region": graph.region or region,
        "period": 60,
        "metrics": metrics,
        "view": "singleValue" if graph.latest else "timeSeries",
    }
    if graph.latest:
        return shown | {"start": LONGEST_LOOK, "end": "P0D", "period": 86_400}
    if graph.history:
        shown |= {"start": LONGEST_LOOK, "end": "P0D", "period": 86_400}
    annotations = [{"label": label, "value": value} for label, value in graph.annotations.items()]
    return shown | ({"annotations": {"horizontal": annotations}} if annotations else {})


def _metric(metric: MetricSpec, options: Mapping[str, Any]) -> list[Any]:
    dimensions = [word for pair in sorted(metric.dimensions.items()) for word in pair]
    return [
        metric.namespace,
        metric.metric_name,
        *dimensions,
        {"stat": metric.statistic, **options},
    ]
