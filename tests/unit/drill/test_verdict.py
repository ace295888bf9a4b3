"""The verdict counts what clients saw, what became of every step, and whether the fault was one (E2, R11)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drill import evidence
from drill.availability import Availability, availability
from drill.bad_events import EXPECTED_REASONS, REFUSED_BY_API
from drill.effect import BROKEN_PARTS, Effect, Looks, measure
from drill.scenarios import RPO_TARGET_SECONDS, SCENARIOS, STRUCK_AGAIN, Break
from drill.synthetic import Try, failing_run
from drill.verdict import FAIL, INVALID, PASS, Seen, objectives, verdict
from tests.unit.drill.seen_runs import CLEAN, LOSS, QUIET, step

REGION_LOSS, NOOP = SCENARIOS["region-loss"], SCENARIOS["noop"]
GONE = {"door_status": 0, "door_open": False}


def unmet(scenario: str, seen: Seen) -> list[str]:
    return [name for name, met in objectives(SCENARIOS[scenario], seen).items() if not met]


def tries(colours: str, start: float = 100.0) -> list[Try]:
    return [Try(start + n, one == "+", 0.3) for n, one in enumerate(colours)]


def test_a_noop_whose_clients_were_not_served_fails() -> None:
    """R11: at 4,000 events/s every synthetic transaction failed for 80 s, and the run passed."""
    seen = availability(tries("+" * 15 + "x" * 80), None, limit=0.8)
    assert (seen.tries, seen.answered, seen.longest_outage_seconds) == (95, 15, 79.0)
    run = replace(QUIET, availability=seen)
    assert unmet("noop", run) == ["clients_were_served", "no_outage_without_a_failover"]
    assert verdict(objectives(NOOP, run)) == FAIL


def test_two_slow_transactions_are_no_outage() -> None:
    seen = availability(tries("+++++x+x" + "+" * 80), None, limit=0.8)
    assert unmet("noop", replace(QUIET, availability=seen)) == []


def test_the_failovers_own_outage_is_the_rto_and_not_counted_twice() -> None:
    given = tries("+" * 10 + "x" * 30 + "+" * 10)
    outage = failing_run(given, not_before=108.0)
    assert outage == (110.0, 140.0)
    seen = availability(given, outage, limit=0.8)
    assert (seen.tries, seen.answered, seen.longest_outage_seconds) == (20, 20, 0.0)


def test_an_outage_before_the_fault_counts() -> None:
    given = tries("+++++xxxxx" + "+" * 10 + "x" * 30 + "+" * 10)
    seen = availability(given, failing_run(given, not_before=118.0), limit=0.8)
    assert (seen.tries, seen.answered) == (30, 25)
    seen = availability(tries("x" * 15 + "+" * 15 + "xxx" + "+++"), (130.0, 133.0), limit=0.8)
    assert unmet("region-loss", replace(LOSS, availability=seen)) == ["clients_were_served"]


def test_no_try_at_all_is_not_served() -> None:
    seen = replace(LOSS, availability=Availability(0, 0, 0.0, 0.8))
    assert unmet("region-loss", seen) == ["clients_were_served"]


def test_a_degraded_step_fails_unless_the_target_names_it() -> None:
    degraded = (*LOSS.timeline, step("cache", "degraded"))
    assert unmet("region-loss", replace(LOSS, timeline=degraded)) == ["every_step_done"]
    excused = replace(LOSS, timeline=degraded, exceptions={"cache": "there is none here"})
    assert unmet("region-loss", excused) == []


def test_a_fence_that_reaches_no_lost_region_is_excused_and_no_other_step_is() -> None:
    """A1 stops the old side in any case; the fence is a second lock."""
    for one in SCENARIOS.values():
        assert set(one.excused_steps) == ({"fence"} if one.loses_home else set()), one.name


@pytest.mark.parametrize("outcome", ["failed", "", "paged"])
def test_an_exception_excuses_degraded_and_nothing_else(outcome: str) -> None:
    timeline = (*LOSS.timeline, step("cache", outcome))
    seen = replace(LOSS, timeline=timeline, exceptions={"cache": "there is none here"})
    assert unmet("region-loss", seen) == ["every_step_done"]


def test_a_failover_without_a_recorded_plan_fails() -> None:
    assert unmet("region-loss", replace(LOSS, timeline=())) == ["every_step_done"]


def test_a_fault_without_a_measured_effect_is_invalid() -> None:
    """E2: neither a pass nor a failure of the platform, for nothing was tested."""
    run = replace(LOSS, effect=Effect(False, "GET /health of ca-central-1 answered 200"))
    met = objectives(REGION_LOSS, run)
    assert verdict(met) == INVALID
    assert evidence.controls("region-loss", INVALID, met) == []
    assert verdict(objectives(REGION_LOSS, LOSS)) == PASS


def test_a_fault_in_what_did_not_work_before_it_is_invalid() -> None:
    """E2: clients that were not served before the fault show nothing of what it did."""
    ill = Availability(tries=20, answered=3, longest_outage_seconds=None, limit=0.8)
    run = replace(LOSS, answered_before=ill)
    assert unmet("region-loss", run) == ["clients_were_served_before_the_fault"]
    assert verdict(objectives(REGION_LOSS, run)) == INVALID
    for nothing in (None, replace(ill, tries=0, answered=0)):
        assert verdict(objectives(REGION_LOSS, replace(LOSS, answered_before=nothing))) == INVALID
    assert "clients_were_served_before_the_fault" not in objectives(NOOP, QUIET)


def test_a_rate_that_the_machine_cannot_even_send_fails() -> None:
    """R11: a run that sent a third of what it claims has tested another load."""
    found = replace(CLEAN, sent=400_000, accepted=400_000, stored=400_000, safe=400_000)
    run = replace(QUIET, findings=found, wanted=1_200_000)
    assert unmet("noop", run) == ["asked_rate_was_sent"]
    assert verdict(objectives(NOOP, run)) == FAIL
    assert unmet("noop", replace(run, wanted=450_000)) == []


def test_invalid_goes_before_fail() -> None:
    worse = replace(LOSS, effect=Effect(False, ""), findings=replace(CLEAN, lost=1))
    assert verdict(objectives(REGION_LOSS, worse)) == INVALID


def test_where_nothing_is_broken_there_is_no_effect_to_ask_for() -> None:
    assert "fault_had_an_effect" not in objectives(NOOP, QUIET)
    assert verdict(objectives(NOOP, QUIET)) == PASS


@pytest.mark.parametrize(
    ("what", "seen", "measured"),
    [
        (Break.LOSE_HOME, {"door_status": 0, "door_open": False}, True),
        (Break.LOSE_HOME, {"door_status": 504, "door_open": False}, True),
        (Break.LOSE_HOME, {"door_status": 200}, False),
        (Break.LOSE_HOME, {"door_status": 503}, False),
        (Break.HANG_HOME, {"door_status": 0, "door_open": False}, True),
        (Break.CUT_LINK, {"lag_seconds": 73.0}, True),
        (Break.CUT_LINK, {"lag_seconds": 1.5}, False),
        (Break.CUT_LINK, {"lag_seconds": None}, False),
        *((what, {"part_answers": False}, True) for what in BROKEN_PARTS),
        *((what, {"part_answers": True}, False) for what in BROKEN_PARTS),
        *((what, GONE | {"struck_again": "3 runs killed"}, True) for what in STRUCK_AGAIN),
        *((what, GONE | {"struck_again": ""}, False) for what in STRUCK_AGAIN),
        *((what, {"struck_again": "3 runs killed"}, False) for what in STRUCK_AGAIN),
    ],
)
def test_each_fault_is_measured_where_it_must_show(
    what: Break, seen: dict[str, Any], measured: bool
) -> None:
    unaffected: dict[str, Any] = {
        "since_seconds": 75.0,
        "door_status": 200,
        "door_open": True,
        "lag_seconds": 1.0,
        "part_answers": True,
    }
    effect = measure(what, Looks(**(unaffected | seen)), region="ca-central-1")
    assert effect is not None
    assert effect.measured is measured
    assert effect.how


def test_a_control_is_claimed_only_of_a_fault_that_was_one() -> None:
    met = objectives(REGION_LOSS, LOSS)
    claims = {one["id"] for one in evidence.controls("region-loss", PASS, met)}
    assert "164.308(a)(7)(i)" in claims
    degraded = met | {"every_step_done": False}
    assert "164.308(a)(7)(ii)(B)" not in {
        one["id"] for one in evidence.controls("region-loss", FAIL, degraded)
    }


def test_a_run_that_broke_nothing_does_not_say_that_it_tested_the_plan() -> None:
    met = objectives(NOOP, QUIET)
    said = {one["id"]: one["how"] for one in evidence.controls("noop", PASS, met)}
    assert "did not run" in said[evidence.TESTING]
    assert not any("recovery plan restored" in how for how in said.values())


@pytest.mark.parametrize(
    ("found", "objective"),
    [
        ({"safe": 0}, "some_events_were_called_safe"),
        ({"not_in_the_log": 1}, "what_was_called_safe_is_in_the_other_log"),
        ({"recovered_though_safe": 1}, "nothing_called_safe_was_needed_again"),
    ],
)
def test_what_was_called_safe_must_have_been(found: dict[str, int], objective: str) -> None:
    """E1: the database's own replication would hide a log replicator that copies nothing."""
    seen = replace(LOSS, findings=replace(CLEAN, **found))  # type: ignore[arg-type]
    assert unmet("region-loss", seen) == [objective]


