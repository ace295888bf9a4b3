"""The changes of `authority`: each reads, then names one conditional write and the words for it."""

from __future__ import annotations

from collections.abc import Collection

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.cli.calls import reading
from lifeline.cli.change import Change
from lifeline.cli.failure import BadInput, Refused, Unreachable
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.words import holder_words, moment, stamp
from lifeline.lambdas.adapters import started_epochs
from lifeline.lambdas.adapters.authority_init import (
    InitRefused,
    NotAnswered,
    ask_epochs,
    first_lease,
    refuse_if_initialized,
)
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.protocol import HAND_OVER_REQUEST_SECONDS

READY_SECONDS = 60.0
"""A keeper's report that is older says nothing of the present; two computers' clocks differ, too."""
APPROVAL_SECONDS = 600.0
"""Source: rule D9."""


def init(
    places: Places,
    *,
    without: Collection[str],
    without_started: Collection[str],
    above: int,
    output: Output,
) -> Change:
    """Create the lease: `places.home` holds one epoch above every database's, and any ever started (A10)."""
    _only_data_regions(places, "--without", without)
    _only_data_regions(places, "--without-started", without_started)
    try:
        with reading(places.lease_words):
            refuse_if_initialized(places.lease())
        for region in without:
            output.say(f"{region}: not asked. If its epoch is higher, keepers there hold and page.")
        with reading("An epoch"):
            functions = {region: places.functions(region) for region in places.data_regions}
        reports = ask_epochs(functions, places.suffix, without=without)
        for report in reports:
            role = "replica" if report.in_recovery else "writer"
            output.say(f"{report.region}: its database ({role}) is at epoch {report.epoch}.")
        started = {
            report.region: _highest_started(places, report.region, output)
            for report in reports
            if report.region not in without_started
        }
        for region in without_started:
            output.say(
                f"{region}: not asked which epochs were started there. If one is higher, its runs' names "
                f"may be used up, and keepers pass over five of them a cycle."
            )
        lease = first_lease(reports, home=places.home, above=max(above, *started.values(), 0))
    except NotAnswered as silence:
        raise Unreachable(f"No lease was created: {silence}") from silence
    except InitRefused as refusal:
        raise Refused(f"No lease was created: {refusal}") from refusal
    where = f"in {places.lease_name} ({places.lease_region})"
    return Change(
        command="authority init",
        what=f"The lease {where}",
        would=f"Would create the lease {where}: {holder_words(lease)}.",
        done=f"Created the lease {where}: {holder_words(lease)}.",
        refused=(
            f"No lease was created: somebody else created one {where} at the same moment. "
            f"Look with `lifeline authority show --suffix {places.suffix}`."
        ),
        write=lambda table: table.create(lease),
        facts={
            "holder": lease.holder,
            "epoch": lease.epoch,
            "database_epochs": {report.region: report.epoch for report in reports},
            "started_epochs": started,
            "not_asked": sorted(without),
            "started_not_asked": sorted(without_started),
        },
    )


def _only_data_regions(places: Places, option: str, regions: Collection[str]) -> None:
    unknown = set(regions) - set(places.data_regions)
    if unknown:
        raise BadInput(
            f"{option} {', '.join(sorted(unknown))}: the data regions are "
            f"{' and '.join(places.data_regions)}."
        )


def _highest_started(places: Places, region: str, output: Output) -> int:
    """The highest epoch that the region's table or its plan's executions name. Raises NotAnswered."""
    try:
        highest = max(
            started_epochs.of_state_table(places.dynamodb(region), places.local_name),
            started_epochs.of_executions(places.states(region), places.plan_name),
        )
    except (BotoCoreError, ClientError, LookupError, ValueError, TypeError) as error:
        raise NotAnswered(
            f"{region} does not say which epochs were started there: {error}. If you know that none is "
            f"above the others', say so with --without-started {region}; --above EPOCH names one that is."
        ) from error
    output.say(
        f"{region}: the highest epoch started there is {highest}."
        if highest
        else f"{region}: no epoch was started there."
    )
    return highest


