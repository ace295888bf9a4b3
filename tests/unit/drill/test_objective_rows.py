"""Each objective is told with what was measured and what is allowed; what is not known is said as that."""

from __future__ import annotations

from typing import Any

import pytest

from drill.objective_rows import WORDS, Row, rows
from drill.scenarios import SCENARIOS
from drill.static_stability import OK, WITHOUT

FAULT_AT = "2026-01-01T00:01:00.000Z"
FAULT = 1_767_225_660.0
BODY: dict[str, Any] = {
    "scenario": "region-loss",
    "events": {
        "sent": 12_345, "accepted": 12_000, "stored": 11_999, "lost": 1, "unexpected": 2, "safe": 9_000,
        "not_in_the_log": 3, "recovered_though_safe": 4, "unaccepted": 5, "log_differences": 6,
        "platform_probes": 2, "unlabelled_rejects": 7, "rejected": 1_000, "refused": 500,
    },
    "availability": {"tries": 60, "answered": 57, "longest_outage_seconds": 4.25, "limit": 0.8},
    "fault_at": FAULT_AT,
    "synthetic_tries": [
        {"at": FAULT - 30, "green": True},
        {"at": FAULT - 20, "green": False},
        {"at": FAULT + 9, "green": False},
    ],
    "order_violations": 1_234,
    "rto_seconds": 50.04,
    "rto_limit_seconds": 300.0,
    "rpo_seconds": 1.26,
    "rpo_target_seconds": 60.0,
    "epochs": [1, 2],
    "decisions": [{"action": "hold"}, {"action": "take"}, {"action": "promote"}, {"action": "renew"}],
    "timeline": [
        {"step": "acquire", "outcome": "done"},
        {"step": "cache", "outcome": "degraded"},
        {"step": "shift_traffic", "outcome": "failed"},
    ],
    "exceptions": {"cache": "there is none here"},
    "recovery_calls": [
        {"action": "a:Do", "region": "ca-west-1", "verdict": OK},
        {"action": "b:Do", "region": "ca-west-1", "verdict": WITHOUT},
        {"action": "c:Do", "region": "ca-west-1", "verdict": "not in the ledger"},
    ],
    "effect": {"how": "GET /health had no answer"},
    "decided": {
        "how": "taken over", "seconds": 33.0, "limit_seconds": 60.0, "outage_seconds": 71.0,
        "page": {"missing": [], "subject": "Lifeline dev: serves-degraded"},
    },
    "load": {"wanted_events": 13_000},
    "failures": ["a sender died", "a watcher died"],
    "alarms": [
        {"name": "lag", "region": "ca-west-1", "not_provable": False,
         "changes": [{"state": "OK"}, {"state": "ALARM"}]},
        {"name": "quiet", "region": "ca-west-1", "not_provable": False, "changes": [{"state": "OK"}]},
        {"name": "blind", "region": "ca-west-1", "not_provable": True, "changes": [{"state": "OK"}]},
        {"name": "silent", "region": "ca-west-1", "not_provable": False, "changes": []},
    ],
    "cached_reads": {
        "kept_epoch": 1,
        "entries": [{"epoch": 0, "count": 3}, {"epoch": 1, "count": 4}, {"epoch": 2, "count": 50}],
        "answers": [{"epoch": 0}, {"epoch": 1}, {"epoch": 2}, {"epoch": 2}],
    },
    "findings": {"rejects": [1, 2, 3]},
    "objectives_met": {"held_before_promotion": True},
}  # fmt: skip

