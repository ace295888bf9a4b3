"""One cycle of a keeper: look, decide, act. What runs twice, late or never is harmless here.

Order matters in three places. The own database's clock is read *before* the renewal is sent and
written after it succeeded (A1). The promises are read before they are made a condition (A2). The time
is read after the lease (A7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from lifeline.lambdas.failover.decision import (
    Action,
    DatabaseView,
    Decision,
    Observation,
    decide,
    outlasts,
)
from lifeline.lambdas.failover.figures import Figure, serving_seen, takeover_ready
from lifeline.lambdas.failover.health import Health, verdict
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lag import estimated_loss_seconds, vetoes
from lifeline.lambdas.failover.lease import Lease, Promise
from lifeline.lambdas.failover.own_health import LogSeen, OwnHealth, Part, looked
from lifeline.lambdas.failover.pages import STARTED_AGAIN, Page, Sender
from lifeline.lambdas.failover.plan_runs import run_name
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.readiness import readiness
from lifeline.lambdas.failover.replication_signal import ReplicationSignal
from lifeline.lambdas.failover.serving_seen import seen_by_keeper
from lifeline.lambdas.keeper.memory import Memory
from lifeline.lambdas.keeper.plan_runs import ensure_running
from lifeline.lambdas.keeper.ports import (
    DatabasePort,
    LeasePort,
    PagePort,
    PeerPort,
    PlanPort,
    PromisePort,
    WitnessProbePort,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Ports:
    """Everything outside this process that a cycle touches."""

    lease: LeasePort
    local: PromisePort
    peer: PeerPort
    witness_probe: WitnessProbePort
    database: DatabasePort
    signal: ReplicationSignal
    plan: PlanPort
    pager: PagePort


class Look(NamedTuple):
    """What one cycle saw; `stamp` is the own database's clock before anything was sent."""

    observation: Observation
    stamp: str | None
    promise: Promise | None = None
    memory: Memory | None = None