def test_the_rpo_and_the_rto_have_a_limit_each() -> None:
    assert unmet("region-loss", replace(LOSS, rpo_seconds=RPO_TARGET_SECONDS)) == []
    for rpo in (None, RPO_TARGET_SECONDS + 0.1):
        assert unmet("region-loss", replace(LOSS, rpo_seconds=rpo)) == ["rpo_within_target"]
    limit = SCENARIOS["region-loss"].rto_limit_seconds
    assert limit is not None
    for rto in (None, limit, 0.0):
        assert "recovered_in_time" in unmet("region-loss", replace(LOSS, rto_seconds=rto))


def test_an_ordinary_event_among_the_refused_fails() -> None:
    """Where bad events are sent on purpose, nothing else may be rejected beside them."""
    for count, met in ((0, True), (1, False)):
        found = replace(CLEAN, unlabelled_rejects=count)
        rows = objectives(SCENARIOS["region-loss"], replace(LOSS, findings=found, bad_events=True))
        assert rows["nothing_else_rejected"] is met
    rejected = replace(LOSS, findings=replace(CLEAN, rejected=1))
    assert unmet("region-loss", rejected) == ["nothing_rejected"]


@pytest.mark.parametrize(
    ("scenario", "found", "objective"),
    [
        ("noop", {"lost": 1}, "no_accepted_event_lost"),
        ("noop", {"unexpected": 1}, "nothing_unexpected"),
        ("noop", {"order_violations": 1}, "order_kept"),
        ("noop", {"unaccepted": 1}, "every_event_answered"),
        ("noop", {"safe": 9}, "everything_became_safe"),
        ("noop", {"log_differences": 1}, "both_logs_hold_the_same"),
        ("noop", {"platform_probes": 2}, "probes_explained"),
        ("noop", {"refused": 1}, "nothing_rejected"),
        ("region-loss", {"lost": 1}, "no_accepted_event_lost"),
        ("region-loss", {"platform_probes": 3}, "probes_explained"),
        ("region-loss", {"stored": 0}, "events_flowed"),
    ],
)
def test_each_number_of_the_checker_fails_its_own_objective(
    scenario: str, found: dict[str, int], objective: str
) -> None:
    clean = QUIET if scenario == "noop" else LOSS
    seen = replace(clean, findings=replace(clean.findings, **found))  # type: ignore[arg-type]
    assert unmet(scenario, clean) == []
    assert unmet(scenario, seen) == [objective]
    assert verdict(objectives(SCENARIOS[scenario], seen)) == FAIL


