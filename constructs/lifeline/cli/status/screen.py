"""From facts to the rows of the screen: what it says, how it is, what to type next. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from lifeline.cli.status.facts import AlarmFacts, Facts, PlanFacts, RegionFacts, Unknown
from lifeline.cli.status.serving import POLICY, Serving, Verdict, fresh_report, serving
from lifeline.lambdas.failover.health import Health, verdict
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lag_report import LagReport, LastDrill, StoreLag
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.plan import rto_budget_seconds
from lifeline.lambdas.failover.reason_words import SHOW, WATCH, WORDS, ReasonWords, of_one_region

LAG_FRESH_SECONDS = 60.0
"""The lag meter looks every 10 s, at files and secrets every 60 s; one late look more."""
SLOW_FRESH_SECONDS = 180.0
LAG_STORES = ("log", "database", "cache", "files", "secrets")
LAB = "lab"


class State(StrEnum):
    """How a row is. UNKNOWN is never ok."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: `label` is what is asked, `command` what to type next (empty: nothing)."""

    label: str
    state: State
    text: str
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class StoreRow:
    """A store's copy in `region`. None is not known."""

    store: str
    region: str
    seconds: float | None
    events: float | None = None
    patients: float | None = None


@dataclass(frozen=True, kw_only=True)
class Screen:
    """Everything that is shown, in the order in which it is asked at night."""

    serving: Serving
    serving_command: str
    rows: tuple[Row, ...]
    """ready (each region and the witness), decided, at risk, plan, alarms, drill"""
    if_active_died: Row
    stores: tuple[StoreRow, ...]


NOBODY_TAKES_OVER = (
    "NOBODY takes over: there is no standby (strategy backup-only). A lost region is restored from copies of "
    "its backups by a person, which takes hours: docs/runbooks/region-lost-backup-only.md"
)
NO_WITNESS = Row(
    label="witness",
    state=State.NOTE,
    text="none: automatic failover is off, as there is no standby",
)
NOT_COPIED = Row(
    label="at risk",
    state=State.NOTE,
    text="every event since the newest copy of a backup lies in one region only; how many is not measured",
)
NO_DRILL = Row(label="last drill", state=State.NOTE, text="none: no region could take over in one")


def screen(facts: Facts) -> Screen:
    """The screen of one look."""
    found = serving(facts)
    standby = facts.other(found.region) if found.region else None
    made = Screen(
        serving=found,
        serving_command=_serving_command(facts, found),
        if_active_died=_if_active_died(facts, found, standby),
        rows=(
            *(_ready(facts, one) for one in facts.regions),
            _witness(facts, found) if facts.has_standby else NO_WITNESS,
            _paused(facts),
            *(_decided(facts, one) for one in facts.regions),
            _at_risk(facts) if facts.has_standby else NOT_COPIED,
            _plan(facts, found),
            *(_alarms(one.region, one.alarms) for one in facts.regions),
            *(
                [_alarms(facts.witness, facts.witness_alarms)]
                if facts.of(facts.witness) is None
                else []
            ),
            _drill(facts) if facts.has_standby else NO_DRILL,
        ),
        stores=_stores(facts, _taker(facts, standby)) if facts.has_standby else (),
    )
    return made if facts.has_standby else _of_one_region(facts, made)


def _of_one_region(facts: Facts, made: Screen) -> Screen:
    """Each command as it must be typed for an environment without a standby."""

    def typed(row: Row) -> Row:
        return replace(row, command=of_one_region(row.command, facts.suffix))

    return replace(
        made,
        serving_command=of_one_region(made.serving_command, facts.suffix),
        if_active_died=typed(made.if_active_died),
        rows=tuple(typed(one) for one in made.rows),
    )


def ago(seconds: float) -> str:
    """A span of time, in the one or two units that matter."""
    seconds = max(0.0, seconds)
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} days"


def _serving_command(facts: Facts, found: Serving) -> str:
    places = {"suffix": facts.suffix, "witness": facts.witness}
    if found.verdict is Verdict.YES:
        return ""
    if facts.lease is None:
        return "lifeline authority init --suffix {suffix} --dry-run".format_map(places)
    holder = facts.of(found.region)
    report = fresh_report(holder)
    if report is not None and not report.renewed_row:
        return _command(facts, report, report.reason)
    return WATCH.format_map(places)


