"""The decision: one keeper's observation in, one action and its reason out (docs/mechanisms/authority.md).

`decide` is pure: standard library only, time passed in, no effect. Everything unknown holds. The
guards are an ordered table, each a reason-or-None function, so that the reason a region did not move
is always one of the words below, and the runbook explains each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.plan_runs import doubled_seconds
from lifeline.lambdas.failover.policy import Policy


class Action(StrEnum):
    """What a keeper does next."""

    HOLD = "hold"
    RENEW = "renew"
    RECOVER = "recover"
    """Renew, and start the plan of this epoch (A4): the lease is ours, our database is not there yet."""
    ASK_FAILSAFE = "ask-failsafe"
    SERVE_PAUSED = "serve-paused"
    """The witness is out of reach, but a pause was read within ttl: nobody may promote (A14)."""
    TAKE = "take"
    HAND_OVER = "hand-over"
    """Let go of the lease for the other region to take; renewed and told to nobody any more (A11)."""


class Reason(StrEnum):
    """Why: every word that a decision can give. docs/runbooks/holds.md explains each."""

    LEASE_ITEM_MISSING = "lease-item-missing"
    TAKEOVER_IS_A_PERSONS = "takeover-is-a-persons"
    OTHER_REGION_WAS_MADE_ACTIVE = "other-region-was-made-active"
    STOPPED_WITHOUT_THE_OTHER_REGION = "stopped-without-the-other-region"
    WITNESS_UNREACHABLE = "witness-unreachable"
    WITNESS_UNREACHABLE_WHILE_PAUSED = "witness-unreachable-while-paused"
    DATABASE_UNREACHABLE_BEFORE_PROMOTION = "database-unreachable-before-promotion"
    DATABASE_UNREACHABLE = "database-unreachable"
    DATABASE_NEWER_THAN_LEASE = "database-newer-than-lease"
    DATABASE_BEHIND_LEASE = "database-behind-lease"
    HOLDER = "holder"
    SERVES_DEGRADED = "serves-degraded"
    ASKED_TO_HAND_OVER = "asked-to-hand-over"
    SICK_AND_STANDBY_READY = "sick-and-standby-ready"
    RELEASED_TO_WRITER = "released-to-writer"
    HANDED_OVER = "handed-over"
    WAITS_AFTER_HAND_OVER = "waits-after-hand-over"
    PAUSED = "paused"
    LEASE_NOT_EXPIRED = "lease-not-expired"
    LEASE_MOVES = "lease-moves"
    OWN_CONTROL_PROBE_FAILED = "own-control-probe-failed"
    UNFIT_UNTIL_REPROTECTED = "unfit-until-reprotected"
    OWN_DATABASE_UNREACHABLE = "own-database-unreachable"
    OWN_SERVICES_UNREACHABLE = "own-services-unreachable"
    COOL_DOWN = "cool-down"
    MARKERS_UNKNOWN = "markers-unknown"
    MARKERS_STILL_APPLIED = "markers-still-applied"
    LOSS_UNKNOWN = "loss-unknown"
    LOSS_ABOVE_RPO = "loss-above-rpo"
    BACKING_OFF_AFTER_RELEASES = "backing-off-after-releases"
    ACTIVE_LOST = "active-lost"
    OWN_PROBE_HEALTHY = "own-probe-healthy"
    OWN_PROBE_UNKNOWN = "own-probe-unknown"
    WITNESS_PROBE_HEALTHY = "witness-probe-healthy"
    WITNESS_PROBE_UNKNOWN = "witness-probe-unknown"


OWN_PROBE = {
    Health.HEALTHY: Reason.OWN_PROBE_HEALTHY,
    Health.UNKNOWN: Reason.OWN_PROBE_UNKNOWN,
}
WITNESS_PROBE = {
    Health.HEALTHY: Reason.WITNESS_PROBE_HEALTHY,
    Health.UNKNOWN: Reason.WITNESS_PROBE_UNKNOWN,
}
"""A probe that holds, by what it says."""


@dataclass(frozen=True)
class DatabaseView:
    """The authority row of the own region's database, and whether that server is a replica."""

    epoch: int
    holder: str
    in_recovery: bool
    renewed_seconds_ago: float | None = None
    """How old the row's last renewal is, by its server's clock; None: not known."""

    def serves(self, lease: Lease) -> bool:
        """Whether the lease's holder may serve by this row; not by a replica's or nobody's (A16)."""
        at_lease = (self.epoch, self.holder) == (lease.epoch, lease.holder)
        return at_lease and not self.in_recovery