def test_a_lost_region_need_not_have_made_everything_safe() -> None:
    """Its log is gone, and what only it held is sent again by the edges."""
    found = replace(CLEAN, safe=1, log_differences=9, platform_probes=2)
    assert unmet("region-loss", replace(LOSS, findings=found)) == []


def test_a_few_events_may_always_be_missing() -> None:
    for sent, met in ((600, True), (599, False)):
        found = replace(CLEAN, sent=sent)
        rows = objectives(NOOP, replace(QUIET, findings=found, wanted=1_000))
        assert rows["asked_rate_was_sent"] is met


def test_a_take_where_nothing_was_broken_fails() -> None:
    for action in ("take", "promote"):
        taken = [{"at": "2026-01-01T00:00:05.000Z", "action": action, "reason": ""}]
        assert unmet("noop", replace(QUIET, decisions=taken)) == ["nobody_took_the_lease"]
    assert unmet("noop", replace(QUIET, epochs=[1, 2])) == ["epochs_as_expected"]


def test_the_standby_must_have_held_before_it_took() -> None:
    hold, take = LOSS.decisions
    late = {**hold, "at": "2026-01-01T00:00:05.001Z"}
    same = {**hold, "at": take["at"]}
    assert unmet("region-loss", replace(LOSS, decisions=[same, take])) == []
    for decisions in ([late, take], [take], [hold]):
        seen = replace(LOSS, decisions=decisions)
        assert unmet("region-loss", seen) == ["held_before_promotion"]