def pause(places: Places, *, minutes: float, now: float) -> Change:
    """No region takes the lease by itself for `minutes`; a pause always has an end (A14)."""
    lease = read_lease(places)
    if lease.is_handed_over:
        raise Refused(
            "The lease was handed over and nobody has taken it yet: a pause would leave nobody to serve "
            f"until it ends. Wait until a region serves: `lifeline status --suffix {places.suffix}`."
        )
    until = lease.table_now(now) + 60 * minutes
    return Change(
        command="authority pause",
        what="The pause",
        would=f"Would pause automatic failover until {moment(until)}.",
        done=(
            f"Automatic failover is paused until {moment(until)}. "
            f"`lifeline authority resume` ends it earlier."
        ),
        refused=f"The lease in {places.lease_name} is gone: nothing was paused.",
        write=lambda table: table.pause(until=until) is not None,
        facts={"paused_until": stamp(until)},
    )


def resume(places: Places, *, now: float) -> Change:
    """End the pause, a ttl from now: a holder that read it, and lost the witness, relies on it so long."""
    lease = read_lease(places)
    seen = lease.paused_until
    paused = lease.is_paused(now)
    now = lease.table_now(now)
    until = min(seen, now + lease.ttl_seconds)
    return Change(
        command="authority resume",
        what="The end of the pause",
        would=(
            f"Would end the pause at {moment(until)}."
            if paused
            else "Automatic failover is not paused: nothing to do."
        ),
        done=(
            f"The pause ends at {moment(until)}, in {until - now:.0f} s: a holder that read it "
            f"without reaching the witness since may rely on it so long."
        ),
        refused=(
            f"Somebody changed the pause at the same moment: look with "
            f"`lifeline authority show --suffix {places.suffix}`."
        ),
        write=(
            (lambda table: table.end_pause(seen=seen, until=until) is not None) if paused else None
        ),
        facts={"paused_until": stamp(until) if paused else None},
    )


def approve(places: Places, *, epoch: int, loss_seconds: float, now: float) -> Change:
    """Accept a loss above the tier's RPO for one take, for ten minutes (D9)."""
    lease = read_lease(places)
    if epoch != lease.epoch + 1:
        raise Refused(
            f"Epoch {epoch} cannot be approved: the lease is at epoch {lease.epoch}, so the next "
            f"take is epoch {lease.epoch + 1}. Read the page again, it may be an old one."
        )
    until = lease.table_now(now) + APPROVAL_SECONDS
    what = f"the take of epoch {epoch} with up to {loss_seconds:g} s of loss until {moment(until)}"
    return Change(
        command="authority approve",
        what="The approval",
        would=f"Would approve {what}.",
        done=f"Approved {what}. A keeper still takes only when everything else allows it.",
        refused="The lease moved at the same moment: nothing was approved, look again.",
        write=lambda table: (
            table.approve(epoch=epoch, loss_seconds=loss_seconds, until=until) is not None
        ),
        facts={"epoch": epoch, "loss_seconds": loss_seconds, "until": stamp(until)},
    )


def abort(places: Places, *, now: float) -> Change:
    """Mark the lease's epoch, so that its plan asks for no promotion and gives the lease back (D9, A17)."""
    lease = read_lease(places)
    what = f"epoch {lease.epoch} of {lease.holder}"
    look = f"`lifeline authority show --suffix {places.suffix}`"
    if lease.holder == NO_HOLDER:
        raise Refused(f"There is nothing to abort: nobody holds the lease at epoch {lease.epoch}.")
    if lease.holder == lease.writer:
        raise Refused(
            f"Epoch {lease.epoch} cannot be aborted: the database's writer is its holder {lease.holder}. No "
            f"takeover is under way, or its promotion was accepted and the plan goes forward by itself."
        )
    if lease.is_paused(now):
        raise Refused(
            f"Epoch {lease.epoch} is not aborted: automatic failover is paused until "
            f"{moment(lease.paused_until)}, and nobody could take the lease that the plan gives back. End "
            f"the pause first: `lifeline authority resume --suffix {places.suffix}`."
        )
    return Change(
        command="authority abort",
        what="The abort",
        would=(
            f"Epoch {lease.epoch} is aborted already: nothing to do."
            if lease.is_aborted
            else f"Would abort {what}: its plan would ask for no promotion and give the lease back."
        ),
        done=(
            f"Aborted {what}: its plan asks for no promotion any more and gives the lease back, within a "
            f"minute or two if its keeper runs (a run that ended is replaced within 5 min). If it asked at "
            f"this very moment, it goes forward: {look} tells. Do not pause before {lease.writer} holds the "
            f"lease again: a pause stops its take, too."
        ),
        refused=(
            f"Nothing was aborted: the lease moved, or the promotion was accepted, at the same moment. "
            f"Look with {look}."
        ),
        write=(
            None if lease.is_aborted else lambda table: table.abort(epoch=lease.epoch) is not None
        ),
        facts={"holder": lease.holder, "epoch": lease.epoch},
    )