class Observation(NamedTuple):
    """What one keeper saw in one cycle. None means unknown."""

    region: str
    lease: Lease | None
    lease_missing: bool = False
    """The witness answered that there is no lease item (A10): a person must look."""
    unmoved_seconds: float | None = None
    """How long lease and promises stood still on this region's own clock (A7)."""
    blind_seconds: float | None = None
    """For how long a standby, which cannot read the lease now, has not seen it move."""
    own_probe: Health = Health.UNKNOWN
    witness_probe: Health = Health.UNKNOWN
    control_answered: bool = False
    agreed_unhealthy_seconds: float = 0.0
    database: DatabaseView | None = None
    query_api_answered: bool = False
    markers_advance: bool | None = None
    estimated_loss_seconds: float | None = None
    releases: int = 0
    """How many epochs in a row this region's own plan gave back (A17)."""
    released_seconds_ago: float | None = None
    """How long ago the newest of them was, on this region's own clock; None: none."""
    ill: Mapping[str, float] = MappingProxyType({})
    """The own region's parts that are ill for K looks, and for how long (A11); of a holder only."""
    standby_ready: bool | None = None
    """What the other region's keeper last said of itself (A19); None: not known, or not asked."""
    standby_reason: str = ""
    pause_read_seconds_ago: float | None = None
    """How long ago a pause still in force was read from the witness; None: never."""
    alone: bool = False
    """There is no witness: the lease is the region's own; only a person makes another one active (A21)."""
    other_promised: bool | None = None
    """What the other region's table said to this cycle's question (A21); None: nobody answered."""
    bound_to_epoch: int = 0
    """The highest epoch for which a person bound this region's table: it was made active by a takeover."""


@dataclass(frozen=True)
class Decision:
    """An action, the word for why, what it rests on, and whether a person is told."""

    action: Action
    reason: Reason
    evidence: dict[str, object] = field(default_factory=dict)
    page: bool = False


def decide(observation: Observation, policy: Policy, now: float) -> Decision:
    """What this region's keeper does now (`now`: epoch seconds of its own clock)."""
    lease = observation.lease
    if lease is None:
        return _without_lease(observation, policy)
    if lease.holder == observation.region:
        held = _alone(observation, lease, policy) if observation.alone else None
        return held or _as_holder(observation, lease, policy, now)
    if observation.alone:
        return Decision(Action.HOLD, Reason.TAKEOVER_IS_A_PERSONS)
    return _as_candidate(observation, lease, policy, now)


