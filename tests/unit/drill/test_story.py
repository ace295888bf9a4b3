"""What a report says in one sentence, four figures and a table, of runs that were."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from drill import evidence, objective_rows, report, spans, story, time_axis
from drill import replay as replayed
from drill.guards import sentence as told
from drill.guards import states
from drill.live_view import view
from drill.platform_records import instant_text, seconds_of
from tests.unit.drill.recorded_runs import KINDS, recorded
from tests.unit.drill.sample_evidence import FAULT, START, body

CLAIMS = (
    "recovered in", "was carried out", "restored the data path", "served by the surviving",
    "keep every event", "shows that the",
)  # fmt: skip
"""Words that only a run that recovered may say."""


def text_of(page: str) -> str:
    """What a reader sees, in one line."""
    page = re.sub(r"<(style|title)>.*?</\1>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_run_holds(kind: str) -> None:
    evidence.validate(recorded(kind))


def test_the_sentence_names_verdict_limit_and_where_the_time_went() -> None:
    assert story.sentence(recorded("first_format")) == (
        "FAIL: recovered in 162.6 s, limit 120 s. "
        "92 s more went by after the plan, until transactions were answered."
    )
    said = story.sentence(recorded("pass"))
    assert re.fullmatch(
        r"PASS: recovered in \d+\.\d s, limit 120 s; no accepted event was lost\. "
        r"\d+ s passed before the plan began\.( Before the fault only .+)?",
        said,
    )
    assert story.sentence(recorded("noop")) == (
        "PASS: nothing was broken on purpose, and nothing failed over; no accepted event was lost."
    )


def test_who_did_not_recover_is_not_said_to_have() -> None:
    """A run on a machine that was used by others, too, said "until transactions were answered"."""
    run = recorded("overloaded")
    assert run["rto_seconds"] is None
    assert story.sentence(run) == (
        "FAIL: it did not recover, limit 120 s. 123 s passed before the plan began, 76 s of them: "
        "ca-west-1 holds: markers unknown. 4 more objectives were not met. "
        "Before the fault only 0 of 81 test transactions were answered, so it says less of the failover."
    )
    parts = spans.spans(run)
    assert not any("were answered" in one.meaning for one in parts)
    # The stream ended there; checking took minutes more.
    assert parts[-1].end < seconds_of(run["phases"][-1]["at"]) - seconds_of(run["fault_at"])
    later = [one | {"at": instant_text(seconds_of(one["at"]) - 115)} for one in run["decisions"]
             if one["action"] == "take"]  # fmt: skip
    early = run | {"timeline": [], "decisions": later}
    assert "s after the take transactions were not answered yet." in story.longest_part(early)


def decided(since: float, reason: str, action: str = "hold") -> dict[str, Any]:
    return {"at": instant_text(FAULT + since), "region": "ca-west-1", "action": action,
            "reason": reason, "evidence": {}}  # fmt: skip


def test_a_fail_names_what_the_standby_waited_for() -> None:
    met = body()["objectives_met"] | {"recovered_in_time": False}
    tries = [
        {"at": START + s, "green": not 60 <= s < 200, "seconds": 0.4, "detail": ""}
        for s in range(220)
    ]
    run = body(verdict="FAIL", rto_seconds=140.0, objectives_met=met, synthetic_tries=tries,
               timeline=[], decisions=[
                   decided(9, "lease-not-expired"), decided(12, "paused"),
                   decided(130, "own-probe-unknown"), decided(131, "active-lost", "take")])  # fmt: skip
    assert story.sentence(run) == (
        "FAIL: recovered in 140.0 s, limit 120 s. 131 s passed before the plan began, 118 s of them: "
        "ca-west-1 holds: paused."
    )
    never = run | {"rto_seconds": None, "decisions": [
        decided(-30, "lease-moves"), decided(9, "lease-not-expired"), decided(12, "paused")]}  # fmt: skip
    assert story.sentence(never) == (
        "FAIL: it did not recover, limit 120 s. Nothing was taken over: ca-west-1 holds: paused."
    )
    silent = never | {"decisions": [decided(-30, "lease-moves")]}
    assert story.sentence(silent) == (
        "FAIL: it did not recover, limit 120 s. Nothing was taken over: ca-west-1 holds: lease moves."
    )
    unheard = never | {"decisions": []}
    assert story.sentence(unheard).endswith("Nothing was taken over: no keeper decided anything.")


def test_a_plan_that_went_on_after_service_came_back_is_not_said_to_have_ended_before() -> None:
    run = recorded("pass")
    ends = max(seconds_of(one["ended_at"]) for one in run["timeline"] if one["ended_at"])
    parts = {one.name: one for one in spans.spans(run)}
    back = parts["plan"].end + seconds_of(run["fault_at"])
    assert ends > back
    assert parts["plan"].meaning == "until transactions were answered, while the failover plan ran"


def test_what_was_not_examined_has_no_count() -> None:
    """A drill on AWS reads no log: its table said that every safe event was missing there."""
    run = recorded("noop")
    objective = "what_was_called_safe_is_in_the_other_log"
    unread = run | {
        "unexamined": {objective: "No way leads to the logs from outside."},
        "events": run["events"] | {"not_in_the_log": 5_962},
    }
    assert dict(report.table(unread))["safe, not in the log"] == "not examined"
    assert dict(report.table(unread | {"unexamined": {}}))["safe, not in the log"] == "5,962"
    assert dict(report.table(unread))["order violations"] == "0"


def test_a_run_without_a_fault_has_no_rto_anywhere() -> None:
    """A noop printed `RTO 3.0 s`: the longest of two slow transactions."""
    run = recorded("noop")
    assert run["rto_seconds"] is None
    names = [name for name, _ in report.table(run)]
    assert "RTO" not in names
    assert "longest outage" in names
    # Of the first formats, which recorded one.
    assert "RTO" not in [name for name, _ in report.table(run | {"rto_seconds": 3.002})]
    page = text_of(report.render(run))
    assert "Recovered" not in page
    assert "Longest outage" in page


@pytest.mark.parametrize("kind", ["fail", "noop"])
def test_a_fail_and_a_noop_claim_nothing_that_they_did_not_show(kind: str) -> None:
    """Acceptance 3, S1: each claimed that a plan was carried out and that it restored the data path."""
    run = recorded(kind)
    # What today's code says of the recorded run's objectives.
    run |= {"controls": evidence.controls(run["scenario"], run["verdict"], run["objectives_met"])}
    page = text_of(report.render(run)).lower()
    allowed = {"recovered in"} if kind == "fail" else set()
    assert not [one for one in CLAIMS if one in page and one not in allowed]
    assert "pass:" not in page if kind == "fail" else "fail:" not in page
    if kind == "noop":
        # It did not run, so that this run says nothing of it but that it did not start.
        assert "tested the contingency plan" not in page
        assert "the contingency plan did not run" in page
        assert not [
            one for one in ("surviv", "exposure", "rto", "recovered") if one in told_by(page)
        ]


def told_by(page: str) -> str:
    """Without what is only listed: an event's counters are called "recovered" in every run."""
    return page[: page.index("for reference")]


