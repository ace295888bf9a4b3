"""What a run says in one sentence and four figures, read from its evidence alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drill import guards, objective_rows
from drill.availability import LONGEST_OUTAGE_SECONDS
from drill.objective_rows import Row, seconds
from drill.plan_steps import DOES
from drill.platform_records import seconds_of
from drill.scenarios import SCENARIOS
from drill.spans import Span, answered_before, longest_hold, spans, take
from drill.verdict import EFFECT, INVALID, PASS

Body = Mapping[str, Any]
NOT_YET = "not checked yet"
BEFORE_THE_PLAN = " passed before the plan began."
QUIET = {
    "noop": "nothing was broken on purpose",
    "link-cut": "the regions could not see each other",
    "control-plane-hang": "the home region's API calls hung",
}
FAILED = {
    "no_accepted_event_lost": "{measured} accepted events were lost, limit 0",
    "nothing_unexpected": "{measured} events are stored that were not sent so, limit 0",
    "order_kept": "{measured} of order, limit 0",
    "nobody_took_the_lease": "a region took over although nothing called for it",
    "clients_were_served": "only {of_all} transactions were answered, limit {limit}",
    "no_outage_without_a_failover": "clients were not served for {measured}, limit {limit}",
    "rpo_within_target": "the exposure was {measured}, limit {limit}",
    "every_step_done": "the plan was not done in full ({measured})",
    "what_was_called_safe_is_in_the_other_log": "events called safe are not in the other log: {measured}",
    "edges_healthy": "the drill itself failed: {measured}",
    "decided_in_time": "the loss was not decided in time ({measured}, limit {limit})",
    "asked_rate_was_sent": "only {measured} events of the asked rate were sent",
}
"""How an objective that decides is told; the others by their title."""


@dataclass(frozen=True)
class Figure:
    """A large number. `met` is None while nobody knows."""

    name: str
    value: str
    limit: str
    met: bool | None
    meaning: str


def sentence(body: Body) -> str:
    """Verdict, the deciding objective with its limit, and where the time went."""
    verdict = body["verdict"]
    if verdict is None:
        return _running(body)
    if verdict == INVALID and body["objectives_met"].get(EFFECT, False):
        answered, tries = answered_before(body) or (0, 0)
        return (
            f"INVALID: before the fault only {answered} of {tries} test transactions were answered, so the "
            "run says nothing of what the fault did."
        )
    if verdict == INVALID:
        how = (body.get("effect") or {}).get("how", "it was not looked at")
        return f"INVALID: the fault had no measured effect, so the run says nothing. {how}."
    rows = objective_rows.rows(body)
    failed = [row for row in rows if not row.met]
    if verdict == PASS:
        return f"PASS: {_passed(body)}{_ill_before(body)}"
    text = f"FAIL: {_failure(body, failed[0])}." if failed else "FAIL."
    if failed and failed[0].name == "recovered_in_time":
        text += _why_late(body)
    if len(failed) == 2:
        text += f" Also: {_failure(body, failed[1])}."
    elif len(failed) > 2:
        text += f" {len(failed) - 1} more objectives were not met."
    return text + _ill_before(body)


def _running(body: Body) -> str:
    """What is the matter now: the standby's last word while it waits, the plan's step once it acts."""
    phase = body["phases"][-1]["phase"] if body["phases"] else ""
    if phase in ("draining", "checking"):
        return "Running: the stream has ended; every event is being checked."
    if body["rto_seconds"] is not None:
        return f"Running: served again after {seconds(body['rto_seconds'])}; not checked yet."
    if not body["fault_at"]:
        yet = "" if phase == "watching" else " yet"
        return f"Running: nothing is broken{yet}."
    step = next((one["step"] for one in body["timeline"] if one["outcome"] == "running"), None)
    if step is not None:
        return f"Running: {body['survivor']} {DOES.get(step, step)}."
    mine = [one for one in body["decisions"] if one.get("region") == standby(body)]
    if not mine:
        return "Running: the fault is in force."
    age = max(0.0, seconds_of(body["ended_at"]) - seconds_of(mine[-1]["at"]))
    return f"Running: {guards.sentence(mine[-1], age)}."


def _passed(body: Body) -> str:
    if body["rto_seconds"] is not None and body["rto_limit_seconds"] is not None:
        time = f"recovered in {seconds(body['rto_seconds'])}, limit {body['rto_limit_seconds']:g} s"
        return f"{time}; no accepted event was lost.{longest_part(body)}"
    found = body.get("decided")
    if found and found["page"]:
        return (
            f"{found['how']} after {seconds(found['seconds'])}, limit {found['limit_seconds']:g} s; served "
            f"again once it was repaired; no accepted event was lost."
        )
    quiet = QUIET.get(body["scenario"], body["scenario"])
    return f"{quiet}, and nothing failed over; no accepted event was lost."


def _failure(body: Body, row: Row) -> str:
    if row.name == "recovered_in_time":
        if body["rto_seconds"] is None:
            return f"it did not recover, limit {row.limit}"
        return f"recovered in {row.measured}, limit {row.limit}"
    text = FAILED.get(row.name)
    if text is None:
        return f"{row.title[0].lower()}{row.title[1:]}: not met ({row.measured}, limit {row.limit})"
    # The part before a semicolon: what follows it is for the table.
    of_all = row.measured.partition(";")[0]
    return text.format(measured=row.measured, of_all=of_all, limit=row.limit)


def _why_late(body: Body) -> str:
    """Where the time went; what the standby waited for, where that was most of it or it took nothing over."""
    if spans(body):
        part, hold = longest_part(body), longest_hold(body, standby(body))
        if hold is None or not part.endswith(BEFORE_THE_PLAN):
            return part
        reason, lasted = hold
        return (
            f"{part[:-1]}, {lasted:.0f} s of them: {standby(body)} holds: {guards.words(reason)}."
        )
    if take(body) is not None:
        return ""
    mine = [one for one in body["decisions"] if one.get("region") == standby(body)]
    said = guards.sentence(mine[-1]).partition(",")[0] if mine else "no keeper decided anything"
    return f" Nothing was taken over: {said}."


def longest_part(body: Body) -> str:
    """The one fact about the time: what most of it was spent on; empty when that is not known."""
    parts = {one.name: one for one in spans(body)}
    if not parts:
        return ""
    before = sum(parts[name].seconds for name in ("detect", "guards") if name in parts)
    plan = parts["plan"].seconds if "plan" in parts else 0.0
    after = parts["confirm"].seconds if "confirm" in parts else 0.0
    if before >= max(plan, after):
        return f" {before:.0f} s{BEFORE_THE_PLAN}"
    if plan >= after:
        return f" The plan took {plan:.0f} s."
    then = "plan" if "plan" in parts else "take"
    if body["rto_seconds"] is None:
        return f" {after:.0f} s after the {then} transactions were not answered yet."
    return f" {after:.0f} s more went by after the {then}, until transactions were answered."


def figures(body: Body) -> list[Figure]:
    """Four: what was lost, how long, how exposed, in what order; without a failover what clients saw."""
    met: Mapping[str, bool] = body["objectives_met"]
    known = body["verdict"] is not None
    events = body["events"]
    stored = "those that are not" if not known or events["lost"] else "all are"
    lost = Figure(
        "Lost",
        f"{events['lost']:,}" if known else NOT_YET,
        "limit 0",
        met.get("no_accepted_event_lost") if known else None,
        f"of {events['accepted']:,} accepted events; {stored} stored in {body['survivor']}",
    )
    order = Figure(
        "Out of order",
        f"{body['order_violations']:,}" if known else NOT_YET,
        "limit 0",
        met.get("order_kept") if known else None,
        "readings applied in the wrong order",
    )
    middle = _recovery(body) if fails_over(body) else _service(body)
    return [lost, *middle, order]


def fails_over(body: Body) -> bool:
    """Whether the run's scenario is one in which the standby must become active."""
    scenario = SCENARIOS.get(body["scenario"])
    return scenario is not None and scenario.fails_over


