"""Leases and decisions in plain words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lifeline.lambdas.failover.lease import NO_HOLDER, Lease


@dataclass(frozen=True)
class RegionView:
    """What a region's own table says; `error` instead when it could not be read."""

    traffic_epoch: int = 0
    decisions: Sequence[Mapping[str, str]] = field(default_factory=tuple)
    error: str = ""


def moment(at: float) -> str:
    """An instant for a person, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def stamp(at: float) -> str:
    """An instant for a program: RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def holder_words(lease: Lease) -> str:
    """Who holds the lease at which epoch."""
    return f"{lease.holder or 'nobody'} at epoch {lease.epoch}"


def phase_words(lease: Lease, now: float) -> str:
    """Where between two regions the system is."""
    if lease.is_handed_over:
        return f"handed over: {lease.writer} let go of it for the other region to take"
    if lease.holder == NO_HOLDER:
        return f"released; only {lease.writer}, whose database is the writer, may take it at once"
    if lease.holder != lease.writer and lease.is_aborted:
        return "aborted: its plan gives the lease back"
    if lease.holder != lease.writer:
        return f"recovering, before the point of no return: the writer is still {lease.writer}"
    until = lease.hand_over_until
    if lease.is_asked_for(now):
        ends = "" if until is None else f"; the word counts until {moment(until)}"
        return f"to be handed over: its keeper lets go of it within 10 s, if it runs{ends}"
    said = lease.health.get(lease.holder, "")
    if said == "recovering":
        return "recovering, past the point of no return: the plan finishes by itself"
    said = said or "its keeper has not renewed yet"
    if lease.hand_over_epoch == lease.epoch and until is not None:
        return (
            f"{said}; the word to hand over counted until {moment(until)}, and nobody followed it"
        )
    return said


def renewals_words(before: Lease, after: Lease, seconds: float) -> str:
    """Whether the holder's keeper is alive, from two reads of the lease."""
    if after.epoch != before.epoch:
        return f"{after.renewals}, and the epoch moved from {before.epoch} while looking"
    grown = after.renewals - before.renewals
    if grown > 0:
        return f"{after.renewals}, moving: {grown} in {seconds:.0f} s"
    if seconds <= 0:
        return f"{after.renewals} (looked at once, so whether it moves is not known)"
    return f"{after.renewals}, NOT MOVING for {seconds:.0f} s"


def screen(
    before: Lease,
    after: Lease,
    views: Mapping[str, RegionView],
    *,
    watched_seconds: float,
    now: float,
) -> list[str]:
    """The lines of `authority show`."""
    lines = [
        f"holder     {after.holder or 'nobody'}",
        f"epoch      {after.epoch}"
        + (f", since {moment(after.moved_at)}" if after.moved_at else ", never moved"),
        f"phase      {phase_words(after, now)}",
        f"renewals   {renewals_words(before, after, watched_seconds)}",
        f"fit        {_fit(after, list(views))}",
        f"paused     {_paused(after, now)}",
        f"approval   {_approval(after, now)}",
        f"traffic    {_traffic(views)}",
    ]
    for region, view in views.items():
        lines.append("")
        lines.append(f"last decisions of {region}:")
        if view.error:
            lines.append(f"  its table does not answer: {view.error}")
        elif not view.decisions:
            lines.append("  none")
        lines += [f"  {_decision(one)}" for one in view.decisions]
    return lines


def facts(
    before: Lease,
    after: Lease,
    views: Mapping[str, RegionView],
    *,
    watched_seconds: float,
    now: float,
) -> dict[str, Any]:
    """The same for a program: the keys of `authority show --json`. None is "not known" or "none"."""
    approval = {
        "epoch": after.approved_epoch,
        "loss_seconds": after.approved_loss_seconds,
        "until": stamp(after.approval_until),
    }
    same_epoch = after.epoch == before.epoch
    return {
        "command": "authority show",
        "holder": after.holder or None,
        "epoch": after.epoch,
        "moved_at": stamp(after.moved_at) if after.moved_at else None,
        "writer": after.writer,
        "phase": phase_words(after, now),
        "aborted": after.is_aborted,
        "renewals": after.renewals,
        "renewals_moved": (
            after.renewals - before.renewals if same_epoch and watched_seconds > 0 else None
        ),
        "watched_seconds": watched_seconds,
        "fit": {region: region not in after.unfit for region in views},
        "paused_until": stamp(after.paused_until) if after.is_paused(now) else None,
        "approval": approval if after.table_now(now) < after.approval_until else None,
        "regions": {
            region: {
                "error": view.error or None,
                "traffic_epoch": None if view.error else view.traffic_epoch,
                "decisions": [dict(one) for one in view.decisions],
            }
            for region, view in views.items()
        },
    }


def _fit(lease: Lease, regions: Collection[str]) -> str:
    return ", ".join(
        f"{region} {'no, until it is reprotected' if region in lease.unfit else 'yes'}"
        for region in regions
    )


def _paused(lease: Lease, now: float) -> str:
    return f"until {moment(lease.paused_until)}" if lease.is_paused(now) else "no"


def _approval(lease: Lease, now: float) -> str:
    if lease.table_now(now) >= lease.approval_until:
        return "none"
    said = (
        f"epoch {lease.approved_epoch} with up to {lease.approved_loss_seconds:g} s of loss, "
        f"until {moment(lease.approval_until)}"
    )
    return said if lease.approved_epoch == lease.epoch + 1 else f"{said} (of no use any more)"


def _traffic(views: Mapping[str, RegionView]) -> str:
    known = {region: view.traffic_epoch for region, view in views.items() if not view.error}
    said = ", ".join(f"{region} {epoch or 'never'}" for region, epoch in known.items())
    switched = {region for region, epoch in known.items() if epoch == max(known.values()) > 0}
    if len(known) < len(views) or len(switched) != 1:
        return said or "not known"
    return f"{said}: edges send to {switched.pop()}"


def _decision(row: Mapping[str, str]) -> str:
    try:
        at = moment(float(row.get("at", "")))
    except ValueError:
        at = "at an unknown time"
    epoch = f", epoch {row['epoch']}" if row.get("epoch") else ""
    return f"{at}  {row.get('action', '?')}: {row.get('reason', '?')}{epoch}"
