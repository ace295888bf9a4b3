"""The rows: what would happen, what holds, what is at risk; UNKNOWN is shown, and never ok."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from rich.console import Console

from lifeline.cli.status.document import document
from lifeline.cli.status.facts import AlarmFacts, Facts, PlanFacts
from lifeline.cli.status.render import rendered
from lifeline.cli.status.screen import Row, Screen, State, ago, screen
from lifeline.lambdas.failover.lease import NO_HOLDER
from tests.unit.cli.status.looks import (
    ACTIVE_REPORT,
    HOME,
    LAG,
    LEASE,
    NOW,
    RECOVERY,
    SILENT,
    STANDBY_REPORT,
    look,
    lost,
    region,
)

SCHEMA = Path(__file__).resolve().parents[4] / "schemas" / "status.schema.json"


def row(found: Screen, label: str) -> Row:
    return next(one for one in (found.if_active_died, *found.rows) if one.label.startswith(label))


def drawn(facts: Facts, width: int = 100) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(rendered(facts, screen(facts)))
    return console.export_text()


def test_the_time_is_that_of_the_regions_own_plan() -> None:
    """A pilot light takes longer; a keeper of an older release does not say what its plan takes."""
    told = replace(STANDBY_REPORT, plan_budget_seconds=335)
    assert (
        "within 335 s by the plan"
        in screen(look(recovery=region(RECOVERY, told))).if_active_died.text
    )
    assert "within 275 s by the plan" in screen(look()).if_active_died.text


def test_what_was_given_up_is_never_silent() -> None:
    """Decision 25: its events are lost, whatever the estimate of this moment says."""
    lag = replace(LAG, events_at_risk=0.0, stretches_given_up=2)
    found = row(screen(look(recovery=region(RECOVERY, STANDBY_REPORT, lag=lag))), "at risk")
    assert found.state == State.NOTE
    assert found.text.endswith("; 2 stretches of the log were given up: their events are lost")


def test_a_calm_environment_answers_every_question() -> None:
    facts = look()
    found = screen(facts)
    assert {one.state for one in found.rows} <= {State.OK, State.NOTE}
    assert found.if_active_died.text.startswith("ca-west-1 would take over by itself, within ")
    assert "the last 1.2 s of events (allowed 60 s)" in found.if_active_died.text
    assert row(found, "at risk").text.startswith("about 480 events of about 37 patients")
    assert row(found, "decides: ca-west-1").text == (
        "hold, lease-moves for 2 h 05 min. The other region renews its lease: all is well."
    )
    assert row(found, "last drill").text == (
        "passed in the lab (emulated: no promise about AWS): region-loss, RTO 51.2 s, RPO 1.6 s, 12 days ago"
    )
    assert {one.store: one.seconds for one in found.stores} == {
        "log": 1.1,
        "database": 0.4,
        "cache": None,
        "files": 400.0,
        "secrets": None,
    }


def test_the_first_line_says_whether_alarms_are_served() -> None:
    """Read at 3 a.m.: the answer stands before anything else."""
    assert (
        drawn(look())
        .splitlines()[0]
        .startswith(" YES  Patients' alarms are served by ca-central-1")
    )
    dead = look(
        lost(HOME), region(RECOVERY, replace(STANDBY_REPORT, seen=(3, 70), unmoved_seconds=25.0))
    )
    first = drawn(dead).splitlines()[0]
    assert first.startswith(
        " NO  Nobody serves: ca-central-1 holds the lease, which has stood still"
    )
    assert drawn(dead).count("UNKNOWN") >= 4
    assert any(
        "type: lifeline status --suffix dev --watch" in one for one in drawn(dead).splitlines()[:4]
    )


def test_while_nobody_serves_the_screen_says_what_happens_next() -> None:
    still = replace(STANDBY_REPORT, seen=(3, 70), unmoved_seconds=25.0)
    found = screen(look(lost(HOME), region(RECOVERY, still)))
    assert found.if_active_died.label == "what happens next"
    assert found.if_active_died.text.startswith("ca-west-1 takes over by itself, within ")
    held = replace(still, ready=False, ready_reason="witness-probe-unknown")
    assert screen(look(lost(HOME), region(RECOVERY, held))).if_active_died.text == (
        "NOBODY takes over by itself: ca-west-1 would hold, witness-probe-unknown"
    )
    taken = replace(LEASE, holder=RECOVERY, epoch=4)
    taking = replace(STANDBY_REPORT, seen=(4, 71), action="recover", reason="database-behind-lease")
    row_of = screen(look(lost(HOME), region(RECOVERY, taking), lease=taken)).if_active_died
    assert (row_of.state, "goes on by itself" in row_of.text) == (State.NOTE, True)


def test_the_guard_that_would_hold_is_named_with_its_command() -> None:
    lossy = replace(STANDBY_REPORT, ready=False, ready_reason="loss-above-rpo", loss_seconds=94.2)
    found = screen(look(recovery=region(RECOVERY, lossy)))
    assert (found.if_active_died.state, row(found, "ready: ca-west-1").state) == (
        State.BAD,
        State.BAD,
    )
    assert "NOBODY would take over by itself" in found.if_active_died.text
    assert (
        found.if_active_died.command
        == "lifeline authority approve --suffix dev --epoch 4 --loss 95"
    )


@pytest.mark.parametrize(
    "facts",
    [
        look(
            lost(HOME),
            lost(RECOVERY),
            lease=SILENT,
            samples=SILENT,
            witness_alarms=SILENT,
            plan=SILENT,
        ),
        look(
            region(HOME, None, lag=None, decision=None, alarms=AlarmFacts(deployed=False)),
            region(RECOVERY, None, lag=None, decision=None, alarms=AlarmFacts(deployed=False)),
            lease=None,
            samples={},
            witness_alarms=AlarmFacts(deployed=False),
        ),
        look(
            region(HOME, replace(ACTIVE_REPORT, at=NOW - 300)),
            region(RECOVERY, replace(STANDBY_REPORT, at=NOW - 300), lag=replace(LAG, at=NOW - 300)),
            lease=SILENT,
        ),
    ],
)
def test_what_is_not_known_is_never_ok(facts: Facts) -> None:
    found = screen(facts)
    for label in ("ready: ca-central-1", "ready: ca-west-1", "decides: ca-west-1"):
        assert row(found, label).state is State.UNKNOWN, label
    assert found.if_active_died.state is State.UNKNOWN
    known = [one for one in found.rows if one.state is State.OK]
    assert {one.label for one in known} <= {
        "plan", "alarms: ca-central-1", "alarms: ca-west-1", "alarms: us-east-2",
        "ready: us-east-2 (witness)", "last drill",
    }  # fmt: skip


def test_a_word_of_another_release_does_not_break_the_screen() -> None:
    strange = replace(STANDBY_REPORT, ready=False, ready_reason="moon-phase", reason="moon-phase")
    assert "moon-phase" in drawn(look(recovery=region(RECOVERY, strange)))


def test_a_plan_that_runs_shows_its_step() -> None:
    facts = look(
        plan=PlanFacts(
            name="recover-e4-r1",
            completed=False,
            status="running",
            step="await_database",
            step_since=NOW - 12,
        ),
        lease=replace(LEASE, holder=RECOVERY, epoch=4, writer=HOME),
    )
    assert row(screen(facts), "plan").text == (
        "recover-e4-r1 of ca-west-1: running, in step await_database for 12 s"
    )


def test_alarms_that_fire_are_named() -> None:
    firing = AlarmFacts(deployed=True, firing=("stream-late", "log-disk"))
    found = row(
        screen(look(recovery=region(RECOVERY, STANDBY_REPORT, alarms=firing))), "alarms: ca-west-1"
    )
    assert (found.state, found.text) == (State.BAD, "2 fire: stream-late, log-disk")
    assert found.command == "lifeline explain stream-late"


@pytest.mark.parametrize(
    "facts",
    [
        look(),
        look(
            lost(HOME),
            lost(RECOVERY),
            lease=SILENT,
            samples=SILENT,
            witness_alarms=SILENT,
            plan=SILENT,
        ),
        look(lease=None),
        look(lease=replace(LEASE, holder=NO_HOLDER)),
    ],
)
def test_the_json_is_what_its_schema_says(facts: Facts) -> None:
    told: dict[str, Any] = json.loads(json.dumps(document(facts, screen(facts))))
    schema = json.loads(SCHEMA.read_text())
    assert [one.message for one in jsonschema_rs.validator_for(schema).iter_errors(told)] == []
    assert set(told) == set(schema["properties"]) == set(schema["required"])
    assert all(one["state"] == "unknown" for one in told["rows"] if one["label"] in told["unknown"])


def test_spans_of_time_are_short() -> None:
    assert [ago(one) for one in (0, 119, 150, 7_500, 200_000)] == [
        "0 s",
        "119 s",
        "2 min",
        "2 h 05 min",
        "2 days",
    ]


def test_the_screen_fits_a_terminal_of_80_columns() -> None:
    assert max(map(len, drawn(look(), width=80).splitlines())) <= 80


def alone(**changes: Any) -> Facts:
    """A look at an environment of the strategy backup only, which has no witness either."""
    given: dict[str, Any] = {
        "has_standby": False,
        "recovery": "none",
        "witness": HOME,
        "samples": {HOME: ()},
        "regions": (
            region(HOME, ACTIVE_REPORT, lag=replace(LAG, region=HOME, stores={}, drill=None)),
        ),
    }
    return look(**given | changes)


def test_without_a_standby_the_screen_says_that_nobody_takes_over_and_shows_no_lag() -> None:
    facts = alone()
    found = screen(facts)
    assert found.serving.verdict == "YES"
    assert "NOBODY takes over" in found.if_active_died.text
    assert "docs/runbooks/region-lost-backup-only.md" in found.if_active_died.text
    assert found.if_active_died.state is State.NOTE
    assert found.stores == ()
    assert "automatic failover is off" in row(found, "witness").text
    assert "how many is not measured" in row(found, "at risk").text
    assert {one.state for one in found.rows} <= {State.OK, State.NOTE}
    labels = [one.label for one in found.rows]
    assert len(labels) == len(set(labels))
    assert "NOBODY takes over" in drawn(facts)


def test_without_a_standby_a_lost_region_is_bad_and_names_the_runbook() -> None:
    silent = replace(ACTIVE_REPORT, renewed_row=False, reason="database-unreachable")
    found = screen(alone(regions=(region(HOME, silent),)))
    assert found.serving.verdict == "NO"
    assert found.if_active_died.label == "what happens next"
    assert found.if_active_died.state is State.BAD
    assert "region-lost-backup-only" in found.if_active_died.text
    typed = [found.serving_command, *(one.command for one in found.rows)]
    ours = [one for one in typed if one.startswith("lifeline ") and "--suffix" in one]
    assert all("--suffix dev --recovery none --witness none" in one for one in ours), ours
    paused = alone(lease=replace(LEASE, paused_until=NOW + 600))
    assert row(screen(paused), "paused").command == (
        "lifeline authority resume --suffix dev --recovery none --witness none"
    )


def test_the_json_of_an_environment_without_a_standby_is_what_its_schema_says() -> None:
    facts = alone()
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), document(facts, screen(facts)))
