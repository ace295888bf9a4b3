"""The objectives as a person reads them: measured, allowed, what it means; failed ones first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drill.scenarios import SCENARIOS
from drill.spans import answered_before
from drill.static_stability import OK, WITHOUT
from drill.targets import ALARM
from drill.verdict import TAKES

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One objective of one run."""

    name: str
    title: str
    met: bool
    measured: str
    limit: str
    meaning: str


@dataclass(frozen=True)
class Words:
    """How one objective is told. `measured` and `limit` read the evidence."""

    title: str
    measured: Callable[[Body], str]
    limit: Callable[[Body], str]
    meaning: str


def rows(body: Body) -> list[Row]:
    """Every objective of the run: those not met first, each group by its weight."""
    found = []
    for name, met in body["objectives_met"].items():
        words = WORDS.get(name)
        if words is None:
            title = name.replace("_", " ")
            found.append(Row(name, title[0].upper() + title[1:], met, "–", "–", ""))
            continue
        found.append(
            Row(name, words.title, met, words.measured(body), words.limit(body), words.meaning)
        )
    order = list(WORDS)
    weight = {name: number for number, name in enumerate(order)}
    return sorted(found, key=lambda row: (row.met, weight.get(row.name, len(order))))


def seconds(value: float | None) -> str:
    """`35.0 s`; a dash for what is not known."""
    return "–" if value is None else f"{value:.1f} s"


def _count(name: str, what: str = "") -> Callable[[Body], str]:
    def read(body: Body) -> str:
        value = body["events"].get(name)
        return "not recorded" if value is None else f"{value:,}{what}"

    return read


def _of(name: str, among: str, what: str = "") -> Callable[[Body], str]:
    """None of none is no success: how many there were stands beside it."""

    def read(body: Body) -> str:
        value, all_of_them = body["events"].get(name), body["events"].get(among)
        if value is None or all_of_them is None:
            return "not recorded"
        return f"{value:,} of {all_of_them:,}{what}"

    return read


def _always(text: str) -> Callable[[Body], str]:
    return lambda _: text


def _share(body: Body) -> str:
    seen = body.get("availability")
    if not seen:
        return "not recorded"
    share = seen["answered"] / seen["tries"] if seen["tries"] else 0.0
    before = answered_before(body)
    where = "" if before is None else f"; {before[0]} of {before[1]} before the fault"
    return f"{share:.1%} of {seen['tries']}{where}"


def _least_share(body: Body) -> str:
    seen = body.get("availability")
    return "–" if not seen else f"{seen['limit']:.0%}"


def _outage(body: Body) -> str:
    seen = body.get("availability")
    if not seen:
        return "not recorded"
    longest = seen["longest_outage_seconds"]
    return "had not ended" if longest is None else seconds(longest)


def _recovered(body: Body) -> str:
    return "not recovered" if body["rto_seconds"] is None else seconds(body["rto_seconds"])


def _exposure(body: Body) -> str:
    return "unknown" if body["rpo_seconds"] is None else seconds(body["rpo_seconds"])


def _epochs(body: Body) -> str:
    return ", ".join(map(str, body["epochs"])) or "none"


def _older_entries(body: Body) -> str:
    seen = body["cached_reads"]
    kept, answers = seen["kept_epoch"], seen["answers"]
    there = sum(one["count"] for one in seen["entries"] if one["epoch"] <= kept)
    older = sum(one["epoch"] <= kept for one in answers)
    return f"{older} of {len(answers)} answers; {there} older entries were there"


def _expected_epochs(body: Body) -> str:
    scenario = SCENARIOS.get(body["scenario"])
    if scenario is None:
        return "–"
    more = " and on" if scenario.epochs_may_grow else ""
    return ", ".join(map(str, scenario.epochs)) + more


def _takes(body: Body) -> str:
    return str(sum(1 for one in body["decisions"] if one["action"] in TAKES))


def _steps(body: Body) -> str:
    timeline = body["timeline"]
    if not timeline:
        return "no plan recorded"
    bad = [one["step"] for one in timeline if one["outcome"] != "done"]
    excused = [name for name in bad if name in body.get("exceptions", {})]
    done = f"{len(timeline) - len(bad)} of {len(timeline)} done"
    if not bad:
        return done
    named = ", ".join(name.replace("_", " ") for name in bad)
    return f"{done}; not {named}" + (f" ({len(excused)} excused)" if excused else "")