def test_an_invalid_run_says_so_and_claims_nothing() -> None:
    effect = {"measured": False, "how": "GET /health of ca-central-1 said 200"}
    run = body(
        verdict="INVALID",
        effect=effect,
        controls=[],
        objectives_met={**body()["objectives_met"], "fault_had_an_effect": False},
    )
    sealed = evidence.seal(run, None)
    assert story.sentence(sealed) == (
        "INVALID: the fault had no measured effect, so the run says nothing. "
        "GET /health of ca-central-1 said 200."
    )
    page = text_of(report.render(sealed)).lower()
    assert not [one for one in CLAIMS if one in page and one != "recovered in"]


@pytest.mark.parametrize(
    ("unmet", "changes", "words"),
    [
        ("no_accepted_event_lost", {"lost": 12}, "FAIL: 12 of 191,210 accepted events were lost, limit 0."),
        ("order_kept", {}, "FAIL: 0 violations of order, limit 0."),
        ("clients_were_served", {}, "FAIL: only 100.0% of 74 transactions were answered, limit 80%."),
        ("every_event_answered", {"unaccepted": 3},
         "FAIL: every event answered: not met (3 unanswered, limit 0 unanswered)."),
    ],
)  # fmt: skip
def test_the_objective_that_was_not_met_decides_the_sentence(
    unmet: str, changes: dict[str, int], words: str
) -> None:
    run = body()
    run["events"] |= changes
    run |= {"verdict": "FAIL", "objectives_met": run["objectives_met"] | {unmet: False}}
    assert story.sentence(run) == words