class Cycle:
    """A region's keeper. `clock` answers epoch seconds of the own machine; one object per run.

    `sender` says which region of which environment it is. `publish` takes each cycle's figures, and when
    they were judged (A19, A22).
    """

    def __init__(
        self,
        *,
        sender: Sender,
        policy: Policy,
        ports: Ports,
        clock: Callable[[], float],
        log: Callable[..., None],
        publish: Callable[[Sequence[Figure], float], None],
        alone: bool = False,
        applies: bool = True,
        plan_budget_seconds: int = 0,
    ) -> None:
        """`alone`: there is no witness, and the lease is in the region's own table (A21).

        `applies`: the region has event appliers of ours, whose progress is part of its health (A11).
        """
        self._alone = alone
        self._applies = applies
        self._plan_budget_seconds = plan_budget_seconds
        self._sender = sender
        self._region = sender.region
        self._peer_region = sender.peer
        self._policy = policy
        self._ports = ports
        self._clock = clock
        self._log = log
        self._publish = publish
        self._renewed_row = False
        self._own = OwnHealth()
        self._log_seen = LogSeen()
        self._pause_read_at: float | None = None
        self._pause_until = 0.0

    def run(self) -> Decision:
        """Look, decide, act. Unreachable parts are unknown; nothing but a broken program raises.

        A holder touches nothing but its database and the witness before it has renewed and bumped:
        what hangs elsewhere (its own control plane, say) must not cost it the lease.
        """
        self._renewed_row = False
        look = self._look()
        now = self._clock()
        decision = decide(look.observation, self._policy, now)
        self._act(look, decision, now)
        if decision.action is Action.RENEW and look.observation.lease is not None:
            look = self._look_at_itself(look, look.observation.lease)
            judged = decide(look.observation, self._policy, now)
            if judged.action is Action.HAND_OVER:
                self._act(look, judged, now)
            decision = judged
        memory = look.memory
        if memory is not None:
            self._call("remember", lambda: self._ports.local.remember(memory.to_json()))
        serving = seen_by_keeper(look.observation, self._policy, renewed_row=self._renewed_row)
        self._note(look.observation, decision, serving, now)
        self._tell(look.observation, decision, serving, now)
        return decision

    def _look(self) -> Look:
        ports = self._ports
        stamp = self._call("database clock", ports.database.clock)
        view = None if stamp is None else self._call("database view", ports.database.view)
        asked_at = self._clock()
        lease, missing = self._read_lease()
        now = self._clock()
        if lease is not None and lease.is_paused(now):
            # Its end on the own clock; `Date` has whole seconds, so at most one later than it is (A20).
            self._pause_until = asked_at + lease.paused_until - lease.table_now(asked_at)
            self._pause_read_at = now
        observation = Observation(
            region=self._region,
            lease=lease,
            lease_missing=missing,
            database=view,
            pause_read_seconds_ago=self._pause_read_seconds_ago(now),
            alone=self._alone,
        )
        if self._alone:
            return Look(self._ask_other(observation), stamp)
        if lease is None:
            return Look(self._without_lease(observation, now), stamp)
        if lease.holder == self._region:
            return Look(observation, stamp)
        promise = self._call("own promise", ports.local.promise)
        remembered = self._call("memory", ports.local.memory)
        if promise is None or remembered is None:
            # Without its own table it can neither promise nor remember, so it takes nothing.
            return Look(observation, stamp)
        return self._look_as_candidate(
            Look(observation, stamp, promise, Memory.from_json(remembered)), lease, now
        )

    def _without_lease(self, observation: Observation, now: float) -> Observation:
        """What a standby still sees of the other region; an active one asks nothing more (A22)."""
        row = observation.database
        if row is not None and row.holder == self._region:
            return observation
        peer = self._peer_region
        samples = self._call("own probe", lambda: self._ports.local.samples(peer)) or []
        remembered = self._call("memory", self._ports.local.memory) or {}
        return observation._replace(
            own_probe=verdict(samples, self._policy, now),
            blind_seconds=Memory.from_json(remembered).unmoved_seconds(now),
        )

    def _ask_other(self, observation: Observation) -> Observation:
        """Without a witness the other region's table is asked in each cycle whether this one was replaced.

        After the stamp was read: what a person binds there later waits for longer than the stamp lasts (A21).
        """
        lease = observation.lease
        if not self._alone or lease is None or lease.holder != self._region:
            return observation
        promised = self._call("ask other", lambda: self._ports.peer.ask_failsafe(epoch=lease.epoch))
        own = self._call("own promise", self._ports.local.promise)
        return observation._replace(
            other_promised=promised,
            bound_to_epoch=0 if own is None else own.promoting,
        )

    def _look_as_candidate(self, look: Look, lease: Lease, now: float) -> Look:
        ports, policy, peer = self._ports, self._policy, self._peer_region
        promise, memory = look.promise, look.memory
        if promise is None or memory is None:
            return look
        own_samples = self._call("own probe", lambda: ports.local.samples(peer)) or []
        seen_by_witness = self._call("witness probe", lambda: ports.witness_probe.samples(peer))
        own = verdict(own_samples, policy, now)
        witness = verdict(seen_by_witness or [], policy, now)
        born = None
        if look.observation.database is not None:
            born = self._call("applied until", lambda: ports.signal.applied_until(peer))
        # In a tuple: nobody answered is not the same as an answer that is not known.
        answer = self._call("complete until", lambda: (ports.signal.complete_until(peer),))
        complete_until = None if answer is None else answer[0]
        memory = (
            memory.saw_lease(lease, promise, now)
            .saw_health(own, witness, now)
            .saw_applied(born, policy, now)
        )
        fresh = bool(own_samples) and now - own_samples[-1].at <= 2 * policy.probe_cycle_seconds
        observation = look.observation._replace(
            unmoved_seconds=memory.unmoved_seconds(now),
            own_probe=own,
            witness_probe=witness,
            # A probe whose control did not answer in its cycle says UNKNOWN (A12, A13).
            control_answered=fresh and own_samples[-1].health is not Health.UNKNOWN,
            agreed_unhealthy_seconds=memory.agreed_unhealthy_seconds(now),
            query_api_answered=answer is not None,
            markers_advance=vetoes(
                memory.applied,
                rate=policy.veto_rate,
                window_seconds=policy.veto_window_seconds,
                moved_at=lease.moved_at,
                now=now,
            ),
            estimated_loss_seconds=estimated_loss_seconds(memory.alive_at, complete_until),
            releases=promise.releases,
            released_seconds_ago=now - promise.released_at if promise.releases else None,
        )
        return look._replace(observation=observation, memory=memory)

    def _look_at_itself(self, look: Look, lease: Lease) -> Look:
        """How this active region's own parts are (A11); after the renewal, which nothing here may delay."""
        ports, policy, seen = self._ports, self._policy, look.observation
        answered = seen.database is not None
        progress = None
        if answered and self._applies:
            progress = self._call("progress", lambda: ports.database.progress(self._region))
        outside = self._call("witness probe", lambda: ports.witness_probe.samples(self._region))
        now = self._clock()
        self._log_seen = self._log_seen.saw(progress, now)
        found = looked(
            database_answered=answered,
            applies=self._applies,
            progress=progress,
            log=self._log_seen,
            seen_from_outside=verdict(outside or [], policy, now),
            policy=policy,
            now=now,
        )
        ill = self._counted(found, lease.epoch, now)
        if not ill:
            return look
        report = self._call("other keeper", ports.peer.keeper_report)
        fresh = report is not None and abs(now - report.at) <= policy.expiry_seconds
        observation = seen._replace(
            ill=ill,
            standby_ready=report.ready if report is not None and fresh else None,
            standby_reason=report.ready_reason if report is not None else "",
        )
        return look._replace(observation=observation)

    def _counted(self, found: Mapping[Part, Health], epoch: int, now: float) -> dict[str, float]:
        """Count the look on top of what this region's keepers counted before; the parts that are ill."""
        local, before = self._ports.local, self._own
        if before.epoch != epoch:
            before = OwnHealth(epoch)
        if set(found.values()) != {Health.HEALTHY}:
            kept = self._call("own health", local.own_health)
            # Not to be had: this keeper goes on from what it counted itself.
            before = before if kept is None else OwnHealth.from_json(kept, epoch=epoch)
        self._own = before.saw(found, self._policy, now)
        if self._own.counts != before.counts:
            body = self._own.to_json()
            self._call("remember own health", lambda: local.remember_own_health(body))
        return self._own.ill(self._policy, now)

    def _act(self, look: Look, decision: Decision, now: float) -> None:
        lease, view = look.observation.lease, look.observation.database
        match decision.action:
            case Action.RENEW | Action.RECOVER if lease is not None:
                self._renew(lease, look)
                # A row that cannot be read is no proof against a completed plan; one that says so is.
                self._keep_plan(lease, decision.action is Action.RENEW, now)
            case Action.ASK_FAILSAFE:
                self._ask_failsafe(look)
            case Action.SERVE_PAUSED:
                self._bump(look, renewals=0)
            case Action.HAND_OVER if lease is not None:
                self._hand_over(lease, now)
            case Action.TAKE if lease is not None and look.promise is not None:
                self._take(lease, look.promise, now)
            case Action.HOLD if lease is not None and look.promise is not None:
                if look.promise.promoting > lease.epoch and view is not None:
                    self._abandon(lease, look.promise)
            case _:
                pass

    def _renew(self, lease: Lease, look: Look) -> None:
        view = look.observation.database
        health = self._health_of(lease, view)
        renewed = self._call(
            "renew",
            lambda: self._ports.lease.renew(region=self._region, epoch=lease.epoch, health=health),
        )
        if renewed is None:
            # Refused, or unknown: either way no proof, so only a promise may keep us serving.
            self._ask_failsafe(look)
            return
        self._bump(look, renewals=renewed.renewals)

    def _health_of(self, lease: Lease, view: DatabaseView | None) -> str:
        """The word beside the renewal: what the last look found, for people who read the lease (A11)."""
        ill = self._own.ill(self._policy, self._clock()) if self._own.epoch == lease.epoch else {}
        if ill:
            return f"degraded: {', '.join(ill)}"
        return "serving" if view is not None and view.serves(lease) else "recovering"

    def _hand_over(self, lease: Lease, now: float) -> None:
        """Let the lease go. From here on nothing is renewed, so the region stops within ttl (A1, A11)."""
        self._call(
            "hand over",
            lambda: self._ports.lease.hand_over(
                region=self._region,
                peer=self._peer_region,
                epoch=lease.epoch,
                now=lease.table_now(now),
            ),
        )

    def _ask_failsafe(self, look: Look) -> None:
        view = look.observation.database
        if view is None or view.in_recovery or view.holder != self._region:
            return
        promised = self._call(
            "ask failsafe", lambda: self._ports.peer.ask_failsafe(epoch=view.epoch)
        )
        if promised:
            self._bump(look, renewals=0)

    def _bump(self, look: Look, renewals: int) -> None:
        """Tell what reads this database that the region may serve for ttl from the stamp (A1, A3)."""
        view, stamp = look.observation.database, look.stamp
        if view is None or stamp is None or view.in_recovery or view.holder != self._region:
            return
        written = self._call(
            "bump",
            lambda: self._ports.database.bump(
                region=self._region, epoch=view.epoch, renewals=renewals, renewed_from=stamp
            ),
        )
        self._renewed_row = self._renewed_row or bool(written)

    def _take(self, seen: Lease, promise: Promise, now: float) -> None:
        """Bind oneself first, then take; a failed take is given up before the promise is cleared (A2)."""
        tries = self._call(
            "set out",
            lambda: self._ports.local.set_out(epoch=seen.epoch + 1, failsafe=promise.failsafe),
        )
        if tries is None:
            return
        taken = self._call(
            "take", lambda: self._ports.lease.take(region=self._region, seen=seen, now=now)
        )
        # After a lost reply the lease itself says whose it is (A4).
        current = taken or self._read_lease()[0]
        if current is not None and current.holder == self._region:
            self._keep_plan(current, False, now)
        elif current is not None:
            self._give_up(current, tries)

    def _abandon(self, lease: Lease, promise: Promise) -> None:
        """A promise left by a keeper that died between its two writes."""
        tries = self._call(
            "set out",
            lambda: self._ports.local.set_out(epoch=promise.promoting, failsafe=promise.failsafe),
        )
        if tries is not None:
            self._give_up(lease, tries)

    def _give_up(self, current: Lease, tries: int) -> None:
        given_up = self._call("give up", lambda: self._ports.lease.give_up_attempt(seen=current))
        if given_up is not None:
            self._call(
                "clear promise",
                lambda: self._ports.local.clear_promise(tries=tries, lease_epoch=given_up.epoch),
            )

    def _keep_plan(self, lease: Lease, completion_counts: bool, now: float) -> None:
        """The plan of the lease's epoch runs until a run of it has completed (A4, A17)."""
        replacing = self._call(
            "keep plan",
            lambda: ensure_running(
                self._ports.local,
                self._ports.plan,
                epoch=lease.epoch,
                completion_counts=completion_counts,
                now=now,
            ),
        )
        if replacing is not None:
            ended, started = (run_name(lease.epoch, run) for run in (replacing - 1, replacing))
            self._page(
                self._sender.of_plan(
                    STARTED_AGAIN,
                    f"{ended} ended without completing, or the region does not serve any more; {started} "
                    f"was started. Look at how {ended} failed.",
                    lease=lease,
                    execution=ended,
                )
            )

    def _pause_read_seconds_ago(self, now: float) -> float | None:
        if self._pause_read_at is None or now >= self._pause_until:
            return None
        return max(0.0, now - self._pause_read_at)

    def _read_lease(self) -> tuple[Lease | None, bool]:
        """(lease, missing): a table that answers without an item is not a table out of reach (A10)."""
        try:
            lease = self._ports.lease.read()
        except Exception as error:
            self._log("unreachable", part="lease", error=repr(error))
            return None, False
        return lease, lease is None

    def _note(
        self, observation: Observation, decision: Decision, serving: bool | None, now: float
    ) -> None:
        self._log("decision", action=str(decision.action), reason=decision.reason)
        epoch = "" if observation.lease is None else str(observation.lease.epoch)
        reason, times = str(decision.reason), outlasts(observation, decision, self._policy)
        if times:
            # A word that does not page by itself is not told again for each change of it.
            reason = f"{reason if decision.page else 'outlasts'}+{times}"
        noted = self._call(
            "note decision",
            lambda: self._ports.local.note_decision(
                # The epoch stands last: `lifeline authority init` reads it there (A10).
                f"{decision.action}:{reason}:{epoch}",
                {
                    "at": f"{now:.3f}",
                    "region": self._region,
                    "action": str(decision.action),
                    "reason": decision.reason,
                    "epoch": epoch,
                    "evidence": decision.evidence,
                },
                now,
            ),
        )
        if (decision.page or times) and noted is not False:
            # Its row is renewed, and what is ill may be what serves: it cannot tell.
            seen = None if observation.ill else serving
            self._page(self._sender.of_decision(observation, decision, self._policy, serving=seen))

    def _page(self, page: Page) -> None:
        self._ports.pager.page(page.subject, page.text)

    def _tell(
        self, observation: Observation, decision: Decision, serving: bool | None, now: float
    ) -> None:
        """Readiness and service as metrics, and the cycle as an item of the own table (A19, A22)."""
        said = readiness(observation, self._policy, now)
        self._publish([takeover_ready(said), *serving_seen(serving)], now)
        report = KeeperReport.of(
            observation,
            decision,
            said,
            self._policy,
            renewed_row=self._renewed_row,
            now=now,
            plan_budget_seconds=self._plan_budget_seconds,
        )
        self._call("report", lambda: self._ports.local.note_cycle(report))

    def _call(self, part: str, call: Callable[[], T]) -> T | None:
        """The call's answer, or None when it could not be had: out of reach is unknown, never a no."""
        try:
            return call()
        except Exception as error:
            self._log("unreachable", part=part, error=repr(error))
            return None