def _calls(body: Body) -> str:
    calls = body.get("recovery_calls")
    if not calls:
        return "no call recorded"
    bad = [one for one in calls if one["verdict"] not in (OK, WITHOUT)]
    without = sum(one["verdict"] == WITHOUT for one in calls)
    said = f"{len(calls)} different calls, {without} done without"
    named = ", ".join(f"{one['action']} in {one['region']}: {one['verdict']}" for one in bad)
    return f"{said}; {named}" if bad else said


def _effect(body: Body) -> str:
    effect = body.get("effect")
    return "not measured" if not effect else str(effect["how"])


def _decided(body: Body) -> str:
    found = body.get("decided")
    if not found:
        return "not recorded"
    how, after = found["how"], found["seconds"]
    return "nobody decided it" if after is None else f"{how} after {seconds(after)}"


def _decided_limit(body: Body) -> str:
    found = body.get("decided")
    return "–" if not found else f"{found['limit_seconds']:g} s"


def _page(body: Body) -> str:
    page = (body.get("decided") or {}).get("page")
    if not page:
        return "no page"
    return f"missing: {', '.join(page['missing'])}" if page["missing"] else page["subject"]


def _repaired(body: Body) -> str:
    outage = (body.get("decided") or {}).get("outage_seconds")
    return "not served again" if outage is None else f"after {seconds(outage)} without service"


def _before(body: Body) -> str:
    seen = answered_before(body)
    return "not recorded" if seen is None else f"{seen[0]} of {seen[1]}"


def _sent(body: Body) -> str:
    wanted = body["load"].get("wanted_events")
    sent = f"{body['events']['sent']:,}"
    return sent if wanted is None else f"{sent} of {wanted:,}"


def _failures(body: Body) -> str:
    return "; ".join(body["failures"]) or "no failure"


def _fired(body: Body) -> str:
    alarms = body.get("alarms")
    if alarms is None:
        return "not recorded"
    fired = [
        f"{one['name']} ({one['region']})"
        for one in alarms
        if any(change["state"] == ALARM for change in one["changes"])
    ]
    able = sum(bool(one["changes"]) and not one["not_provable"] for one in alarms)
    return f"{', '.join(fired) or 'none fired'}; {able} of {len(alarms)} could have"


def _due(body: Body) -> str:
    scenario = SCENARIOS.get(body["scenario"])
    if scenario is None:
        return "–"
    return ", ".join(scenario.alarms_that_must_fire) or "none must"


def _rejected(body: Body) -> str:
    return f"{body['events']['rejected'] + body['events']['refused']:,}"