def test_the_gravest_of_several_comes_first_and_the_others_are_counted() -> None:
    met = body()["objectives_met"] | {
        "recovered_in_time": False, "no_accepted_event_lost": False, "order_kept": False,
    }  # fmt: skip
    run = body(verdict="FAIL", objectives_met=met)
    assert story.sentence(run).endswith("lost, limit 0. 2 more objectives were not met.")
    rows = objective_rows.rows(run)
    assert [row.met for row in rows[:4]] == [False, False, False, True]


def test_one_other_objective_that_was_not_met_is_named() -> None:
    """ "1 more objective was not met" left the reader to look for it."""
    met = body()["objectives_met"] | {"no_accepted_event_lost": False, "order_kept": False}
    run = body(verdict="FAIL", objectives_met=met, order_violations=7)
    run["events"] |= {"lost": 12}
    assert story.sentence(run) == (
        "FAIL: 12 of 191,210 accepted events were lost, limit 0. Also: 7 violations of order, limit 0."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_none_lost_is_said_with_how_many_there_were_and_where(kind: str) -> None:
    """None of none is no success; and a run without a fault has no surviving region."""
    run = recorded(kind)
    (lost,) = [one for one in story.figures(run) if one.name == "Lost"]
    assert f"of {run['events']['accepted']:,} accepted events; all are stored in" in lost.meaning
    assert "those that are not stored in" in next(
        one.meaning for one in story.figures(run | {"events": run["events"] | {"lost": 3}})
    )
    assert run["survivor"] in lost.meaning
    measured = {one.name: one.measured for one in objective_rows.rows(run)}
    of = f"of {run['events']['accepted']:,}"
    assert measured["no_accepted_event_lost"] == f"0 {of}"
    if "what_was_called_safe_is_in_the_other_log" in measured:
        safe = run["events"]["safe"]
        assert measured["what_was_called_safe_is_in_the_other_log"] == f"0 of {safe:,} missing"
        assert measured["nothing_called_safe_was_needed_again"] == f"0 of {safe:,}"


def test_what_was_ill_before_the_fault_is_not_laid_to_the_fault() -> None:
    """A run on a busy machine failed on time, and its clients were not served before the fault either."""
    run = body()
    assert story.before_the_fault(run) == ""
    for one in run["synthetic_tries"][40:48]:
        one["green"] = False
    # Those that began less than a deadline before the fault may fail because of it.
    run["synthetic_tries"][58]["green"] = False
    assert story.before_the_fault(run) == (
        "Before anything was broken, 8 of 57 test transactions were not answered."
    )
    assert "before the fault" not in story.sentence(run)
    assert "8 of 57 test transactions" in text_of(report.render(evidence.seal(run, None)))
    assert story.before_the_fault(recorded("noop")) == ""


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_a_service_that_was_ill_before_the_fault_stands_in_the_sentence(verdict: str) -> None:
    """Three readers laid to the failover what was so before anything was broken."""
    run = body(verdict=verdict)
    if verdict == "FAIL":
        run["objectives_met"] = run["objectives_met"] | {"clients_were_served": False}
    for one in run["synthetic_tries"][:20]:
        one["green"] = False
    assert story.sentence(run).endswith(
        " Before the fault only 37 of 57 test transactions were answered, so it says less of the failover."
    )
    measured = {one.name: one.measured for one in objective_rows.rows(run)}
    # Of the sample's 74 the outage is left out; what is counted is what the tries say.
    assert measured["clients_were_served"].endswith("; 37 of 57 before the fault")


def test_a_run_whose_clients_failed_before_the_fault_is_said_to_be_invalid_for_that() -> None:
    run = body(verdict="INVALID")
    run["objectives_met"] = run["objectives_met"] | {"clients_were_served_before_the_fault": False}
    for one in run["synthetic_tries"][:50]:
        one["green"] = False
    assert story.sentence(run) == (
        "INVALID: before the fault only 7 of 57 test transactions were answered, so the run says nothing of "
        "what the fault did."
    )


PAGE = {
    "at": instant_text(FAULT + 61), "region": "ca-central-1", "text": "…", "missing": [],
    "subject": "Lifeline drill ca-central-1: serves-degraded",
}  # fmt: skip
DEGRADED = {
    "how": "served degraded, and a person was told", "seconds": 61.6, "limit_seconds": 120.0,
    "outage_seconds": 77.4, "page": PAGE,
}  # fmt: skip


def degraded(**decided: Any) -> dict[str, Any]:
    met = {
        "decided_in_time": True,
        "page_says_what_to_do": True,
        "served_again_after_the_repair": True,
    }
    return body(
        scenario="database-dead", survivor="ca-central-1", rto_seconds=None, rpo_seconds=None, epochs=[1],
        timeline=[], rto_limit_seconds=None, objectives_met=met, decided=DEGRADED | decided,
    )  # fmt: skip


def test_a_region_that_served_degraded_says_after_how_long_a_person_was_told() -> None:
    run = degraded()
    assert story.sentence(run) == (
        "PASS: served degraded, and a person was told after 61.6 s, limit 120 s; served again once it was "
        "repaired; no accepted event was lost."
    )
    told = story.figures(run)[1]
    assert (told.name, told.value, told.limit) == ("Told within", "61.6 s", "limit 120 s")
    assert "lasted 77.4 s" in told.meaning
    rows = {one.name: one.measured for one in objective_rows.rows(run)}
    assert rows["decided_in_time"] == "served degraded, and a person was told after 61.6 s"
    assert rows["page_says_what_to_do"] == PAGE["subject"]
    assert rows["served_again_after_the_repair"] == "after 77.4 s without service"
    assert dict(report.table(run))["decided after"] == "61.6 s"
    evidence.seal(run, None)


def test_a_loss_that_nobody_decided_is_said_so() -> None:
    run = degraded(seconds=None, page=None, outage_seconds=None)
    run |= {"verdict": "FAIL", "objectives_met": dict.fromkeys(run["objectives_met"], False)}
    assert story.sentence(run).startswith(
        "FAIL: the loss was not decided in time (nobody decided it, limit 120 s)."
    )
    rows = {one.name: one.measured for one in objective_rows.rows(run)}
    assert rows["page_says_what_to_do"] == "no page"
    assert rows["served_again_after_the_repair"] == "not served again"
    assert story.figures(run)[1].value == "nobody was told"


def test_every_objective_of_the_verdict_has_its_words() -> None:
    for kind in KINDS:
        for row in objective_rows.rows(recorded(kind)):
            assert row.meaning, row.name


@pytest.mark.parametrize("kind", ["pass", "fail"])
def test_the_parts_of_the_time_add_up_to_the_rto(kind: str) -> None:
    run = recorded(kind)
    parts = spans.spans(run)
    assert [one.name for one in parts][:3] == ["detect", "guards", "plan"]
    assert sum(one.seconds for one in parts) == pytest.approx(run["rto_seconds"], abs=0.01)
    assert all(a.end == b.begin for a, b in pairwise(parts))


def test_a_standby_that_still_sees_renewals_has_not_noticed() -> None:
    run = recorded("pass")
    unaware = {
        "at": instant_text(seconds_of(run["fault_at"]) + 1),
        "region": "ca-west-1",
        "action": "hold",
        "reason": "lease-moves",
    }
    decisions = sorted([*run["decisions"], unaware], key=lambda one: str(one["at"]))
    assert spans.spans(run | {"decisions": decisions}) == spans.spans(run)


def test_where_nothing_took_over_no_time_is_explained() -> None:
    assert spans.spans(recorded("noop")) == []
    assert report.where_the_time_went(recorded("noop")) is None
    untaken = [one for one in recorded("pass")["decisions"] if one["action"] != "take"]
    assert spans.spans(recorded("pass") | {"decisions": untaken}) == []


def test_the_lag_ends_at_the_fault_as_the_exposure() -> None:
    run = recorded("pass")
    lane = next(one for one in time_axis.lanes(run) if one.title.startswith("Age of"))
    points = getattr(lane, "points")  # noqa: B009
    assert points[-1] == (0.0, run["rpo_seconds"])
    assert all(at <= 0 for at, _ in points)


def test_the_time_says_from_which_moment_it_counts() -> None:
    """Readers found 150.4 s beside "served again, T+148 s"."""
    run = recorded("fail")
    begin, end = spans.outage(run) or (0.0, None)
    assert begin < -0.05
    assert end is not None
    page = text_of(report.render(run))
    assert f"Counted from T−{-begin:.1f} s, when the first test transaction began that" in page
    assert f"to T+{end:.1f} s." in page


def alarm(name: str, *states: tuple[float, str], cannot: str = "") -> dict[str, Any]:
    changes = [{"at": instant_text(FAULT + at), "state": state} for at, state in states]
    return {"name": name, "region": "ca-west-1", "changes": changes, "figures": 9,
            "not_provable": cannot}  # fmt: skip


def test_alarms_that_had_no_time_to_fire_are_not_counted_as_silent() -> None:
    """19 of 28 "judged" alarms could not have fired in the time that the run had."""
    alarms = [
        alarm("log-hole", (0, "OK")),
        alarm("events-at-risk", (0, "OK"), cannot="It must breach for 180 s; 156 s were judged."),
        alarm("log-cpu", cannot="Its figures are AWS's own."),
    ]
    run = body(scenario="noop", alarms=alarms, fault_at=None)
    run["objectives_met"] = run["objectives_met"] | {"no_alarm_without_a_fault": True}
    (row,) = [one for one in objective_rows.rows(run) if one.name == "no_alarm_without_a_fault"]
    assert row.measured == "none fired; 1 of 3 could have"
    assert "Alarms: 1 of 3 had figures and time to fire; none fired" in time_axis.drawn(run)


def test_what_may_fire_is_told_beside_what_must() -> None:
    """Three alarms had fired, one stood as the limit, and the text said "and of nothing else"."""
    run = body(alarms=[alarm("events-at-risk", (0, "OK"), (99, "ALARM"))])
    run["objectives_met"] = run["objectives_met"] | {"alarms_fired_as_they_should": True}
    (row,) = [one for one in objective_rows.rows(run) if one.name == "alarms_fired_as_they_should"]
    assert row.limit == "replication-lag-log"
    assert "nothing else" not in row.meaning
    assert "may set off: replication-lag-log, replication-lag-log-warning, " in text_of(
        report.render(evidence.seal(run, None))
    )


def test_what_waits_is_counted_back_from_the_end() -> None:
    def second(at: int, accepted: int, stored: int) -> dict[str, Any]:
        return {"at": at, "accepted_per_second": accepted, "stored_per_second": stored}

    samples = [second(1, 10, 10), second(2, 10, 0), second(3, 10, 0), second(4, 10, 30)]
    events = {"accepted": 40, "stored": 40}
    assert time_axis.backlog(samples, events) == [(1.0, 0.0), (2.0, 10.0), (3.0, 20.0), (4.0, 0.0)]


def test_the_lab_is_named_and_aws_is_not_called_emulated() -> None:
    assert "not on AWS" in text_of(report.render(recorded("pass")))
    assert "emulated" not in text_of(report.render(recorded("pass") | {"target": "aws"}))


def test_degraded_steps_are_told_with_their_reasons() -> None:
    found = story.degraded(recorded("pass"))
    assert [name for name, _, _ in found] == ["files", "secrets"]
    assert all(why for _, _, why in found)
    unexcused = story.degraded(recorded("pass") | {"exceptions": {}})
    assert all(said and not why for _, said, why in unexcused)


def test_a_decision_is_told_with_its_reason_and_how_long_it_holds() -> None:
    held = {
        "region": "ca-west-1",
        "action": "hold",
        "reason": "lease-not-expired",
        "evidence": {"unmoved_seconds": 10.2},
    }
    assert told(held) == "ca-west-1 holds: lease not expired, 20 s to go"
    paused = decided(12, "paused") | {"evidence": {"until": FAULT + 72}}
    assert told(paused) == "ca-west-1 holds: paused, 60 s to go"
    found = states(held, age_seconds=5.0)
    assert [one.state for one in found[:3]] == ["passed", "holds", "not asked"]
    assert found[1].seconds_to_go == pytest.approx(14.8)
    assert told(held, 5.0) == "ca-west-1 holds: lease not expired, 15 s to go"
    assert told(held, 60.0) == "ca-west-1 holds: lease not expired, 0 s to go"
    assert {one.state for one in states({**held, "action": "take"}, 0.0)} == {"passed"}
    assert {one.state for one in states(None, 0.0)} == {"not asked"}


def test_the_headline_counts_down_with_the_guards() -> None:
    """The headline stood at 18 s to go for ten seconds, the row under it said 8."""
    run = recorded("pass")
    decision = next(
        one
        for one in run["decisions"]
        if one["reason"] == "lease-not-expired" and one["at"] > run["fault_at"]
    )
    for seconds in (1.0, 5.0):
        now = replayed.at(run, seconds_of(decision["at"]) + seconds)
        shown = view(now, ())
        (holds,) = [one for one in shown.waiting_for if one.state == "holds"]
        assert f", {holds.seconds_to_go:.0f} s to go" in story.sentence(now)
        assert shown.decision in story.sentence(now)


def test_the_bar_says_that_a_person_had_paused() -> None:
    meaning = {one.name: one.meaning for one in spans.spans(recorded("fail"))}["detect"]
    assert meaning.endswith("; failover was paused for 95 s of it")
    assert "paused" not in str(spans.spans(recorded("pass")))


def test_a_replay_knows_nothing_of_what_comes_later() -> None:
    run = recorded("pass")
    fault = seconds_of(run["fault_at"])
    before = replayed.at(run, fault - 10)
    assert before["fault_at"] is None
    assert before["verdict"] is None
    assert before["faults"] == before["timeline"] == []
    assert story.sentence(before) == "Running: nothing is broken yet."
    during = replayed.at(run, fault + 20)
    assert during["epochs"] == [1]
    assert max(one["at"] for one in during["synthetic_tries"]) <= fault + 20
    assert during["rto_seconds"] is None
    for name in ("decisions", "faults", "phases", "epoch_times"):
        assert during[name]
        assert all(seconds_of(one["at"]) <= fault + 20 for one in during[name]), name
    values = [one.value for one in story.figures(during)]
    assert values[0] == values[-1] == story.NOT_YET


def test_the_clock_counts_from_the_fault_or_from_the_beginning() -> None:
    assert story.clock(body(), FAULT + 12) == "T+12 s"
    assert story.clock(body(), FAULT - 12) == "T−12 s"
    assert story.clock(body(fault_at=None), START + 12) == "12 s"
    assert seconds_of(instant_text(FAULT)) == FAULT
