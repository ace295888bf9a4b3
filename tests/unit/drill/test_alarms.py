"""The platform's alarms over the lines of a region loss in the lab, recorded (recorded/README.md)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from drill.alarms import LOST, fired_needlessly, judged, must_fire, without_figures
from drill.scenarios import SCENARIOS
from drill.targets import AlarmSeen
from drill.targets.local import LocalTarget, alarms_seen
from drill.verdict import FAIL, PASS, Seen, objectives, verdict
from lab.alarm_evaluation import AWS_OWN, FILTERED, MATH, UNJUDGED
from tests.unit.drill.recorded_runs import FOLDER
from tests.unit.drill.seen_runs import LOSS, QUIET

REGION_LOSS, NOOP = SCENARIOS["region-loss"], SCENARIOS["noop"]
RECORDED = json.loads(gzip.decompress((FOLDER / "alarm_lines.json.gz").read_bytes()))
HOME, AWAY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
UNTOLD = {
    **LocalTarget.untold_alarms,
    (HOME, "replication-lag-cache"): "The lab had no cache when this was recorded.",
    (AWAY, "replication-lag-cache"): "The lab had no cache when this was recorded.",
}
STARTED, FAULT, ENDED = RECORDED["started"], RECORDED["fault"], RECORDED["ended"]


def seen(
    end: float = ENDED, lost: str | None = HOME, lines: dict[str, list[str]] | None = None
) -> list[AlarmSeen]:
    told = RECORDED["lines"] if lines is None else lines
    given = alarms_seen(RECORDED["templates"], told, suffix="drill", start=STARTED, end=end)
    since = STARTED if lost is None else FAULT
    return judged(given, seconds=end - since, lost=lost, untold=UNTOLD)


def of_loss(alarms: list[AlarmSeen]) -> Seen:
    return replace(LOSS, survivor=AWAY, alarms=alarms)


def without_fault(lines: dict[str, list[str]] | None = None) -> list[AlarmSeen]:
    """What the same run told up to its fault, judged at the end of that minute."""
    told = {
        region: [one for one in given if json.loads(one)["_aws"]["Timestamp"] < FAULT * 1000]
        for region, given in (RECORDED["lines"] if lines is None else lines).items()
    }
    return seen(end=FAULT // 60 * 60 + 60, lost=None, lines=told)


def lines_with(name: str, value: float, regions: Iterable[str]) -> dict[str, list[str]]:
    """The recorded lines with another value of a metric; `log` of the lags only."""
    changed = {region: list(lines) for region, lines in RECORDED["lines"].items()}
    for region in regions:
        for number, line in enumerate(changed[region]):
            body: dict[str, Any] = json.loads(line)
            if name in body and body.get("Store", "log") == "log":
                changed[region][number] = json.dumps({**body, name: value})
    return changed


def test_the_loss_of_a_region_fires_the_lag_of_the_log_where_it_is_left() -> None:
    alarms = seen()
    fired = {(one.region, one.name) for one in alarms if one.fired}
    assert fired == {(AWAY, "replication-lag-log"), (AWAY, "replication-lag-log-warning")}
    assert must_fire(REGION_LOSS, alarms, AWAY) == []
    assert fired_needlessly(REGION_LOSS, alarms) == []
    assert without_figures(alarms) == []
    assert verdict(objectives(REGION_LOSS, of_loss(alarms))) == PASS


def test_a_lag_alarm_that_stays_silent_fails_the_run() -> None:
    alarms = seen(lines=lines_with("ReplicationLagSeconds", 2.0, [AWAY]))
    assert must_fire(REGION_LOSS, alarms, AWAY) == ["replication-lag-log"]
    met = objectives(REGION_LOSS, of_loss(alarms))
    assert [name for name, one in met.items() if not one] == ["alarms_fired_as_they_should"]
    assert verdict(met) == FAIL


def test_the_lost_regions_own_alarms_excuse_nothing() -> None:
    """Only who is left can call for help."""
    alarms = [replace(one, region=HOME) if one.fired else one for one in seen()]
    assert must_fire(REGION_LOSS, alarms, AWAY) == ["replication-lag-log"]


def test_an_alarm_that_has_nothing_to_do_with_the_fault_fails_the_run() -> None:
    alarms = seen(lines=lines_with("TakeoverReady", 0.0, [WITNESS]))
    assert fired_needlessly(REGION_LOSS, alarms) == [f"takeover-not-ready ({WITNESS})"]
    assert not objectives(REGION_LOSS, of_loss(alarms))["alarms_fired_as_they_should"]


def test_without_a_fault_none_fires() -> None:
    alarms = without_fault()
    assert not any(one.fired or one.breaching for one in alarms)
    assert objectives(NOOP, replace(QUIET, alarms=alarms))["no_alarm_without_a_fault"]


def test_none_fires_in_seven_minutes_without_a_fault() -> None:
    """A whole noop on an overloaded machine: long enough for an evaluation of five minutes."""
    quiet = json.loads(gzip.decompress((FOLDER / "alarm_lines_noop.json.gz").read_bytes()))
    start, end = quiet["started"], quiet["ended"]
    given = alarms_seen(RECORDED["templates"], quiet["lines"], suffix="drill", start=start, end=end)
    alarms = judged(given, seconds=end - start, lost=None, untold=UNTOLD)
    assert (fired_needlessly(NOOP, alarms), without_figures(alarms)) == ([], [])
    provable = {one.name for one in alarms if not one.not_provable}
    assert {"takeover-not-ready", "events-at-risk", "apply-behind-critical"} < provable


@pytest.mark.parametrize(
    ("metric", "value", "about_to_fire"),
    [
        ("TakeoverReady", 0.0, [f"takeover-not-ready ({HOME})"]),
        ("ReplicationLagSeconds", 31.0,
         [f"replication-lag-log ({HOME})", f"replication-lag-log-warning ({HOME})"]),
        ("ConsumerLag", 2_000.0, [f"apply-behind-warning ({HOME})"]),
    ],
)  # fmt: skip
def test_one_that_breaches_all_the_time_without_a_fault_fails_the_run(
    metric: str, value: float, about_to_fire: list[str]
) -> None:
    """A noop is shorter than three minutes: what would fire if it went on counts."""
    alarms = without_fault(lines_with(metric, value, [HOME]))
    assert fired_needlessly(NOOP, alarms) == about_to_fire
    assert not objectives(NOOP, replace(QUIET, alarms=alarms))["no_alarm_without_a_fault"]


@pytest.mark.parametrize("metric", ["TakeoverReady", "EventsAtRisk", "ConsumerLag"])
def test_a_metric_that_nobody_tells_any_more_fails_the_run(metric: str) -> None:
    lines = {
        region: [line for line in told if f'"{metric}"' not in line]
        for region, told in RECORDED["lines"].items()
    }
    alarms = without_fault(lines)
    assert any(HOME in one for one in without_figures(alarms))
    assert not objectives(NOOP, replace(QUIET, alarms=alarms))["no_alarm_without_a_fault"]


def test_no_alarm_that_was_looked_at_is_not_silence() -> None:
    assert not objectives(NOOP, replace(QUIET, alarms=[]))["no_alarm_without_a_fault"]


def test_what_the_lab_cannot_show_is_exactly_this_list() -> None:
    unable = {
        one.name: one.not_provable
        for one in without_fault()
        if one.not_provable in (AWS_OWN, MATH, FILTERED, UNJUDGED)
    }
    by_reason = {why: {n for n, given in unable.items() if given == why} for why in unable.values()}
    assert by_reason == {
        AWS_OWN: {
            "api-latency", "backup-failed", "backup-overdue", "bridge-behind", "database-capacity",
            "database-connections", "database-cpu", "database-service-lag", "failover-step-silent",
            "files-io", "keeper-silent", "lag-meter-silent", "log-offline-partitions", "probe-silent",
            "services-event-applier", "services-event-applier-cpu", "services-query-api",
            "services-query-api-cpu", "stream-late", "stream-silent", "stream-throttled",
        },
        MATH: {
            "api-errors", "apply-failures", "cache-cpu", "cache-memory", "cache-service-lag",
            "failover-step-failing", "files-service-lag", "keeper-failing", "lag-meter-failing",
            "log-cpu", "log-disk", "log-under-replicated", "plan-failed", "probe-failing",
        },
        FILTERED: {"bridge-defects", "events-rejected"},
        # Of the service's scaling: it calls nobody.
        UNJUDGED: {"scale-event-applier"},
    }  # fmt: skip


def test_each_alarm_that_did_not_fire_in_the_region_that_is_left_says_why_it_could_not() -> None:
    alarms = {one.name: one for one in seen() if one.region == AWAY}
    assert alarms["apply-behind-critical"].not_provable == (
        "It must breach for 300 s; 123 s could be judged."
    )
    assert alarms["replication-lag-cache"].not_provable == UNTOLD[AWAY, "replication-lag-cache"]
    # Two minutes of the run's two: it could have fired, and did not.
    assert {name for name, one in alarms.items() if not one.not_provable and not one.fired} == {
        "replication-lag-database"
    }
    assert {one.not_provable for one in seen() if one.region == HOME and one.figures} == {LOST}