def test_a_drill_that_failed_itself_fails() -> None:
    assert unmet("noop", replace(QUIET, failures=["a sender died"])) == ["edges_healthy"]


def test_bad_events_are_each_refused_for_their_own_reason() -> None:
    right = [(label, min(reasons), "") for label, reasons in EXPECTED_REASONS.items()]
    right.append((REFUSED_BY_API, "refused 413", ""))
    for rejects, met in (
        (right, True),
        (right[1:], False),
        (right[:-1], False),
        ([*right[:-1], (REFUSED_BY_API, "refused 400", "")], False),
        ([(right[0][0], "defect", ""), *right[1:]], False),
        ([*right, ("", "another", "")], True),
    ):
        found = replace(CLEAN, rejects=rejects)
        rows = objectives(REGION_LOSS, replace(LOSS, findings=found, bad_events=True))
        assert rows["bad_events_refused_with_reason"] is met, rejects
        assert rows["nothing_else_rejected"] is True
        assert "nothing_rejected" not in rows


def test_an_outage_of_ten_seconds_is_the_longest_without_a_failover() -> None:
    for longest, met in ((10.0, True), (10.001, False), (None, False)):
        seen = replace(QUIET.availability, longest_outage_seconds=longest)
        rows = objectives(NOOP, replace(QUIET, availability=seen))
        assert rows["no_outage_without_a_failover"] is met
    assert "no_outage_without_a_failover" not in objectives(REGION_LOSS, LOSS)


def test_an_alarm_without_a_figure_is_no_silence() -> None:
    for alarms in ([], [replace(QUIET.alarms[0], figures=0)]):
        assert unmet("noop", replace(QUIET, alarms=alarms)) == ["no_alarm_without_a_fault"]
    assert unmet("noop", replace(QUIET, alarms=LOSS.alarms)) == ["no_alarm_without_a_fault"]
    assert unmet("region-loss", replace(LOSS, alarms=QUIET.alarms)) == [
        "alarms_fired_as_they_should"
    ]