WORDS: dict[str, Words] = {
    "fault_had_an_effect": Words(
        "The fault had an effect", _effect, _always("measured"),
        "What was broken did show as broken. Without that the run has tested nothing.",
    ),
    "clients_were_served_before_the_fault": Words(
        "Clients were served before the fault", _before, _least_share,
        "What does not work before the fault shows nothing of what the platform does with it.",
    ),
    "no_accepted_event_lost": Words(
        "No accepted event lost", _of("lost", "accepted"), _always("0"),
        "Whatever a bedside device was told is accepted is in the region that serves at the end.",
    ),
    "nothing_unexpected": Words(
        "Nothing stored that was not sent", _count("unexpected"), _always("0"),
        "No event was altered, and none stored twice.",
    ),
    "what_was_called_safe_is_in_the_other_log": Words(
        "What was called safe is in the other region",
        _of("not_in_the_log", "safe", " missing"),
        _always("0 missing"),
        "A device that was told it may forget an event can rely on it.",
    ),
    "nothing_called_safe_was_needed_again": Words(
        "Nothing called safe had to be sent again", _of("recovered_though_safe", "safe"), _always("0"),
        "Safe meant safe: no resend was needed to save such an event.",
    ),
    "order_kept": Words(
        "Order kept", lambda body: f"{body['order_violations']:,} violations", _always("0"),
        "A patient's readings were applied in the order in which they were measured.",
    ),
    "recovered_in_time": Words(
        "Recovered in time", _recovered,
        lambda body: "–" if body["rto_limit_seconds"] is None else f"{body['rto_limit_seconds']:g} s",
        "From the first test transaction that the fault hit to the first of three answered in a row.",
    ),
    "decided_in_time": Words(
        "The loss was decided in time", _decided, _decided_limit,
        "The other region took over, or this one served degraded and a person was told.",
    ),
    "page_says_what_to_do": Words(
        "The page says what to do", _page, _always("all of it"),
        "Environment, region, lease, epoch, what is at risk and allowed, the commands, the runbook.",
    ),
    "served_again_after_the_repair": Words(
        "Clients were served again after the repair", _repaired, _always("served again"),
        "The drill brings back what it broke, as the woken person would.",
    ),
    "epochs_as_expected": Words(
        "The lease changed hands as expected", _epochs, _expected_epochs,
        "Each number is one time that a region became the active one.",
    ),
    "nobody_took_the_lease": Words(
        "Nothing failed over", lambda body: f"{_takes(body)} takes", _always("0"),
        "A failover that is not needed is an outage of its own.",
    ),
    "rpo_within_target": Words(
        "Exposure within the target", _exposure, lambda body: f"{body['rpo_target_seconds']:g} s",
        "How old the newest data known to be in the other region was when the region was lost.",
    ),
    "clients_were_served": Words(
        "Clients were served", _share, _least_share,
        "A test transaction sends a reading and reads it back. Share answered within 3 s, outside the "
        "failover's own outage.",
    ),
    "no_outage_without_a_failover": Words(
        "No long outage", _outage, _always("10 s"),
        "Where nothing may fail over, clients must not be left waiting either.",
    ),
    "every_step_done": Words(
        "Every step of the plan done, or excused", _steps, _always("all, or excused here"),
        "A store that stays behind must be known before one relies on it.",
    ),
    "recovery_as_proved": Words(
        "The recovery needed nothing of the lost region", _calls, _always("only what is proved"),
        "Each call to AWS that the survivor made is in the static-stability ledger of the templates.",
    ),
    "alarms_fired_as_they_should": Words(
        "Alarms fired for the fault", _fired, _due,
        "The ones named as limit must fire; of the others only those that this fault may set off.",
    ),
    "no_alarm_without_a_fault": Words(
        "No alarm without a fault", _fired, _always("none"),
        "Nobody is woken for nothing. The others had no figures here, or too little time to fire.",
    ),
    "no_cached_value_of_an_epoch_before": Words(
        "No value out of the cache from before the loss", _older_entries, _always("0 answers"),
        "What the lost region kept in the cache was not shown to anybody afterwards.",
    ),
    "held_before_promotion": Words(
        "The standby waited before it took over",
        lambda body: "yes" if body["objectives_met"]["held_before_promotion"] else "no",
        _always("yes"), "It did not act on its first doubt.",
    ),
    "events_flowed": Words(
        "Events flowed", lambda body: f"{body['events']['stored']:,} stored", _always("more than 0"),
        "Without any event a run proves nothing.",
    ),
    "asked_rate_was_sent": Words(
        "The asked rate was sent", _sent, _always("about all"),
        "A machine that cannot send what was asked for has tested another load.",
    ),
    "every_event_answered": Words(
        "Every event answered", _count("unaccepted", " unanswered"), _always("0 unanswered"),
        "No device was left with readings that nobody took.",
    ),
    "everything_became_safe": Words(
        "Everything became safe",
        lambda body: f"{_count('safe')(body)} of {body['events']['accepted']:,}", _always("all"),
        "While both regions lived, each event reached both.",
    ),
    "both_logs_hold_the_same": Words(
        "Both logs hold the same", _count("log_differences", " differences"), _always("0 differences"),
        "Partition by partition, by content.",
    ),
    "some_events_were_called_safe": Words(
        "Safety was reported", _of("safe", "accepted"), _always("more than 0"),
        "Safe: in both regions, so a device may forget it. Devices keep the others, and send them again.",
    ),
    "edges_healthy": Words(
        "The drill itself worked", _failures, _always("no failure"),
        "Senders, watchers and records of the drill had no failure.",
    ),
    "probes_explained": Words(
        "The plan's own test events are explained", _count("platform_probes"),
        lambda body: f"at most {max(len(body['epochs']), _expected_epochs(body).count(',') + 1)}",
        "Each plan sends one event of its own, the first at deployment; nothing else may.",
    ),
    "bad_events_refused_with_reason": Words(
        "Bad events refused with their reason",
        lambda body: f"{len(body['findings']['rejects'])} refused", _always("each, with its reason"),
        "What cannot be stored is kept aside and named, never dropped.",
    ),
    "nothing_else_rejected": Words(
        "No good event rejected", _count("unlabelled_rejects"), _always("0"),
        "Only what was made to be refused was refused.",
    ),
    "nothing_rejected": Words(
        "No good event rejected", _rejected, _always("0"), "Every event that was sent was a good one.",
    ),
}  # fmt: skip
"""By weight: the first one that is not met decides the report's sentence."""
