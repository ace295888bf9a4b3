"""`lifeline authority takeover`: without a witness a person makes the other region active (A21).

    bind the region's own table -> take the other one's lease away, if it answers -> wait -> create the lease

Each region has a lease of its own there, so the order is what keeps two of them from serving. Interrupted, it
is run again: what was bound stays bound, and a bound table keeps the other region from starting again.
"""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.cli.calls import reading, writing
from lifeline.cli.failure import Refused
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.words import holder_words
from lifeline.lambdas.adapters import started_epochs
from lifeline.lambdas.adapters.authority_init import InitRefused, ask_epochs
from lifeline.lambdas.failover.clock import Clock
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.policy import Policy

BIND_ATTEMPTS = 20
"""The other region's keepers count their questions in the same item, once in 5 s each."""


def run(
    places: Places, *, lost: bool, for_good: bool, dry_run: bool, clock: Clock, output: Output
) -> None:
    """`places.home` is the region to make active. Raises a Failure with a sentence; safe to run again."""
    here, other = places.home, places.recovery
    with reading(f"The lease in {places.lease_name} ({here})"):
        own = places.lease_in(here).read()
    theirs, silence = _ask_other(places)
    if silence and not lost:
        raise Refused(
            f"{other} does not say what its lease is: {silence}. If it serves all the same, two regions "
            f"would. When you know that nothing of it serves or will within a minute, say --lost."
        )
    if silence and own is not None and not for_good:
        raise Refused(
            f"{here} had a lease of its own before ({holder_words(own)}), and {other} does not answer: a "
            f"second takeover needs the lease of the other region, or both could start again (A21). If it is "
            f"lost for good, and is destroyed before anybody brings it back, say --lost --for-good."
        )
    held = own is not None and own.holder == here and (theirs is None or theirs.holder != other)
    if own is not None and held and not for_good:
        output.say(f"{here} holds the lease already, at epoch {own.epoch}: nothing to do.")
        _result(places, output, own.epoch, dry_run=dry_run, changed=False)
        return
    epochs = [one.epoch for one in (own, theirs) if one is not None]
    epoch = 1 + max([_known(places), *epochs])
    policy = Policy()
    what = (
        f"stop {other} for good at its epoch, wait {policy.expiry_seconds:.0f} s and create the lease of "
        f"{here} at epoch {epoch}"
    )
    if dry_run:
        output.say(f"Would {what}.")
        _result(places, output, epoch, dry_run=True, changed=False)
        return
    output.note(f"takeover: {what}")
    _bind(places, epoch)
    if theirs is not None and theirs.holder == other:
        _take_away(places, theirs, clock)
    clock.sleep(policy.expiry_seconds)
    if silence and _ask_other(places)[0] is not None:
        raise Refused(
            f"{other} answers again: no lease was created. Run the same command without --lost; until then "
            f"{other} stays stopped."
        )
    writer = other if _is_replica(places) else here
    lease = Lease(holder=here, epoch=epoch, renewals=0, writer=writer)
    look = (
        f"lifeline authority show --suffix {places.suffix} --home {here} --recovery {other} "
        f"--witness none"
    )
    with writing(f"The lease of {here}", look):
        created = places.lease_in(here).put_instead(lease, seen=own)
    if not created:
        raise Refused(f"The lease of {here} changed at the same moment: look with `{look}`.")
    output.say(
        f"{here} holds the lease at epoch {epoch}: its keeper runs the plan recover-e{epoch}-r1 now. "
        f"Look with `{look}`."
    )
    _result(places, output, epoch, dry_run=False, changed=True)


def _result(places: Places, output: Output, epoch: int, *, dry_run: bool, changed: bool) -> None:
    output.result(
        {
            "command": "authority takeover",
            "suffix": places.suffix,
            "dry_run": dry_run,
            "changed": changed,
            "holder": places.home,
            "epoch": epoch,
        }
    )


def _ask_other(places: Places) -> tuple[Lease | None, str]:
    """The other region's lease, and why it cannot be read; empty when it was."""
    try:
        return places.lease_in(places.recovery).read(), ""
    except (BotoCoreError, ClientError) as error:
        return None, str(error)


def _known(places: Places) -> int:
    """The highest epoch that the region to make active knows of (A10)."""
    here = places.home
    with reading(f"{here}: the epochs that were started there"):
        return max(
            started_epochs.of_state_table(places.dynamodb(here), places.local_name),
            started_epochs.of_executions(places.states(here), places.plan_name),
            _report(places)[0],
        )


def _is_replica(places: Places) -> bool:
    return _report(places)[1]


def _report(places: Places) -> tuple[int, bool]:
    try:
        (report,) = ask_epochs({places.home: places.functions(places.home)}, places.suffix)
    except InitRefused as refusal:
        raise Refused(f"No lease was created: {refusal}") from refusal
    return report.epoch, report.in_recovery


def _bind(places: Places, epoch: int) -> None:
    """From here on the other region's questions at a lower epoch are refused: it does not start again."""
    table = places.local(places.home)
    with writing(f"The mark in {places.local_name} ({places.home})", "the same command, run again"):
        for _ in range(BIND_ATTEMPTS):
            promise = table.promise()
            if promise.promoting == epoch:
                return
            if table.set_out(epoch=epoch, failsafe=promise.failsafe) is not None:
                return
    raise Refused(f"The table {places.local_name} of {places.home} cannot be bound: run it again.")


def _take_away(places: Places, theirs: Lease, clock: Clock) -> None:
    """Its keeper reads that somebody else holds its lease, and stops; whatever it renews meanwhile."""
    table, seen = places.lease_in(places.recovery), theirs
    with writing(f"The lease of {places.recovery}", "the same command, run again"):
        for _ in range(BIND_ATTEMPTS):
            if table.take(region=places.home, seen=seen, now=clock.now()) is not None:
                return
            now_there = table.read()
            if now_there is None or now_there.holder != places.recovery:
                return
            if now_there.is_paused(clock.now()):
                raise Refused(f"{places.recovery} is paused: `lifeline authority resume` ends it.")
            seen = now_there
    raise Refused(f"The lease of {places.recovery} moves too fast to be taken: run it again.")
