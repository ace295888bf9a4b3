"""The commands of `authority`: each reads, says what it is about to do, writes at most once, says what is."""

from __future__ import annotations

from collections.abc import Callable, Collection

from lifeline.cli.failure import Refused
from lifeline.cli.places import Places
from lifeline.cli.words import holder_words, moment
from lifeline.lambdas.adapters.authority_init import (
    InitRefused,
    ask_epochs,
    create_lease,
    first_lease,
    refuse_if_initialized,
)
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.failover.lease import Lease

APPROVAL_SECONDS = 600.0
"""Source: rule D9."""

Say = Callable[[str], None]


def init(places: Places, *, without: Collection[str], dry_run: bool, say: Say) -> None:
    """Create the lease: `places.home` holds one epoch above every database's (A10)."""
    unknown = set(without) - set(places.data_regions)
    if unknown:
        raise Refused(
            f"--without {', '.join(sorted(unknown))}: the data regions are "
            f"{' and '.join(places.data_regions)}."
        )
    table = places.lease()
    try:
        refuse_if_initialized(table)
        for region in without:
            say(f"{region}: not asked. If its epoch is higher, keepers there hold and page.")
        reports = ask_epochs(
            {region: places.functions(region) for region in places.data_regions},
            places.suffix,
            without=without,
        )
        for report in reports:
            role = "replica" if report.in_recovery else "writer"
            say(f"{report.region}: its database ({role}) is at epoch {report.epoch}.")
        lease = first_lease(reports, home=places.home)
        if not dry_run:
            create_lease(table, lease)
    except InitRefused as refusal:
        raise Refused(f"No lease was created: {refusal}") from refusal
    verb = "Would create" if dry_run else "Created"
    say(f"{verb} the lease in {places.lease_name} ({places.witness}): {holder_words(lease)}.")


def pause(
    places: Places, *, minutes: float, dry_run: bool, now: Callable[[], float], say: Say
) -> None:
    """No region takes the lease by itself for `minutes`; a pause always has an end (A14)."""
    table = places.lease()
    _read(table, places)
    until = now() + 60 * minutes
    if dry_run:
        say(f"Would pause automatic failover until {moment(until)}.")
        return
    if table.pause(until=until) is None:
        raise Refused(f"The lease in {places.lease_name} is gone: nothing was paused.")
    say(f"Automatic failover is paused until {moment(until)}. `authority resume` ends it earlier.")


def resume(places: Places, *, dry_run: bool, now: Callable[[], float], say: Say) -> None:
    """End the pause, a ttl from now: a holder that read it, and lost the witness, relies on it so long."""
    table = places.lease()
    lease = _read(table, places)
    at = now()
    if not lease.is_paused(at):
        say("Automatic failover is not paused: nothing to do.")
        return
    until = min(lease.paused_until, at + lease.ttl_seconds)
    if dry_run:
        say(f"Would end the pause at {moment(until)}.")
        return
    if table.end_pause(seen=lease.paused_until, until=until) is None:
        raise Refused("Somebody changed the pause at the same moment: look with `authority show`.")
    say(
        f"The pause ends at {moment(until)}, in {until - at:.0f} s: a holder that read it without "
        f"reaching the witness since may rely on it so long."
    )


def approve(
    places: Places,
    *,
    epoch: int,
    loss_seconds: float,
    dry_run: bool,
    now: Callable[[], float],
    say: Say,
) -> None:
    """Accept a loss above the tier's RPO for one take, for ten minutes (D9)."""
    table = places.lease()
    lease = _read(table, places)
    if epoch != lease.epoch + 1:
        raise Refused(
            f"Epoch {epoch} cannot be approved: the lease is at epoch {lease.epoch}, so the next "
            f"take is epoch {lease.epoch + 1}. Read the page again, it may be an old one."
        )
    until = now() + APPROVAL_SECONDS
    what = f"the take of epoch {epoch} with up to {loss_seconds:g} s of loss until {moment(until)}"
    if dry_run:
        say(f"Would approve {what}.")
        return
    if table.approve(epoch=epoch, loss_seconds=loss_seconds, until=until) is None:
        raise Refused("The lease moved at the same moment: nothing was approved, look again.")
    say(f"Approved {what}. A keeper still takes only when everything else allows it.")


def _read(table: LeaseTable, places: Places) -> Lease:
    lease = table.read()
    if lease is None:
        raise Refused(
            f"There is no lease in {places.lease_name} ({places.witness}): "
            f"`authority init` creates it."
        )
    return lease