def _recovery(body: Body) -> list[Figure]:
    met, known = body["objectives_met"], body["verdict"] is not None
    rto, limit = body["rto_seconds"], body["rto_limit_seconds"]
    unknown = "not recovered" if known else "not yet"
    return [
        Figure(
            "Recovered in",
            unknown if rto is None else seconds(rto),
            "limit –" if limit is None else f"limit {limit:g} s",
            met.get("recovered_in_time") if known else None,
            "without service, as clients saw it" + ("; no forecast for AWS" if is_emulated(body) else ""),
        ),
        Figure(
            "Exposure",
            ("unknown" if known else "not yet") if body["rpo_seconds"] is None
            else seconds(body["rpo_seconds"]),
            f"limit {body['rpo_target_seconds']:g} s",
            met.get("rpo_within_target") if known else None,
            "how far the other region was behind at the fault: at risk, not lost",
        ),
    ]  # fmt: skip


def _service(body: Body) -> list[Figure]:
    seen, met = body.get("availability"), body["objectives_met"]
    decided = body.get("decided")
    if decided and seen:
        return [_decision(decided, met), _answered(seen, met)]
    if not seen:
        return [
            Figure("Longest outage", "not recorded", "", None, "as clients saw it"),
            Figure("Answered", "not recorded", "", None, "of the test transactions"),
        ]
    longest = seen["longest_outage_seconds"]
    return [
        Figure(
            "Longest outage",
            "not ended" if longest is None else seconds(longest),
            f"limit {LONGEST_OUTAGE_SECONDS:g} s",
            met.get("no_outage_without_a_failover"),
            "as clients saw it; nothing had to recover",
        ),
        _answered(seen, met),
    ]


