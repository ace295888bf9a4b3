"""Dashboards: bodies that CloudWatch takes, the whole path on one, both regions on the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from lifeline.observability.alarms import Alarms
from lifeline.observability.dashboards import (
    AlarmStatusWidget,
    Dashboard,
    GraphWidget,
    TextWidget,
    Widget,
)
from lifeline.observability.metric_specs import MathSpec, MetricSpec
from lifeline.observability.region_alarms import region_alarms
from lifeline.observability.region_dashboards import failover_rows, region_rows
from lifeline.observability.thresholds import LagThresholds
from tests.unit.constructs.conftest import MakeStack, StackUnderTest
from tests.unit.constructs.observability.observed import metrics_of

METRIC = MetricSpec(
    namespace="Test", metric_name="Figure", dimensions={"B": "2", "A": "1"}, statistic="Sum"
)


def drawn(
    made: StackUnderTest, rows: Sequence[Sequence[Widget]], name: str = "lifeline"
) -> dict[str, Any]:
    Dashboard(made.stack, "It", site=made.site, name=name, rows=rows)
    (one,) = made.resources("AWS::CloudWatch::Dashboard")
    assert one["Properties"]["DashboardName"] == f"{name}-{made.site.region.code}-test"
    body: dict[str, Any] = json.loads(one["Properties"]["DashboardBody"])
    return body


def whole(made: StackUnderTest, name: str) -> dict[str, Any]:
    path, stores = metrics_of(made.stack, made.site)
    alarms = Alarms(
        made.stack,
        "Alarms",
        site=made.site,
        specs=region_alarms(made.site, path=path, stores=stores),
    )
    lag = LagThresholds.of(made.site.settings)
    rows = (
        region_rows(made.site, alarms=alarms, path=path, stores=stores)
        if name == "lifeline"
        else failover_rows(made.site, alarms=alarms, lag=lag)
    )
    return drawn(made, rows, name)


def test_a_row_shares_the_width_and_rows_follow_each_other(make_stack: MakeStack) -> None:
    text, graph = TextWidget(text="# T"), GraphWidget(title="P", metrics={"one": METRIC})
    widgets = drawn(make_stack(), [[text], [graph, graph, graph]])["widgets"]
    places = [(one["x"], one["y"], one["width"], one["height"]) for one in widgets]
    assert places == [(0, 0, 24, 2), (0, 2, 8, 6), (8, 2, 8, 6), (16, 2, 8, 6)]


def test_a_graph_names_metric_dimensions_statistic_and_region(make_stack: MakeStack) -> None:
    (widget,) = drawn(make_stack("ca-west-1"), [[GraphWidget(title="P", metrics={"one": METRIC})]])[
        "widgets"
    ]
    assert widget["properties"]["region"] == "ca-west-1"
    (metric,) = widget["properties"]["metrics"]
    assert metric == ["Test", "Figure", "A", "1", "B", "2", {"stat": "Sum", "label": "one"}]


def test_two_expressions_of_one_graph_do_not_mix(make_stack: MakeStack) -> None:
    share = MathSpec(expression="100 * bad / all", using_metrics={"bad": METRIC, "all": METRIC})
    total = MathSpec(expression="SUM(METRICS())", using_metrics={"bad": METRIC})
    (widget,) = drawn(
        make_stack(), [[GraphWidget(title="P", metrics={"share": share, "total": total})]]
    )["widgets"]
    metrics = widget["properties"]["metrics"]
    assert [one[0]["expression"] for one in metrics if len(one) == 1] == [
        "100 * badx0 / allx0",
        "SUM([badx1])",
    ]
    ids = [one[-1]["id"] for one in metrics if len(one) > 1]
    assert ids == ["badx0", "allx0", "badx1"]


def test_the_region_s_screen_shows_the_path_its_stores_and_every_alarm(
    make_stack: MakeStack,
) -> None:
    made = make_stack()
    body = whole(made, "lifeline")
    listed = [
        arn
        for one in body["widgets"]
        if one["type"] == "alarm"
        for arn in one["properties"]["alarms"]
    ]
    assert len(listed) == len(set(listed)) > 35
    assert (
        "arn:aws:cloudwatch:ca-central-1:123456789012:alarm:log-offline-partitions-test" in listed
    )
    titles = " ".join(one["properties"].get("title", "") for one in body["widgets"])
    for word in (
        "API",
        "Stream",
        "Bridge",
        "Log",
        "Apply",
        "Database",
        "Cache",
        "Files",
        "Backups",
    ):
        assert word in titles
    assert all(one["x"] + one["width"] <= 24 for one in body["widgets"])


def test_the_recovery_screen_shows_both_regions_whatever_is_active(make_stack: MakeStack) -> None:
    body = whole(make_stack("ca-west-1"), "recovery")
    regions = [
        one["properties"]["region"]
        for one in body["widgets"]
        if "Lag" in one["properties"].get("title", "")
    ]
    assert regions == ["ca-west-1", "ca-central-1"]
    (days,) = [one for one in body["widgets"] if "Days" in one["properties"].get("title", "")]
    assert days["properties"]["view"] == "singleValue"
    assert days["properties"]["start"] == "-P3M"
    assert "SOURCE '/aws/lambda/keeper-test'" in json.dumps(body)


def titles(body: dict[str, Any]) -> list[str]:
    return [one["properties"].get("title", "") for one in body["widgets"]]


def first(body: dict[str, Any], word: str) -> int:
    return next(place for place, title in enumerate(titles(body)) if word in title)


@pytest.mark.parametrize(
    ("name", "stores"), [("recovery", "Lag seen in"), ("lifeline", "Database: CPU")]
)
def test_both_screens_ask_in_the_order_of_the_person_on_call(
    make_stack: MakeStack, name: str, stores: str
) -> None:
    """Does it serve? Could the other take over? What would be missing? Then the stores."""
    body = whole(make_stack(), name)
    assert (
        "Does it serve? `lifeline status --suffix test`"
        in body["widgets"][0]["properties"]["markdown"]
    )
    assert (
        first(body, "Pages")
        < first(body, "Ready to take over")
        < first(body, "At risk")
        < first(body, stores)
    )


def test_the_witness_is_on_the_recovery_screen(make_stack: MakeStack) -> None:
    ready = [one for one in titles(whole(make_stack(), "recovery")) if "Ready" in one]
    assert [one.rpartition(" ")[2] for one in ready] == ["ca-central-1", "ca-west-1", "us-east-2"]


def test_the_lab_s_drills_have_a_graph_of_their_own(make_stack: MakeStack) -> None:
    """S1: what was measured in an emulator must never pass for what AWS does."""
    body = whole(make_stack(), "recovery")
    targets = {
        one["properties"]["title"]: {
            line[line.index("Target") + 1] for line in one["properties"]["metrics"]
        }
        for one in body["widgets"]
        if one["properties"].get("title", "").startswith("Drills")
    }
    assert targets == {
        "Drills on AWS: RTO and RPO, seconds": {"aws"},
        "Drills in the lab (emulated: no promise about AWS): RTO and RPO, seconds": {"lab"},
    }
    (graph,) = [one for one in body["widgets"] if "on AWS" in one["properties"].get("title", "")]
    assert (graph["properties"]["view"], graph["properties"]["start"]) == ("timeSeries", "-P3M")
    assert graph["properties"]["annotations"]["horizontal"]


def test_an_account_that_is_not_known_leaves_the_body_whole(make_stack: MakeStack) -> None:
    made = make_stack(account=None)
    path, stores = metrics_of(made.stack, made.site)
    alarms = Alarms(
        made.stack,
        "Alarms",
        site=made.site,
        specs=region_alarms(made.site, path=path, stores=stores),
    )
    Dashboard(
        made.stack,
        "It",
        site=made.site,
        name="lifeline",
        rows=region_rows(made.site, alarms=alarms, path=path, stores=stores),
    )
    (one,) = made.resources("AWS::CloudWatch::Dashboard")
    parts = one["Properties"]["DashboardBody"]["Fn::Join"][1]
    filled = "".join(part if isinstance(part, str) else "123456789012" for part in parts)
    assert "alarm:api-errors-test" in json.dumps(json.loads(filled))


def test_too_many_alarms_and_an_empty_row_are_refused(make_stack: MakeStack) -> None:
    made = make_stack()
    many = AlarmStatusWidget(title="Many", arns=["arn"] * 101)
    with pytest.raises(ValueError, match="101 alarms on one widget"):
        Dashboard(made.stack, "Many", site=made.site, name="lifeline", rows=[[many]])
    with pytest.raises(ValueError, match="an empty row"):
        Dashboard(made.stack, "Empty", site=made.site, name="lifeline", rows=[[]])


def test_the_packs_find_nothing(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    Dashboard(made.stack, "It", site=made.site, name="lifeline", rows=[[TextWidget(text="x")]])
    made.template()