def hand_over(places: Places, *, unready: bool, now: float) -> Change:
    """Ask the active region to let go of the lease for the other one; its keeper does it (A11)."""
    lease = read_lease(places)
    standby = next((one for one in places.data_regions if one != lease.holder), "")
    _refuse_hand_over(places, lease, standby, now)
    if not unready:
        _require_ready(places, standby, now)
    what = f"{lease.holder} to hand epoch {lease.epoch} over to {standby}"
    look = f"`lifeline status --suffix {places.suffix} --watch`"
    is_asked, until = lease.is_asked_for(now), lease.hand_over_until
    if not is_asked:
        until = lease.table_now(now) + HAND_OVER_REQUEST_SECONDS
    ends = "without an end" if until is None else f"until {moment(until)}"
    return Change(
        command="authority hand-over",
        what="The word to hand over",
        would=(
            f"{lease.holder} was asked already, and the word counts {ends}: nothing to do."
            if is_asked
            else f"Would ask {what}; the word would count {ends}. "
            f"Nobody would serve until {standby} has taken it, by its plan's budget."
        ),
        done=(
            f"Asked {what}. Its keeper lets go within 10 s, if it runs; {standby} takes 30 s later, and its "
            f"plan follows: {look}. If {standby} has not taken it within 2 min, {lease.holder} takes it "
            f"back. The word counts {ends}: a keeper that runs later does not follow it."
        ),
        refused=f"The lease moved at the same moment: nobody was asked. Look with {look}.",
        write=(
            None
            if is_asked or until is None
            else lambda table: table.ask_hand_over(epoch=lease.epoch, until=until) is not None
        ),
        facts={
            "holder": lease.holder,
            "epoch": lease.epoch,
            "to": standby,
            "until": None if until is None else stamp(until),
        },
    )


def _refuse_hand_over(places: Places, lease: Lease, standby: str, now: float) -> None:
    """Raises Refused where no keeper would let go, or nobody could take what it lets go of."""
    look = f"`lifeline authority show --suffix {places.suffix}`"
    if lease.holder not in places.data_regions or lease.holder != lease.writer:
        raise Refused(
            f"Nobody can hand over: the lease is held by {lease.holder or 'nobody'} at epoch {lease.epoch}, "
            f"and the database's writer is {lease.writer}. A takeover is under way: {look}."
        )
    if standby in lease.unfit:
        raise Refused(
            f"{lease.holder} cannot hand over: {standby} lost the lease before and was not rebuilt since, so "
            f"it may not take it."
        )
    if lease.is_paused(now):
        raise Refused(
            f"{lease.holder} cannot hand over: automatic failover is paused until "
            f"{moment(lease.paused_until)}, so {standby} would not take. End the pause first: "
            f"`lifeline authority resume --suffix {places.suffix}`."
        )


def _require_ready(places: Places, standby: str, now: float) -> None:
    """Raises Refused unless the standby's keeper says that it would take (A19)."""
    with reading(f"The keeper's report of {standby}"):
        report = places.local(standby).keeper_report()
    if report is not None and report.ready and abs(now - report.at) <= READY_SECONDS:
        return
    said = (
        "never told"
        if report is None
        else f"said {report.ready_reason} {now - report.at:.0f} s ago"
    )
    raise Refused(
        f"{standby} does not say that it is ready to take: its keeper {said}. Nobody would serve for two "
        f"minutes and more. Look with `lifeline status --suffix {places.suffix}`; if you know better, "
        f"--unready does not ask."
    )


def read_lease(places: Places) -> Lease:
    """The lease. Raises Refused when there is none, Unreachable when the witness does not answer."""
    with reading(places.lease_words):
        lease = places.lease().read()
    if lease is None:
        raise Refused(
            f"There is no lease in {places.lease_name} ({places.lease_region}), so no region may be "
            f"active. `lifeline authority init` creates it."
        )
    return lease