def _ready(facts: Facts, one: RegionFacts) -> Row:
    label = f"ready: {one.region}"
    report = one.keeper
    if isinstance(report, Unknown):
        return Row(
            label=label, state=State.UNKNOWN, text=f"its table does not answer ({report.why})"
        )
    if report is None:
        return Row(
            label=label,
            state=State.UNKNOWN,
            text="its keeper never reported",
            command=_log(facts, "keeper", one.region),
        )
    age = one.now - report.at
    if fresh_report(one) is None:
        return Row(
            label=label,
            state=State.UNKNOWN,
            text=f"its keeper's last report is {ago(age)} old: it does not run, or the region is lost",
            command=_log(facts, "keeper", one.region),
        )
    if report.ready:
        role = (
            "active: renews, and its database serves"
            if report.ready_reason == "holder"
            else "would take over by itself"
        )
        return Row(label=label, state=State.OK, text=role)
    word = WORDS.get(report.ready_reason, ReasonWords("This release has no words for it."))
    return Row(
        label=label,
        state=State.BAD,
        text=f"NO, {report.ready_reason}: {word.meaning}",
        command=_command(facts, report, report.ready_reason),
    )


def _witness(facts: Facts, found: Serving) -> Row:
    label = f"ready: {facts.witness} (witness)"
    log = _log(facts, "probe", facts.witness)
    if isinstance(facts.samples, Unknown):
        return Row(
            label=label,
            state=State.UNKNOWN,
            text=f"its table does not answer ({facts.samples.why})",
        )
    said = {
        region: verdict(list(samples), POLICY, facts.lease_now)
        for region, samples in sorted(facts.samples.items())
    }
    words = ", ".join(f"{region} {health}" for region, health in said.items())
    judged = [found.region] if found.region else list(said)
    if not said or any(said.get(one, Health.UNKNOWN) is Health.UNKNOWN for one in judged):
        return Row(
            label=label,
            state=State.BAD,
            text=f"NO opinion, so its probe would hold a takeover: {words or 'no samples'}",
            command=log,
        )
    healthy = all(one is Health.HEALTHY for one in said.values())
    return Row(label=label, state=State.OK if healthy else State.NOTE, text=f"sees {words}")


def _paused(facts: Facts) -> Row:
    lease = facts.lease
    if isinstance(lease, Unknown) or lease is None:
        return Row(label="paused", state=State.UNKNOWN, text="the lease would say")
    if lease.is_paused(facts.lease_now):
        return Row(
            label="paused",
            state=State.NOTE,
            text=f"automatic failover is off for {ago(lease.paused_until - facts.lease_now)} more",
            command=f"lifeline authority resume --suffix {facts.suffix}",
        )
    return Row(label="paused", state=State.OK, text="no")


def _decided(facts: Facts, one: RegionFacts) -> Row:
    label = f"decides: {one.region}"
    found = one.decision
    if isinstance(found, Unknown):
        return Row(
            label=label, state=State.UNKNOWN, text=f"its table does not answer ({found.why})"
        )
    if found is None:
        return Row(label=label, state=State.UNKNOWN, text="nothing yet")
    word = WORDS.get(found.reason, ReasonWords("This release has no words for it."))
    since = "" if found.at is None else f" for {ago(one.now - found.at)}"
    report = fresh_report(one)
    if report is None:
        return Row(
            label=label,
            state=State.UNKNOWN,
            text=f"last known: {found.action}, {found.reason}. Its keeper does not report now.",
        )
    calm = found.reason in ("holder", "lease-moves")
    return Row(
        label=label,
        state=State.OK if calm else State.NOTE,
        text=f"{found.action}, {found.reason}{since}. {word.meaning}",
        command=_command(facts, report, found.reason),
    )


