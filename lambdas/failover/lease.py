"""The lease, the promise and who may change them: pure compare-and-set transitions (rules A1-A4, A13).

Each transition takes the stored value and answers the next one, or None when its condition fails. The
DynamoDB adapters spell the same conditions as condition expressions; a property test holds the two
against each other, and the exhaustive model runs on these functions.

Invariant: epochs only grow, and by one with each change of the holder and each rewind. Once a region has
promised to promote to epoch e, no holder of a lower epoch gets a failsafe promise from it (A2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS

NO_HOLDER = ""
"""The holder of a released lease: nobody serves until a region takes it."""


@dataclass(frozen=True)
class Lease:
    """The item in the witness region. `writer` is the region whose database is the global writer."""

    holder: str
    epoch: int
    renewals: int
    writer: str
    ttl_seconds: float = LEASE_TTL_SECONDS
    attempt: int = 0
    """Grows when a taker gives an attempt up: a take still under way for it can no longer land."""
    paused_until: float = 0.0
    """Epoch seconds; automatic failover is off before it (A14: a pause has an end time)."""
    moved_at: float = 0.0
    """Epoch seconds of the last change of the holder (0: never), by the taker's clock."""
    unfit: frozenset[str] = frozenset()
    """Regions that may not take: the loser of a take until it is reprotected (A13)."""
    approved_epoch: int = 0
    approved_loss_seconds: float = 0.0
    approval_until: float = 0.0
    aborted_epoch: int = 0
    """The newest epoch that a person aborted; 0 for none (D9)."""
    hand_over_epoch: int = 0
    """The newest epoch that is to be handed over to the other region, or was; 0 for none (A11)."""
    hand_over_until: float | None = None
    """Epoch seconds until which a person's word to hand over counts; None: the release before gave no end."""
    health: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    read_at: float | None = field(default=None, compare=False)
    """The table's own clock when it answered with this lease; None: it did not say (A20)."""

    def table_now(self, now: float) -> float:
        """What the lease's times are compared with: the table's clock, `now` where it said none (A20)."""
        return now if self.read_at is None else self.read_at

    def is_paused(self, now: float) -> bool:
        """Whether automatic failover is off at `now` (epoch seconds)."""
        return self.table_now(now) < self.paused_until

    @property
    def is_aborted(self) -> bool:
        """Whether a person aborted the lease's own epoch: its plan asks for no promotion any more (A17)."""
        return self.aborted_epoch == self.epoch

    def is_asked_for(self, now: float) -> bool:
        """Whether the holder is to hand its own epoch over to the other region; the word expires (A11)."""
        until = self.hand_over_until
        in_force = until is None or self.table_now(now) < until
        return self.holder != NO_HOLDER and self.hand_over_epoch == self.epoch and in_force

    @property
    def is_handed_over(self) -> bool:
        """Whether its holder let go of it for the other region to take (A11)."""
        return self.holder == NO_HOLDER and self.hand_over_epoch == self.epoch

    def approves(self, epoch: int, loss_seconds: float, now: float) -> bool:
        """Whether a person approved taking `epoch` with this loss; approvals expire (D9)."""
        return (
            self.approved_epoch == epoch
            and self.table_now(now) < self.approval_until
            and loss_seconds <= self.approved_loss_seconds
        )


@dataclass(frozen=True)
class Promise:
    """A region state table: what it has promised as the standby (A2), and how its takes ended (A17).

    `failsafe` counts the promises not to promote; `promoting` is the highest epoch it set out to take;
    `tries` numbers the times it set out, so that one keeper never clears what another relies on.
    """

    failsafe: int = 0
    promoting: int = 0
    tries: int = 0
    releases: int = 0
    """How many epochs in a row the region's own plan gave back; 0 once a plan completed (A17)."""
    released_epoch: int = 0
    """The newest epoch that was counted."""
    released_at: float = 0.0
    """When it was counted (epoch seconds, the region's own clock)."""


def renew(lease: Lease, *, region: str, epoch: int) -> Lease | None:
    """The holder is alive. Conditional on holder and epoch only (A4), so a renewal heals itself."""
    if lease.holder != region or lease.epoch != epoch:
        return None
    return replace(lease, renewals=lease.renewals + 1)


def ask_failsafe(promise: Promise, *, epoch: int) -> Promise | None:
    """A holder without the witness asks the standby not to promote for ttl + margin (A2).

    Refused once the standby set out for a newer epoch: a zombie of an old epoch gets no promise, ever.
    """
    if promise.promoting > epoch:
        return None
    return replace(promise, failsafe=promise.failsafe + 1)


def set_out(promise: Promise, *, epoch: int, failsafe: int) -> Promise | None:
    """The standby binds itself before it takes: from here on it promises nothing below `epoch` (A2)."""
    if promise.failsafe != failsafe or promise.promoting > epoch:
        return None
    return replace(promise, promoting=epoch, tries=promise.tries + 1)


