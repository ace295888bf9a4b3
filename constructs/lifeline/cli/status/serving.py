"""Are patients' alarms served, and by whom? Pure.

Proof is a keeper that wrote its database's row a moment ago (A1), or a lease that moves and whose holder says
that it serves. A lease that only names a region proves nothing, and neither does one that stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lifeline.cli.status.facts import Facts, RegionFacts, Unknown
from lifeline.cli.words import moment
from lifeline.lambdas.failover.decision import Action
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.reason_words import WORDS

POLICY = Policy()
FRESH_SECONDS = 3 * POLICY.loop_seconds
"""A keeper's report that is older: the keeper does not run, or its table is not what it writes to."""


class Verdict(StrEnum):
    """The first word of the screen."""

    YES = "YES"
    PARTLY = "PARTLY"
    NO = "NO"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """`region`: who serves, or would by the lease. `sentence` stands alone."""

    verdict: Verdict
    sentence: str
    region: str = ""
    epoch: int | None = None
    since: float | None = None


def serving(facts: Facts) -> Serving:
    """The answer, from the strongest proof to the weakest."""
    lease = facts.lease
    if isinstance(lease, Unknown):
        return _without_lease(facts, lease)
    if lease is None:
        return Serving(
            verdict=Verdict.NO,
            sentence=f"There is no lease in {facts.witness}: no region may serve for longer than 20 s.",
        )
    if lease.holder == NO_HOLDER:
        return Serving(
            verdict=Verdict.NO,
            epoch=lease.epoch,
            sentence=f"Nobody serves: the lease is released, only {lease.writer} (the writer) may take it.",
        )
    return _by_holder(facts, lease)


def fresh_report(facts: RegionFacts | None) -> KeeperReport | None:
    """The keeper's report if it is of the last cycles."""
    if facts is None or facts.keeper is None or isinstance(facts.keeper, Unknown):
        return None
    return facts.keeper if facts.now - facts.keeper.at <= FRESH_SECONDS else None


def unmoved_seconds(facts: Facts, lease: Lease) -> float | None:
    """How long the lease has stood still, as the standby saw it; None: nobody can say."""
    standby = facts.other(lease.holder)
    report = fresh_report(standby)
    if standby is None or report is None or report.unmoved_seconds is None:
        return None
    if report.seen != (lease.epoch, lease.renewals):
        return 0.0
    return report.unmoved_seconds + max(0.0, standby.now - report.at)


def _by_holder(facts: Facts, lease: Lease) -> Serving:
    region, said = lease.holder, lease.health.get(lease.holder, "")
    report = fresh_report(facts.of(region))
    proven = report is not None and report.renewed_row and _of_epoch(report, lease.epoch)
    if not proven and (lease.holder != lease.writer or said == "recovering"):
        does = "is taking over" if lease.holder != lease.writer else "is being made active"
        return _answer(
            Verdict.NO,
            lease,
            f"Nobody serves: {region} {does} at epoch {lease.epoch} and does not serve yet.",
        )
    if proven:
        return _served(facts, lease)
    still = unmoved_seconds(facts, lease)
    if report is not None:
        word = WORDS.get(report.reason)
        why = f"{report.reason}: {word.meaning}" if word else report.reason
        return _answer(
            Verdict.NO, lease, f"{region} holds the lease and did not renew its database: {why}"
        )
    if still is not None and still >= lease.ttl_seconds and not facts.lease_moved:
        return _answer(
            Verdict.NO,
            lease,
            f"Nobody serves: {region} holds the lease, which has stood still for {still:.0f} s "
            f"(it may serve for {lease.ttl_seconds:.0f} s).",
        )
    moves = facts.lease_moved or (still is not None and still < 2 * POLICY.loop_seconds)
    if moves and said == "serving":
        return _served(facts, lease)
    told = (
        "nobody saw whether it moves" if still is None else f"it has stood still for {still:.0f} s"
    )
    return _answer(
        Verdict.UNKNOWN,
        lease,
        f"The lease names {region}, but {told}: whether {region} serves is not known.",
    )


def _served(facts: Facts, lease: Lease) -> Serving:
    region = lease.holder
    since = f"since {moment(lease.moved_at)}" if lease.moved_at else "since the first activation"
    there = facts.of(region)
    report = fresh_report(there)
    without = report is not None and report.action in (Action.ASK_FAILSAFE, Action.SERVE_PAUSED)
    if there is not None and not isinstance(there.api, Unknown) and there.api != 200:
        return _answer(
            Verdict.PARTLY,
            lease,
            f"{region} stores and reads, but its public API answers {there.api}: monitors' events may wait "
            "at the edges.",
        )
    hint = " Its keeper cannot reach the witness: nobody could take over." if without else ""
    return _answer(
        Verdict.YES,
        lease,
        f"Patients' alarms are served by {region}, {since}, epoch {lease.epoch}.{hint}",
    )


def _without_lease(facts: Facts, why: Unknown) -> Serving:
    """Without the witness a region may serve on a promise (A2); its own keeper's report proves it."""
    for one in facts.regions:
        report = fresh_report(one)
        if report is not None and report.renewed_row:
            return Serving(
                verdict=Verdict.PARTLY,
                region=one.region,
                epoch=None if report.seen is None else report.seen[0],
                sentence=f"{one.region} serves, but the lease in {facts.witness} does not answer "
                f"({why.why}): nobody could take over.",
            )
    asked = [one.keeper for one in facts.regions]
    if all(isinstance(one, Unknown) and "ResourceNotFound" in one.why for one in (why, *asked)):
        return Serving(
            verdict=Verdict.UNKNOWN,
            sentence=f"There are no tables of an environment {facts.suffix} in {_places(facts)}. Check "
            "--suffix and the options that name regions.",
        )
    if all(isinstance(one, Unknown) for one in asked):
        return Serving(
            verdict=Verdict.UNKNOWN,
            sentence=f"No table answers in any region ({why.why}). Check this computer's network and AWS "
            "credentials first: three regions are seldom lost at once.",
        )
    return Serving(
        verdict=Verdict.UNKNOWN,
        sentence=f"The lease in {facts.witness} does not answer ({why.why}), and no keeper said in the last "
        f"{FRESH_SECONDS:.0f} s that its region serves.",
    )


def _places(facts: Facts) -> str:
    *most, last = dict.fromkeys([*(one.region for one in facts.regions), facts.witness])
    return f"{', '.join(most)} and {last}" if most else last


def _of_epoch(report: KeeperReport, epoch: int) -> bool:
    return report.seen is None or report.seen[0] == epoch


def _answer(verdict: Verdict, lease: Lease, sentence: str) -> Serving:
    return Serving(
        verdict=verdict,
        sentence=sentence,
        region=lease.holder,
        epoch=lease.epoch,
        since=lease.moved_at or None,
    )