def _if_active_died(facts: Facts, found: Serving, standby: RegionFacts | None) -> Row:
    lost = found.verdict is Verdict.NO
    label = "what happens next" if lost else "if the active region died now"
    lease = facts.lease
    if not facts.has_standby:
        return Row(label=label, state=State.BAD if lost else State.NOTE, text=NOBODY_TAKES_OVER)
    if isinstance(lease, Lease) and lease.holder == NO_HOLDER:
        text = f"{lease.writer} takes the lease at once if its keeper runs; no other region may"
        return Row(
            label=label, state=State.NOTE, text=text, command=_log(facts, "keeper", lease.writer)
        )
    if standby is None:
        return Row(label=label, state=State.UNKNOWN, text="no region is known to be active")
    if lost and isinstance(lease, Lease) and lease.holder != lease.writer:
        text = f"the plan of {lease.holder} goes on by itself; the row plan names its step"
        return Row(label=label, state=State.NOTE, text=text)
    by_itself = "takes over by itself" if lost else "would take over by itself"
    report = fresh_report(standby)
    if report is None:
        return Row(
            label=label,
            state=State.UNKNOWN,
            text=f"the keeper of {standby.region} does not report: count on nobody to take over",
            command=_log(facts, "keeper", standby.region),
        )
    if not report.ready:
        return Row(
            label=label,
            state=State.BAD,
            text=f"NOBODY {by_itself}: {standby.region} would hold, {report.ready_reason}",
            command=_command(facts, report, report.ready_reason),
        )
    loss = report.loss_seconds
    # A keeper of an older release does not say it: then the environment has the usual plan.
    budget = report.plan_budget_seconds or rto_budget_seconds()
    last = "an unknown time" if loss is None else f"{loss:.1f} s"
    allowed = "" if report.allowed_seconds is None else f" (allowed {report.allowed_seconds:g} s)"
    return Row(
        label=label,
        state=State.OK,
        text=f"{standby.region} {by_itself}, within {budget} s by the plan. It "
        f"lacks the last {last} of events{allowed}; edges that keep them send them again.",
    )


def _at_risk(facts: Facts) -> Row:
    label = "at risk"
    reports = [found for one in facts.regions if (found := _fresh_lag(one)) is not None]
    known = [one for one in reports if one.events_at_risk is not None]
    if not known:
        return Row(
            label=label,
            state=State.UNKNOWN,
            text="no lag meter says how much is in one region only",
        )
    # Both estimate: the one that fears more is shown.
    worst = max(known, key=lambda one: one.events_at_risk or 0.0)
    patients = max(
        (one.patients_at_risk for one in reports if one.patients_at_risk is not None), default=None
    )
    who = "patients not known" if patients is None else f"of about {patients:,.0f} patients"
    given_up = sum(one.stretches_given_up or 0 for one in reports)
    lost = (
        f"; {given_up} stretches of the log were given up: their events are lost"
        if given_up
        else ""
    )
    return Row(
        label=label,
        state=State.OK if (worst.events_at_risk or 0) == 0 and not given_up else State.NOTE,
        text=f"about {worst.events_at_risk:,.0f} events {who} lie in one region only (an estimate){lost}",
    )


def _stores(facts: Facts, standby: RegionFacts | None) -> tuple[StoreRow, ...]:
    """As the standby has them: what a takeover would start from."""
    there = standby or facts.regions[1]
    report = _fresh_lag(there)
    rows = []
    for store in LAG_STORES:
        lag = None if report is None else report.stores.get(store)
        patients = None if report is None or store != "log" else report.patients_at_risk
        rows.append(_store(store, there, lag, patients))
    return tuple(rows)


def _taker(facts: Facts, standby: RegionFacts | None) -> RegionFacts | None:
    """Who lacks what the lost region had: the standby, or a holder that is still taking over."""
    lease = facts.lease
    if isinstance(lease, Lease) and lease.holder not in (NO_HOLDER, lease.writer):
        return facts.of(lease.holder)
    return standby


def _store(
    store: str, there: RegionFacts, lag: StoreLag | None, patients: float | None
) -> StoreRow:
    slow = SLOW_FRESH_SECONDS if store in ("files", "secrets") else LAG_FRESH_SECONDS
    if lag is None or there.now - lag.at > slow:
        return StoreRow(store=store, region=there.region, seconds=None)
    return StoreRow(
        store=store, region=there.region, seconds=lag.seconds, events=lag.events, patients=patients
    )