MEASURED = {
    "fault_had_an_effect": ("GET /health had no answer", "measured"),
    "clients_were_served_before_the_fault": ("1 of 2", "80%"),
    "no_accepted_event_lost": ("1 of 12,000", "0"),
    "nothing_unexpected": ("2", "0"),
    "what_was_called_safe_is_in_the_other_log": ("3 of 9,000 missing", "0 missing"),
    "nothing_called_safe_was_needed_again": ("4 of 9,000", "0"),
    "order_kept": ("1,234 violations", "0"),
    "recovered_in_time": ("50.0 s", "300 s"),
    "decided_in_time": ("taken over after 33.0 s", "60 s"),
    "page_says_what_to_do": ("Lifeline dev: serves-degraded", "all of it"),
    "served_again_after_the_repair": ("after 71.0 s without service", "served again"),
    "epochs_as_expected": ("1, 2", "1, 2"),
    "nobody_took_the_lease": ("2 takes", "0"),
    "rpo_within_target": ("1.3 s", "60 s"),
    "clients_were_served": ("95.0% of 60; 1 of 2 before the fault", "80%"),
    "no_outage_without_a_failover": ("4.2 s", "10 s"),
    "every_step_done": (
        "1 of 3 done; not cache, shift traffic (1 excused)",
        "all, or excused here",
    ),
    "recovery_as_proved": (
        "3 different calls, 1 done without; c:Do in ca-west-1: not in the ledger",
        "only what is proved",
    ),
    "alarms_fired_as_they_should": ("lag (ca-west-1); 2 of 4 could have", "replication-lag-log"),
    "no_alarm_without_a_fault": ("lag (ca-west-1); 2 of 4 could have", "none"),
    "no_cached_value_of_an_epoch_before": (
        "2 of 4 answers; 7 older entries were there",
        "0 answers",
    ),
    "held_before_promotion": ("yes", "yes"),
    "events_flowed": ("11,999 stored", "more than 0"),
    "asked_rate_was_sent": ("12,345 of 13,000", "about all"),
    "every_event_answered": ("5 unanswered", "0 unanswered"),
    "everything_became_safe": ("9,000 of 12,000", "all"),
    "both_logs_hold_the_same": ("6 differences", "0 differences"),
    "some_events_were_called_safe": ("9,000 of 12,000", "more than 0"),
    "edges_healthy": ("a sender died; a watcher died", "no failure"),
    "probes_explained": ("2", "at most 2"),
    "bad_events_refused_with_reason": ("3 refused", "each, with its reason"),
    "nothing_else_rejected": ("7", "0"),
    "nothing_rejected": ("1,500", "0"),
}


def test_every_objective_is_told_here() -> None:
    assert list(MEASURED) == list(WORDS)
    assert SCENARIOS["region-loss"].alarms_that_must_fire == ("replication-lag-log",)


@pytest.mark.parametrize("name", MEASURED)
def test_what_was_measured_stands_beside_what_is_allowed(name: str) -> None:
    words = WORDS[name]
    assert (words.measured(BODY), words.limit(BODY)) == MEASURED[name]