def outlasts(observation: Observation, decision: Decision, policy: Policy) -> int:
    """How often a hold is to be paged, whatever its word: it outlives the lease's expiry by 90 s (A19).

    0: not at all. It grows while the hold lasts. A pause starts the time anew.
    """
    stood = observation.unmoved_seconds
    if observation.lease is None:
        stood = observation.blind_seconds
    if decision.action is not Action.HOLD or stood is None:
        return 0
    late = stood - policy.expiry_seconds - policy.hold_pages_seconds
    return 0 if late < 0 else 1 + int(late // policy.hold_pages_again_seconds)


def _without_lease(observation: Observation, policy: Policy) -> Decision:
    row = observation.database
    if observation.lease_missing:
        if observation.alone and row is not None and row.holder != observation.region:
            return Decision(Action.HOLD, Reason.TAKEOVER_IS_A_PERSONS)
        return Decision(Action.HOLD, Reason.LEASE_ITEM_MISSING, page=True)
    if row is None or row.holder != observation.region or row.in_recovery:
        return Decision(Action.HOLD, Reason.WITNESS_UNREACHABLE)
    paused = observation.pause_read_seconds_ago
    if paused is not None and paused < policy.ttl_seconds:
        return Decision(Action.SERVE_PAUSED, Reason.WITNESS_UNREACHABLE_WHILE_PAUSED)
    return Decision(Action.ASK_FAILSAFE, Reason.WITNESS_UNREACHABLE, {"epoch": row.epoch})


def _alone(observation: Observation, lease: Lease, policy: Policy) -> Decision | None:
    """Why a holder without a witness stops; None: it goes on (A21).

    One that serves goes on by itself, whoever is silent. One that stood still may have been replaced
    meanwhile: it starts again only by the other region's word, or if a person made it active.
    """
    if observation.other_promised is False:
        return Decision(
            Action.HOLD, Reason.OTHER_REGION_WAS_MADE_ACTIVE, {"epoch": lease.epoch}, page=True
        )
    row = observation.database
    serves_now = (
        row is not None
        and row.serves(lease)
        and row.renewed_seconds_ago is not None
        and row.renewed_seconds_ago < policy.ttl_seconds
    )
    if observation.other_promised or serves_now or observation.bound_to_epoch == lease.epoch:
        return None
    return Decision(
        Action.HOLD, Reason.STOPPED_WITHOUT_THE_OTHER_REGION, {"epoch": lease.epoch}, page=True
    )


def _as_holder(observation: Observation, lease: Lease, policy: Policy, now: float) -> Decision:
    row = observation.database
    if row is None and lease.writer != observation.region:
        # Before the promotion a region's own database may also be what the plan repairs.
        return Decision(Action.RECOVER, Reason.DATABASE_UNREACHABLE_BEFORE_PROMOTION)
    if row is not None and row.epoch > lease.epoch:
        return Decision(
            Action.HOLD,
            Reason.DATABASE_NEWER_THAN_LEASE,
            {"database_epoch": row.epoch, "lease_epoch": lease.epoch},
            page=True,
        )
    let_go = _may_let_go(observation, lease, now)
    if lease.is_asked_for(now) and let_go:
        evidence = {"asked_until": _until(lease.hand_over_until), **_illness(observation)}
        return Decision(Action.HAND_OVER, Reason.ASKED_TO_HAND_OVER, evidence, page=True)
    if row is not None and not row.serves(lease):
        # Also an equal epoch that nobody holds: a fence's row, replicated (A16).
        return Decision(Action.RECOVER, Reason.DATABASE_BEHIND_LEASE, {"database_epoch": row.epoch})
    if observation.ill:
        rested = lease.table_now(now) - lease.moved_at >= policy.cool_down_seconds
        if policy.automatic_hand_over and let_go and observation.standby_ready and rested:
            return Decision(
                Action.HAND_OVER, Reason.SICK_AND_STANDBY_READY, _illness(observation), page=True
            )
        return Decision(Action.RENEW, Reason.SERVES_DEGRADED, _illness(observation), page=True)
    if row is None:
        # Alive, so it renews (A11); nothing is bumped, so what reads this database stops by A1.
        return Decision(Action.RENEW, Reason.DATABASE_UNREACHABLE, page=True)
    return Decision(Action.RENEW, Reason.HOLDER)


def _may_let_go(observation: Observation, lease: Lease, now: float) -> bool:
    """Whether somebody else could take what an active region lets go of; the write asks the same (A13)."""
    others_fit = not lease.unfit - {observation.region}
    return (
        lease.writer == observation.region
        and others_fit
        and not lease.is_paused(now)
        and not observation.alone
    )


def _illness(observation: Observation) -> dict[str, object]:
    standby = {None: "not known", True: "ready", False: observation.standby_reason}
    ill = {f"{part}_ill_seconds": seconds for part, seconds in observation.ill.items()}
    return {**ill, "standby": standby[observation.standby_ready]}


def _until(moment: float | None) -> str:
    if moment is None:
        return "no end"
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_candidate(observation: Observation, lease: Lease, policy: Policy, now: float) -> Decision:
    guards = TAKE_GUARDS
    released_to_me = lease.holder == NO_HOLDER and lease.writer == observation.region
    if released_to_me:
        guards = RELEASED_GUARDS
    elif lease.is_handed_over:
        guards = HANDED_OVER_GUARDS
    for guard in guards:
        held = guard(observation, lease, policy, now)
        if held is not None:
            return held
    evidence: dict[str, object] = {
        "epoch": lease.epoch + 1,
        "unmoved_seconds": observation.unmoved_seconds,
        "estimated_loss_seconds": observation.estimated_loss_seconds,
        "agreed_unhealthy_seconds": observation.agreed_unhealthy_seconds,
    }
    # Nobody has to do anything, and yet a person is told: until the plan's end nobody serves.
    if released_to_me:
        return Decision(Action.TAKE, Reason.RELEASED_TO_WRITER, evidence, page=True)
    if lease.is_handed_over:
        return Decision(Action.TAKE, Reason.HANDED_OVER, evidence, page=True)
    return Decision(Action.TAKE, Reason.ACTIVE_LOST, evidence, page=True)


Guard = Callable[[Observation, Lease, Policy, float], Decision | None]


def _hold(reason: Reason, page: bool = False, **evidence: object) -> Decision:
    return Decision(Action.HOLD, reason, evidence, page)


def _paused(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    return _hold(Reason.PAUSED, until=lease.paused_until) if lease.is_paused(now) else None


def _lease_moves(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    if o.unmoved_seconds is not None and o.unmoved_seconds >= policy.expiry_seconds:
        return None
    if o.unmoved_seconds is not None and o.unmoved_seconds >= 2 * policy.loop_seconds:
        return _hold(Reason.LEASE_NOT_EXPIRED, unmoved_seconds=o.unmoved_seconds)
    return _hold(Reason.LEASE_MOVES, unmoved_seconds=o.unmoved_seconds)


def _control_failed(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    return None if o.control_answered else _hold(Reason.OWN_CONTROL_PROBE_FAILED)


def _unfit(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    if o.region in lease.unfit:
        return _hold(Reason.UNFIT_UNTIL_REPROTECTED, page=True)
    if o.database is None:
        return _hold(Reason.OWN_DATABASE_UNREACHABLE, page=True)
    if not o.query_api_answered:
        return _hold(Reason.OWN_SERVICES_UNREACHABLE, page=True)
    return None


def _database_newer(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    if o.database is not None and o.database.epoch > lease.epoch:
        return _hold(Reason.DATABASE_NEWER_THAN_LEASE, page=True, database_epoch=o.database.epoch)
    return None


def _cooling_down(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    left = lease.moved_at + policy.cool_down_seconds - lease.table_now(now)
    return _hold(Reason.COOL_DOWN, page=True, seconds_left=left) if left > 0 else None


def _own_probe(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    if o.own_probe is Health.UNHEALTHY:
        return None
    return _hold(OWN_PROBE[o.own_probe])


def _witness_probe(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    if o.witness_probe is Health.UNHEALTHY:
        return None
    return _hold(WITNESS_PROBE[o.witness_probe])


def _vetoed(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    if o.markers_advance is False:
        return None
    if o.agreed_unhealthy_seconds >= policy.veto_lapse_seconds:
        return None
    if o.markers_advance is None:
        return _hold(Reason.MARKERS_UNKNOWN)
    return _hold(Reason.MARKERS_STILL_APPLIED, page=True)


def _loss(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    loss = o.estimated_loss_seconds
    if loss is None:
        return _hold(Reason.LOSS_UNKNOWN, page=True)
    if loss <= policy.max_loss_seconds or lease.approves(lease.epoch + 1, loss, now):
        return None
    return _hold(
        Reason.LOSS_ABOVE_RPO, page=True, loss_seconds=loss, allowed_seconds=policy.max_loss_seconds
    )


def _handed_over(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    """Who let go of the lease waits for the other region to take it, and then takes it back (A11)."""
    waited = o.unmoved_seconds
    if not lease.is_handed_over or (waited is not None and waited >= policy.hand_over_seconds):
        return None
    return _hold(Reason.WAITS_AFTER_HAND_OVER, page=False, waited_seconds=waited)


def _backing_off(o: Observation, lease: Lease, policy: Policy, now: float) -> Decision | None:
    """The last guard: it holds, and pages, only where the region would take otherwise (A17)."""
    ago, wait = o.released_seconds_ago, doubled_seconds(o.releases)
    # A release that lies in the future was stamped by a clock that is wrong: no reason to wait for it.
    if not o.releases or ago is None or not 0 <= ago < wait:
        return None
    return _hold(
        Reason.BACKING_OFF_AFTER_RELEASES, page=True, releases=o.releases, seconds_left=wait - ago
    )


TAKE_GUARDS: tuple[Guard, ...] = (
    _paused,
    _lease_moves,
    _control_failed,
    _unfit,
    _database_newer,
    _cooling_down,
    _own_probe,
    _witness_probe,
    _vetoed,
    _loss,
    _backing_off,
)
"""Every one of these must let go before a standby takes the lease; the first that holds is the reason."""

RELEASED_GUARDS: tuple[Guard, ...] = (
    _paused,
    _handed_over,
    _control_failed,
    _unfit,
    _database_newer,
)
"""Nobody holds a released lease and the writer is here: no other region can be serving."""

HANDED_OVER_GUARDS: tuple[Guard, ...] = (
    _paused,
    _lease_moves,
    _control_failed,
    _unfit,
    _database_newer,
    _loss,
    _backing_off,
)
"""The active region let go for this one (A11): it lives, so neither its health nor its markers hold. It may
serve for a ttl after it let go: the expiry is waited for."""