def _plan(facts: Facts, found: Serving) -> Row:
    plan = facts.plan
    if isinstance(plan, Unknown):
        return Row(label="plan", state=State.UNKNOWN, text=f"not known ({plan.why})")
    if plan is None or plan.completed:
        done = "" if plan is None else f"; {plan.name} completed"
        return Row(label="plan", state=State.OK, text=f"none runs{done}")
    return Row(
        label="plan",
        state=State.NOTE,
        text=f"{plan.name} of {found.region}: {plan.status or 'status not known'}{_step(plan, facts.now)}",
        command=WATCH.format_map({"suffix": facts.suffix}),
    )


def _step(plan: PlanFacts, now: float) -> str:
    if not plan.step:
        return ""
    since = "" if plan.step_since is None else f" for {ago(now - plan.step_since)}"
    return f", in step {plan.step}{since}"


def _alarms(region: str, found: AlarmFacts | Unknown) -> Row:
    label = f"alarms: {region}"
    if isinstance(found, Unknown):
        return Row(
            label=label, state=State.UNKNOWN, text=f"CloudWatch does not answer ({found.why})"
        )
    if not found.deployed:
        return Row(
            label=label,
            state=State.UNKNOWN,
            text="CloudWatch evaluates none here (an emulator does not)",
        )
    if not found.firing:
        return Row(label=label, state=State.OK, text="none fires")
    shown = ", ".join(found.firing[:6]) + (", …" if len(found.firing) > 6 else "")
    return Row(
        label=label,
        state=State.BAD,
        text=f"{len(found.firing)} fire: {shown}",
        command=f"lifeline explain {found.firing[0]}",
    )


def _drill(facts: Facts) -> Row:
    drills = [
        (one.now, lag.drill)
        for one in facts.regions
        if isinstance(lag := one.lag, LagReport) and lag.drill is not None
    ]
    if not drills:
        heard = any(isinstance(one.lag, LagReport) for one in facts.regions)
        state = State.NOTE if heard else State.UNKNOWN
        return Row(label="last drill", state=state, text="none is known here")
    now, drill = max(drills, key=lambda one: one[1].at)
    return Row(label="last drill", state=State.NOTE, text=_drill_words(drill, now))


def _drill_words(drill: LastDrill, now: float) -> str:
    if drill.scenario == "recovery":
        return f"a real recovery, {ago(now - drill.at)} ago"
    where = {
        LAB: "in the lab (emulated: no promise about AWS)",
        "aws": "on AWS",
    }.get(drill.target, "target not known")
    times = [
        f"{name} {seconds:.1f} s"
        for name, seconds in (("RTO", drill.rto_seconds), ("RPO", drill.rpo_seconds))
        if seconds is not None
    ]
    said = ", ".join([*times, f"{ago(now - drill.at)} ago"])
    return f"passed {where}: {drill.scenario or 'scenario not known'}, {said}"


def _fresh_lag(one: RegionFacts) -> LagReport | None:
    lag = one.lag
    if not isinstance(lag, LagReport):
        return None
    return lag if one.now - lag.at <= LAG_FRESH_SECONDS else None


def _command(facts: Facts, report: KeeperReport, reason: str) -> str:
    word = WORDS.get(reason)
    if word is None:
        return SHOW.format_map({"suffix": facts.suffix})
    epoch = facts.lease.epoch if isinstance(facts.lease, Lease) else (report.seen or (0, 0))[0]
    peer = facts.home if report.region == facts.recovery else facts.recovery
    return word.command_for(
        {
            "suffix": facts.suffix,
            "region": report.region,
            "peer": peer,
            "witness": facts.witness,
            "epoch": epoch,
            "next_epoch": epoch + 1,
            # Rounded up: an approval below the loss lifts nothing.
            "loss": math.ceil(report.loss_seconds or 0),
        }
    )


def _log(facts: Facts, function: str, region: str) -> str:
    return f"aws logs tail /aws/lambda/{function}-{facts.suffix} --region {region} --since 10m"