def take(lease: Lease, *, region: str, seen: Lease, now: float) -> Lease | None:
    """Become the holder at `seen.epoch + 1`, if nothing moved since `seen` was judged.

    fit and pause stand in the condition, not only in the judgement (A13). Unfit becomes who loses the lease,
    and who is the database's writer and does not take: its copy will be the old one.
    """
    unmoved = (lease.holder, lease.writer, lease.epoch, lease.renewals, lease.attempt) == (
        seen.holder,
        seen.writer,
        seen.epoch,
        seen.renewals,
        seen.attempt,
    )
    now = seen.table_now(now)
    if not unmoved or now < lease.paused_until or region in lease.unfit:
        return None
    losers = frozenset({lease.holder, lease.writer}) - {NO_HOLDER, region}
    return replace(
        lease,
        holder=region,
        epoch=lease.epoch + 1,
        renewals=lease.renewals + 1,
        moved_at=now,
        unfit=lease.unfit | losers,
    )


def advance(lease: Lease, *, region: str, epoch: int) -> Lease | None:
    """The holder goes on at the next epoch: what an event applier does at this one ends (`lifeline rewind`).

    Only for the writer, so that no promotion is under way. Who is fit, and when the holder changed, stays.
    """
    if (lease.holder, lease.writer, lease.epoch) != (region, region, epoch):
        return None
    return replace(lease, epoch=lease.epoch + 1, renewals=lease.renewals + 1)


def give_up_attempt(lease: Lease, *, seen: Lease) -> Lease | None:
    """Make a take judged on `seen` impossible, so that the promise may be cleared behind it."""
    if lease.epoch != seen.epoch or lease.attempt != seen.attempt:
        return None
    return replace(lease, attempt=lease.attempt + 1)


def clear_promise(promise: Promise, *, tries: int, lease_epoch: int) -> Promise | None:
    """After the attempt was given up in the lease: promise again from the lease's epoch upwards.

    Refused when somebody set out after `tries`: that attempt may still land.
    """
    if promise.tries != tries:
        return None
    return replace(promise, promoting=lease_epoch)


def count_release(promise: Promise, *, epoch: int, now: float) -> Promise | None:
    """The region's plan gives `epoch` back; each epoch counts once, whoever repeats the step (A17)."""
    if promise.released_epoch >= epoch:
        return None
    return replace(promise, releases=promise.releases + 1, released_epoch=epoch, released_at=now)


def forget_releases(promise: Promise) -> Promise:
    """A plan of the region completed: the next release is the first again (A17)."""
    return replace(promise, releases=0, released_at=0.0)


def release(lease: Lease, *, region: str, epoch: int) -> Lease | None:
    """A holder that will not resume lets go (A3); both regions are fit again (A13).

    Only before the point of no return: afterwards `writer` is the holder, and nothing flips back.
    """
    if lease.holder != region or lease.epoch != epoch or lease.writer == region:
        return None
    return replace(
        lease, holder=NO_HOLDER, renewals=lease.renewals + 1, unfit=frozenset(), moved_at=0.0
    )


def ask_hand_over(lease: Lease, *, epoch: int, until: float) -> Lease | None:
    """A person asks the active region to hand over before `until` (epoch seconds); its keeper does it (A11).

    Only an active region can: its database is the writer, and no plan of its epoch is under way.
    """
    if lease.epoch != epoch or lease.holder == NO_HOLDER or lease.holder != lease.writer:
        return None
    return replace(lease, hand_over_epoch=epoch, hand_over_until=until)


def hand_over(lease: Lease, *, region: str, peer: str, epoch: int, now: float) -> Lease | None:
    """An active region lets go for `peer` to take: it renews no more, and stops within ttl (A1, A11).

    `peer` waits for the lease's expiry all the same, so nothing rests on what this region still does. fit and
    pause stand in the condition: a lease that nobody may take is not let go of (A13).
    """
    active = (lease.holder, lease.writer, lease.epoch) == (region, region, epoch)
    if not active or peer in lease.unfit or lease.is_paused(now):
        return None
    return replace(
        lease,
        holder=NO_HOLDER,
        renewals=lease.renewals + 1,
        moved_at=0.0,
        hand_over_epoch=epoch,
    )


def abort(lease: Lease, *, epoch: int) -> Lease | None:
    """A person stops the plan of `epoch`, before the point of no return (D9, A17).

    Refused once `writer` is the holder. Whoever marks, the plan itself gives the lease back.
    """
    if lease.epoch != epoch or lease.holder in (NO_HOLDER, lease.writer):
        return None
    return replace(lease, aborted_epoch=epoch)


def record_writer(lease: Lease, *, region: str, epoch: int) -> Lease | None:
    """The point of no return was passed: the database's writer follows the holder (D1)."""
    if lease.holder != region or lease.epoch != epoch:
        return None
    return replace(lease, writer=region)