def _answered(seen: Mapping[str, Any], met: Mapping[str, bool]) -> Figure:
    share = seen["answered"] / seen["tries"] if seen["tries"] else 0.0
    return Figure(
        "Answered",
        f"{share:.1%}",
        f"limit {seen['limit']:.0%}",
        met.get("clients_were_served"),
        f"of {seen['tries']} test transactions within 3 s",
    )


def _decision(decided: Mapping[str, Any], met: Mapping[str, bool]) -> Figure:
    outage = decided["outage_seconds"]
    without = (
        "had not ended" if outage is None else f"lasted {seconds(outage)}, the repair included"
    )
    return Figure(
        "Told within",
        "nobody was told" if decided["seconds"] is None else seconds(decided["seconds"]),
        f"limit {decided['limit_seconds']:g} s",
        met.get("decided_in_time"),
        f"the page to a person; the outage that clients saw {without}",
    )


def move(body: Body) -> tuple[str, str] | None:
    """From which region to which the service moved; None where it stayed."""
    if len(body["epochs"]) < 2:
        return None
    return home(body), body["survivor"]


def home(body: Body) -> str:
    """The region that was active when the run began; the first formats name only the survivor."""
    if "home" in body:
        return str(body["home"])
    others = {str(one.get("region")) for one in body["decisions"]} - {body["survivor"]}
    return min(others) if others and len(body["epochs"]) > 1 else str(body["survivor"])


def standby(body: Body) -> str:
    """The other data region."""
    if "standby" in body:
        return str(body["standby"])
    others = {str(one.get("region")) for one in body["decisions"]} - {home(body)}
    return min(others) if others else ""


def degraded(body: Body) -> list[tuple[str, str, str]]:
    """Step, what it said, and why that is no failure here (empty: it is one)."""
    exceptions = body.get("exceptions", {})
    return [
        (
            one["step"].replace("_", " "),
            str(one.get("detail", "")) or one["outcome"],
            exceptions.get(one["step"], ""),
        )
        for one in body["timeline"]
        if one["outcome"] not in ("done", "running")
    ]


def before_the_fault(body: Body) -> str:
    """What clients were already missing when nothing was broken yet; empty where all were answered."""
    seen = answered_before(body)
    if seen is None or seen[0] == seen[1]:
        return ""
    answered, tries = seen
    return f"Before anything was broken, {tries - answered} of {tries} test transactions were not answered."


def _ill_before(body: Body) -> str:
    """What takes from the weight of the run: fewer were answered before the fault than the limit asks."""
    seen, asked = answered_before(body), body.get("availability")
    if seen is None or not asked or not seen[1] or seen[0] / seen[1] >= asked["limit"]:
        return ""
    return (
        f" Before the fault only {seen[0]} of {seen[1]} test transactions were answered, "
        "so it says less of the failover."
    )


def is_emulated(body: Body) -> bool:
    """Whether it ran anywhere but on AWS."""
    return bool(body["target"] != "aws")


EMULATED = (
    "Ran in the emulated lab on one machine, not on AWS.",
    "What it shows was done by the product's own code, deployed from its own templates, against emulated "
    "services.",
    "It does not show AWS's own times (a database promotion takes minutes there), its limits, or its "
    "networks.",
)


def spans_of(body: Body) -> Sequence[Span]:
    """Where the time of the recovery went; empty where nothing recovered."""
    return spans(body) if fails_over(body) else []


def clock(body: Body, at: float) -> str:
    """A moment as `T+12 s` from the fault on, or `12 s` from the beginning where there was none."""
    if not body["fault_at"]:
        return f"{at - seconds_of(body['started_at']):.0f} s"
    since = at - seconds_of(body["fault_at"])
    return f"T{'−' if since < -0.5 else '+'}{abs(since):.0f} s"