@pytest.mark.parametrize(
    ("name", "change", "measured"),
    [
        ("fault_had_an_effect", {"effect": None}, "not measured"),
        ("clients_were_served_before_the_fault", {"fault_at": ""}, "not recorded"),
        ("no_accepted_event_lost", {"events": {"lost": 0}}, "not recorded"),
        ("no_accepted_event_lost", {"events": {"accepted": 9}}, "not recorded"),
        ("no_accepted_event_lost", {"events": {"lost": 0, "accepted": 0}}, "0 of 0"),
        ("nothing_unexpected", {"events": {}}, "not recorded"),
        ("nothing_unexpected", {"events": {"unexpected": 0}}, "0"),
        ("recovered_in_time", {"rto_seconds": None}, "not recovered"),
        ("decided_in_time", {"decided": None}, "not recorded"),
        ("decided_in_time", {"decided": {"how": "x", "seconds": None}}, "nobody decided it"),
        ("page_says_what_to_do", {"decided": None}, "no page"),
        ("page_says_what_to_do", {"decided": {"page": None}}, "no page"),
        (
            "page_says_what_to_do",
            {"decided": {"page": {"missing": ["the runbook", "the lease"], "subject": "s"}}},
            "missing: the runbook, the lease",
        ),
        ("served_again_after_the_repair", {"decided": None}, "not served again"),
        ("epochs_as_expected", {"epochs": []}, "none"),
        ("nobody_took_the_lease", {"decisions": []}, "0 takes"),
        ("rpo_within_target", {"rpo_seconds": None}, "unknown"),
        ("clients_were_served", {"availability": None}, "not recorded"),
        ("clients_were_served", {"fault_at": ""}, "95.0% of 60"),
        (
            "clients_were_served",
            {"availability": {"tries": 0, "answered": 0}, "fault_at": ""},
            "0.0% of 0",
        ),
        ("no_outage_without_a_failover", {"availability": None}, "not recorded"),
        (
            "no_outage_without_a_failover",
            {"availability": {"longest_outage_seconds": None}},
            "had not ended",
        ),
        ("every_step_done", {"timeline": []}, "no plan recorded"),
        ("every_step_done", {"timeline": BODY["timeline"][:1]}, "1 of 1 done"),
        ("every_step_done", {"exceptions": {}}, "1 of 3 done; not cache, shift traffic"),
        ("recovery_as_proved", {"recovery_calls": []}, "no call recorded"),
        (
            "recovery_as_proved",
            {"recovery_calls": BODY["recovery_calls"][:2]},
            "2 different calls, 1 done without",
        ),
        ("no_alarm_without_a_fault", {"alarms": None}, "not recorded"),
        ("no_alarm_without_a_fault", {"alarms": []}, "none fired; 0 of 0 could have"),
        (
            "held_before_promotion",
            {"objectives_met": {"held_before_promotion": False}},
            "no",
        ),
        ("asked_rate_was_sent", {"load": {}}, "12,345"),
        ("everything_became_safe", {"events": {"accepted": 9}}, "not recorded of 9"),
        ("edges_healthy", {"failures": []}, "no failure"),
    ],
)
def test_what_is_not_known_is_said(name: str, change: dict[str, Any], measured: str) -> None:
    assert WORDS[name].measured({**BODY, **change}) == measured


@pytest.mark.parametrize(
    ("name", "change", "limit"),
    [
        ("clients_were_served", {"availability": None}, "–"),
        ("recovered_in_time", {"rto_limit_seconds": None}, "–"),
        ("decided_in_time", {"decided": None}, "–"),
        ("epochs_as_expected", {"scenario": "of another release"}, "–"),
        ("epochs_as_expected", {"scenario": "noop"}, "1"),
        ("epochs_as_expected", {"scenario": "promotion-refused"}, "1, 2 and on"),
        ("alarms_fired_as_they_should", {"scenario": "of another release"}, "–"),
        ("alarms_fired_as_they_should", {"scenario": "noop"}, "none must"),
        ("probes_explained", {"epochs": [1]}, "at most 2"),
        ("probes_explained", {"epochs": [1, 2, 3]}, "at most 3"),
    ],
)
def test_the_limit_is_the_scenarios(name: str, change: dict[str, Any], limit: str) -> None:
    assert WORDS[name].limit({**BODY, **change}) == limit


def test_what_is_not_met_stands_first_and_each_group_by_its_weight() -> None:
    met = {
        "a_word_of_another_release": True,
        "nothing_unexpected": True,
        "order_kept": False,
        "another_one": False,
        "no_accepted_event_lost": False,
        "events_flowed": True,
    }
    found = rows({**BODY, "objectives_met": met})
    assert [(row.name, row.met) for row in found] == [
        ("no_accepted_event_lost", False),
        ("order_kept", False),
        ("another_one", False),
        ("nothing_unexpected", True),
        ("events_flowed", True),
        ("a_word_of_another_release", True),
    ]
    assert found[2] == Row("another_one", "Another one", False, "–", "–", "")
    words = WORDS["order_kept"]
    assert found[1] == Row("order_kept", words.title, False, "1,234 violations", "0", words.meaning)
