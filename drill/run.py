"""One drill from deployment to sealed evidence: stream, break, watch, drain, check."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drill import (
    archive,
    cached_reads,
    evidence,
    growing,
    heart_recordings,
    platform_records,
    report,
    run_summary,
    served,
    stored,
)
from drill.alarms import judged, must_fire
from drill.availability import Availability, availability
from drill.bad_events import bad_events
from drill.cached_reads import CachedReads
from drill.checker import Findings
from drill.dead_letters import read_dead_letters
from drill.decided import Decision, decision
from drill.edge import Edge
from drill.edge_api import EdgeApi
from drill.effect import BROKEN_PARTS, Effect, Looks, measure
from drill.journal import Journal
from drill.live import LivePage
from drill.logged import read_log
from drill.progress import Bar
from drill.publisher import EdgePublisher
from drill.recheck import check_again
from drill.run_summary import RunSummary
from drill.sampling import Sampler, rpo_seconds
from drill.scenarios import (
    AFTER_RECOVERY_SECONDS,
    ALARM_SECONDS,
    PLAN_END_SECONDS,
    REPAIR_SECONDS,
    STRUCK_AGAIN,
    Scenario,
)
from drill.static_stability import RecoveryCall, recovery_calls
from drill.stored import AppliedSecond
from drill.synthetic import DEADLINE_SECONDS, SyntheticTransactions, failing_run, rto_seconds
from drill.targets import AlarmSeen, BrokenThing, Deployed, Target
from drill.telling import Telling
from drill.traffic import takes_events

EDGES = 2
SYNTHETIC = "edge-synthetic"
SERVING_SECONDS = 60.0
DRAIN_SECONDS = 60.0
SETTLE_SECONDS = 60.0
STABLE_SECONDS = 5.0
STRUCK = ("killed", "frozen")


@dataclass(frozen=True)
class Options:
    """What a person may choose."""

    events_per_second: float = 1667.0
    before_seconds: float = 60.0
    seed: int = 1
    kill_apply: int = 0
    bad_events: bool = False
    plan_step: str = "start_promotion"
    """At which step `plan-killed` stops the plan's first run."""


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind."""

    folder: Path
    evidence: dict[str, Any]


class Run:
    """One run against one entered target."""

    def __init__(
        self,
        scenario: Scenario,
        options: Options,
        target: Target,
        say: Callable[[str], None],
        live: LivePage | None = None,
    ) -> None:
        self._scenario = scenario
        self._options = options
        self._target = target
        self._say = say
        self._bar = Bar(self._say)
        self._telling = Telling(self._say)
        self._random = random.Random(options.seed)
        self._failures: list[str] = []
        self._faults: list[BrokenThing] = []
        self._kills: list[float] = []
        self._lost_at: float | None = None
        self._effect: Effect | None = None
        self._calls: list[RecoveryCall] = []
        self._struck_again: list[BrokenThing] = []
        self._cached: CachedReads | None = None
        self._live = live
        self._started = 0.0
        self._wanted = 0.0

    def go(self) -> Outcome:
        """Do all of it. Raises what the target raises; then there is no evidence."""
        deployed = self._target.deploy()
        self._await_serving()
        started = self._started = time.time()
        stamp = datetime.fromtimestamp(started, UTC).strftime("%Y%m%dT%H%M%SZ")
        run_id = f"{stamp}-{self._scenario.name}"
        folder = evidence.ROOT / run_id
        self._build_edges(folder / archive.JOURNALS)
        if self._live is not None:
            self._live.follow(lambda: self._growing(run_id, started))
        try:
            self._stream()
        finally:
            self._stop()
        survivor = str(self._final_lease().get("holder") or self._target.home)
        findings, applied = self._check(folder, survivor)
        self._await_alarms(started, survivor)
        alarms = self._alarms(started)
        archive.save_metric_lines(folder, self._target.metric_lines())
        body = run_summary.body(
            self._summary(run_id, started, survivor, findings, applied, deployed, alarms)
        )
        sealed = evidence.seal(body, evidence.previous_sha256(evidence.ROOT))
        evidence.write(sealed, folder)
        report.write(sealed, folder)
        evidence.publish(folder, evidence.ROOT)
        if self._live is not None:
            self._live.end(sealed)
        return Outcome(folder, sealed)

    def _await_serving(self) -> None:
        """Let the first epoch open: its wait is a matter of deployment, not of the drill."""
        api = EdgeApi(self._target.endpoints()[self._target.home].api_url)
        deadline = time.monotonic() + SERVING_SECONDS
        while not api.health().body.get("serving"):
            if time.monotonic() > deadline:
                self._failures.append(f"{self._target.home} did not serve before the drill began")
                break
            time.sleep(0.5)
        api.close()

    # -- streaming ---------------------------------------------------------------------------------

    def _build_edges(self, journals: Path) -> None:
        urls = {region: one.address for region, one in self._target.endpoints().items()}
        # The home region is where edges start; the traffic switch decides from the first second.
        urls = {self._target.home: urls[self._target.home], **urls}
        recordings = heart_recordings.load()
        self._edges = [
            Edge(
                f"edge-{index + 1}",
                journals,
                urls,
                recordings=recordings,
                events_per_second=self._options.events_per_second / EDGES,
                seed=self._options.seed * 1_000 + index,
            )
            for index in range(EDGES)
        ]
        self._synthetic_sender = EdgePublisher(
            SYNTHETIC, Journal(journals / SYNTHETIC), urls, workers=3, linger_seconds=0.0
        )
        self._synthetic = SyntheticTransactions(
            self._synthetic_sender, urls, seed=self._options.seed * 1_000 + 999
        )
        self._senders = [*(edge.sender for edge in self._edges), self._synthetic_sender]
        self._sampler = Sampler(
            read_lease=lambda: platform_records.lease(self._target),
            standby_url=urls[self._target.standby],
            origin=self._target.home,
            edges=self._senders,
            read_decisions=self._read_decisions,
            read_steps=lambda region, epoch: platform_records.running_steps(
                self._target, region, epoch
            ),
            note_calls=self._target.note_calls,
            # Counting costs the database something: only for who looks.
            count_stored=None if self._live is None else self._count_stored,
        )

    def _stream(self) -> None:
        options = self._options
        self._say(
            f"drill: streaming {options.events_per_second:.0f} events/s from "
            f"{EDGES} edges for {options.before_seconds:.0f} s before the fault"
        )
        self._telling.enter("streaming")
        self._streaming_since = time.monotonic()
        for edge in self._edges:
            edge.start()
        self._synthetic_sender.start()
        self._synthetic.start()
        self._sampler.start()
        self._plan_kills()
        if options.bad_events:
            self._wait(min(5.0, options.before_seconds / 2))
            self._edges[0].slip_in(
                lambda number, at_us: bad_events("edge-1", number, at_us, options.seed)
            )
            self._say("drill: bad events slipped in")
        self._wait(options.before_seconds - (time.monotonic() - self._streaming_since))
        self._break()
        self._watch()
        self._settle()
        if self._scenario.fails_over:
            self._calls = self._recovery_calls()

    def _break(self) -> None:
        if self._scenario.fails_over:
            self._read_cached_before()
        self._say(f"drill: T+0, the fault: {self._scenario.about}")
        self._faults += self._target.bring_about(self._scenario.breaks)
        struck = [one.at for one in self._faults if one.kind in STRUCK]
        everything = [one.at for one in self._faults]
        if everything:
            self._lost_at = max(struck) if struck else min(everything)
        self._telling.lost_at = self._lost_at
        self._telling.enter("watching" if self._lost_at is None else "broken")

    def _watch(self) -> None:
        """Until recovery is seen (and a few seconds more), or for the whole watch where none may be."""
        deadline = time.monotonic() + self._scenario.watch_seconds
        while time.monotonic() < deadline:
            self._wait(min(1.0, max(0.0, deadline - time.monotonic())))
            if self._scenario.fails_over and self._recovered():
                self._telling.enter("recovered")
                self._say(f"drill: recovered, RTO {self._rto()} s; streaming on a little")
                self._read_cached_after()
                self._wait(self._scenario.after_recovery_seconds)
                break
            if self._scenario.repaired and self._decide() is not None:
                break
        self._effect = self._measure()
        if self._scenario.repaired:
            self._repair()

    def _decide(self) -> Decision | None:
        """How the loss was decided; None while it was not."""
        how = self._scenario.decided
        if how is None or self._lost_at is None:
            return None
        try:
            pages = self._target.pages(self._started)
        except Exception as error:
            self._failures.append(f"pages cannot be read: {type(error).__name__}: {error}")
            pages = ()
        found = decision(
            how,
            lost_at=self._lost_at,
            home=self._target.home,
            suffix=self._target.suffix,
            epoch=self._scenario.epochs[0],
            decisions=self._sampler.decisions,
            pages=pages,
        )
        return None if found.seconds is None else found

    def _repair(self) -> None:
        """What a person does whom the page woke; then clients must be served again."""
        self._say("drill: the part is brought back, as its repair would")
        self._target.repair(self._scenario.breaks)
        self._telling.enter("repaired")
        deadline = time.monotonic() + REPAIR_SECONDS
        while time.monotonic() < deadline:
            self._wait(1.0)
            if self._rto() is not None:
                self._wait(AFTER_RECOVERY_SECONDS)
                return

    def _strike_again(self) -> None:
        """The second part of a fault, once its moment has come."""
        if self._struck_again or self._scenario.breaks not in STRUCK_AGAIN or self._lost_at is None:
            return
        try:
            done = self._target.strike_again(self._scenario.breaks, self._options.plan_step)
        except Exception as error:
            # It is tried again; a strike that never comes makes the run invalid.
            self._say(f"drill: not struck again yet: {type(error).__name__}: {error}")
            return
        for one in done:
            self._say(f"drill: {self._telling.clock(one.at)}  struck again: {one.detail}")
        self._struck_again += done
        self._faults += done

    def _recovery_calls(self) -> list[RecoveryCall]:
        """What was called since the fault, the whole plan included. Unread is no proof, and says why."""
        try:
            self._target.note_calls()
            made = self._target.made_calls(self._lost_at or self._started)
            return recovery_calls(made, self._target.needed_calls())
        except Exception as error:
            self._failures.append(f"calls cannot be read: {type(error).__name__}: {error}")
            return []

    def _measure(self) -> Effect | None:
        """What the fault does, looked at while it is in force (E2)."""
        what = self._scenario.breaks
        door = EdgeApi(self._target.endpoints()[self._target.home].api_url, timeout_seconds=3.0)
        answer = door.health()
        door.close()
        looks = Looks(
            since_seconds=0.0 if self._lost_at is None else time.time() - self._lost_at,
            door_status=answer.status,
            door_open=takes_events(answer)
            if self._target.door_answers_alone
            else answer.status != 0,
            lag_seconds=self._sampler.lag[-1].lag_seconds if self._sampler.lag else None,
            part_answers=what not in BROKEN_PARTS or self._target.part_answers(what),
            struck_again="; ".join(one.detail for one in self._struck_again),
        )
        effect = measure(what, looks, region=self._target.home)
        if effect is not None:
            seen = (
                "measured" if effect.measured else "NOT measured, so that the run will be INVALID"
            )
            self._say(f"drill: effect of the fault {seen}: {effect.how}")
        return effect

    def _read_cached_before(self) -> None:
        """Only where the survivor's entries can be counted: answers alone would show little."""
        home, away = (
            self._target.endpoints()[one] for one in (self._target.home, self._target.standby)
        )
        if away.cache_port is not None:
            self._cached = cached_reads.read_before(home.address, self._synthetic.patient)
            if self._cached is None:
                self._say("drill: no answer came out of the cache before the fault")

    def _read_cached_after(self) -> None:
        away = self._target.endpoints()[self._target.standby]
        if self._cached is not None and away.cache_port is not None:
            self._cached = cached_reads.read_after(
                self._cached, away.address, self._synthetic.patient, away.cache_port
            )

    def _recovered(self) -> bool:
        rto = self._rto()
        return rto is not None and rto > 0 and len(self._sampler.epochs) > 1

    def _rto(self) -> float | None:
        # A try that began just before the loss fails because of it.
        since = (self._lost_at - DEADLINE_SECONDS) if self._lost_at else 0.0
        return rto_seconds(self._synthetic.tries, since)

    def _wait(self, seconds: float) -> None:
        """Let time pass, saying now and then how it goes, and killing event appliers when it is time."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            while self._kills and now - self._streaming_since >= self._kills[0]:
                self._kills.pop(0)
                self._kill_applier()
            self._strike_again()
            self._telling.decisions(self._sampler.decisions)
            preferred = self._edges[0].sender.preferred
            self._telling.progress(self._sampler, self._synthetic.tries, preferred)
            time.sleep(min(0.25, max(0.0, until - now)))

    def _count_stored(self, region: str) -> int:
        dsn = self._target.endpoints()[region].database_dsn
        if dsn is None:
            return 0
        with stored.connect(dsn) as connection:
            return stored.count(connection)

    def _plan_kills(self) -> None:
        span = self._options.before_seconds
        if not self._scenario.fails_over:
            span += self._scenario.watch_seconds
        self._kills = sorted(
            self._random.uniform(2.0, max(3.0, span - 2.0)) for _ in range(self._options.kill_apply)
        )

    def _kill_applier(self) -> None:
        region = self._sampler.holder or self._target.home
        try:
            pid = self._target.kill_applier(region)
        except Exception as error:  # none runs this moment: it is being restarted; say so
            self._say(f"drill: no event applier to kill in {region}: {error}")
            return
        self._say(f"drill: kill -9 of the event applier {pid} in {region}")
        self._faults.append(BrokenThing(time.time(), "kill-9", region, f"event applier {pid}"))

    def _settle(self) -> None:
        """No new events; drain the edges, then wait until what they got accepted is applied."""
        self._telling.enter("draining")
        self._synthetic.stop()
        self._wanted = self._options.events_per_second * (time.monotonic() - self._streaming_since)
        for edge in self._edges:
            edge.stop_feeding()
        deadline = time.monotonic() + DRAIN_SECONDS
        for sender in self._senders:
            if not sender.drain(max(1.0, deadline - time.monotonic())):
                self._failures.append(f"{sender.publisher}: {sender.unsent} events still wait")
        self._say("drill: edges drained; waiting for the last events to be applied")
        region = str(self._final_lease().get("holder") or self._target.home)
        accepted = sum(sender.counts.accepted for sender in self._senders)
        self._await_applied(region, accepted)
        if self._scenario.both_logs_live:
            self._await_safe(accepted)

    def _await_applied(self, region: str, wanted: int) -> None:
        dsn = self._target.endpoints()[region].database_dsn
        if dsn is None:
            return  # each event is asked for until it is there (`served`)
        deadline = time.monotonic() + SETTLE_SECONDS
        newest, since = -1, time.monotonic()
        with stored.connect(dsn) as connection:
            connection.autocommit = True
            while time.monotonic() < deadline:
                count = stored.count(connection)
                if count != newest:
                    newest, since = count, time.monotonic()
                enough = count >= wanted
                if time.monotonic() - since >= (1.0 if enough else STABLE_SECONDS):
                    return
                time.sleep(0.5)

    def _await_safe(self, wanted: int) -> None:
        """Until the edges were told that both regions have everything; a replicator may stand."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            if sum(sender.counts.safe for sender in self._senders) >= wanted:
                return
            time.sleep(0.5)

    def _stop(self) -> None:
        self._synthetic.stop()
        for edge in self._edges:
            edge.stop_feeding()
            if edge.failure:
                self._failures.append(f"{edge.sender.publisher}: {edge.failure}")
        self._sampler.stop()
        for sender in self._senders:
            sender.stop()
            if sender.failure:
                self._failures.append(f"{sender.publisher}: {sender.failure}")

    # -- what came of it ---------------------------------------------------------------------------

    def _final_lease(self) -> dict[str, Any]:
        return platform_records.lease(self._target)

    def _check(self, folder: Path, survivor: str) -> tuple[Findings, list[AppliedSecond]]:
        self._telling.enter("checking")
        self._say(f"drill: checking the journals against {survivor}")
        accepted = sum(sender.counts.accepted for sender in self._senders)
        bar = self._bar
        where = self._target.endpoints()[survivor]
        letters = [] if where.kafka_bootstrap is None else read_dead_letters(where.kafka_bootstrap)
        archive.save_letters(folder, letters)
        for region, address in self._logs_to_read().items():
            logged = bar.over(read_log(region, address), f"reading the log of {region}", accepted)
            archive.save_logged(folder, region, logged)
        applied = self._save_stored(folder, survivor, accepted)
        return check_again(folder, lambda rows: bar.over(rows, "comparing", accepted)), applied

    def _save_stored(self, folder: Path, survivor: str, accepted: int) -> list[AppliedSecond]:
        """From the database; where nobody reaches that, from the API."""
        bar, where = self._bar, self._target.endpoints()[survivor]
        if where.database_dsn is None:
            ids = served.sent_ids(archive.journal_folders(folder))
            rows = served.rows(where.address, ids, settle_seconds=SETTLE_SECONDS)
            try:
                archive.save_stored(
                    folder, bar.over(rows, f"asking the API of {survivor}", len(ids))
                )
            except served.NotAnswered as error:
                self._failures.append(f"{survivor}: {error}")
            return []
        with stored.connect(where.database_dsn) as connection:
            rows = bar.over(
                stored.rows(connection), f"reading the database of {survivor}", accepted
            )
            archive.save_stored(folder, rows)
            connection.rollback()
            return stored.applied_seconds(connection)

    def _await_alarms(self, started: float, survivor: str) -> None:
        """The platform lives on while the journals are checked; often that is long enough."""
        if self._lost_at is None:
            return
        while must_fire(self._scenario, self._alarms(started), survivor):
            if time.time() - self._lost_at > ALARM_SECONDS:
                return
            self._say("drill: waiting for the alarms that this fault must set off")
            time.sleep(min(5.0, max(0.1, self._lost_at + ALARM_SECONDS - time.time())))

    def _alarms(self, started: float) -> list[AlarmSeen]:
        now = time.time()
        try:
            seen = self._target.alarms(started, now)
        except Exception as error:
            self._failures.append(f"alarms cannot be read: {type(error).__name__}: {error}")
            return []
        return judged(
            seen,
            seconds=now - (self._lost_at or started),
            lost=self._target.home if self._scenario.loses_home else None,
            untold={
                **self._target.untold_alarms,
                **{
                    (self._target.home, name): why
                    for name, why in self._scenario.alarms_without_figures.items()
                },
            },
        )

    def _timeline(self, survivor: str) -> list[dict[str, Any]]:
        """The plan's steps. Clients may be served before it ends, above all after a run that was stopped."""
        deadline = time.monotonic() + PLAN_END_SECONDS
        while True:
            epoch = self._sampler.epochs[-1]
            found = platform_records.timeline(self._target, survivor, epoch)
            if found or time.monotonic() > deadline:
                return found
            self._say("drill: waiting for what the plan writes down at its end")
            time.sleep(2.0)

    def _logs_to_read(self) -> dict[str, str]:
        """Addresses by region: a lost region's log cannot be read."""
        endpoints = self._target.endpoints()
        lost = {self._target.home} if self._scenario.loses_home else set()
        return {
            region: address
            for region in sorted(set(endpoints) - lost)
            if (address := endpoints[region].kafka_bootstrap) is not None
        }

    def _summary(
        self,
        run_id: str,
        started: float,
        survivor: str,
        findings: Findings,
        applied: Sequence[AppliedSecond],
        deployed: Deployed,
        alarms: Sequence[AlarmSeen],
    ) -> RunSummary:
        options, sampler = self._options, self._sampler
        rpo = self._rpo()
        moved = len(sampler.epochs) > 1
        return RunSummary(
            run_id=run_id,
            scenario=self._scenario,
            target=self._target,
            started=started,
            lost_at=self._lost_at,
            survivor=survivor,
            load=self._load(),
            timeline=self._timeline(survivor) if moved else [],
            rto_seconds=self._rto() if self._scenario.fails_over else None,
            rpo_seconds=rpo,
            availability=self._availability(),
            effect=self._effect,
            calls=self._calls,
            decided=self._decide() or self._undecided(),
            answered_before=self._answered_before(),
            outage_seconds=self._rto() if self._scenario.repaired else None,
            cached=self._cached,
            phases=self._telling.phases,
            findings=findings,
            applied=applied,
            epochs=sampler.epochs,
            epoch_times=sampler.epoch_times,
            decisions=self._decisions(),
            lag=sampler.lag,
            rates=sampler.rates,
            tries=self._synthetic.tries,
            faults=self._faults,
            bad_events=options.bad_events,
            alarms=alarms,
            deployed=deployed,
            failures=self._failures,
        )

    def _load(self) -> dict[str, Any]:
        options = self._options
        return {
            "events_per_second": options.events_per_second,
            "before_seconds": options.before_seconds,
            "seed": options.seed,
            "edges": EDGES,
            "monitors": sum(edge.monitors for edge in self._edges),
            "killed_processors": sum(1 for one in self._faults if one.kind == "kill-9"),
            "bad_events": options.bad_events,
            "wanted_events": round(self._wanted),
        }

    def _rpo(self) -> float | None:
        if not self._scenario.fails_over or self._lost_at is None:
            return None
        return rpo_seconds(self._sampler.lag, self._lost_at)

    def _undecided(self) -> Decision | None:
        how = self._scenario.decided
        return None if how is None else Decision(how, None)

    def _availability(self) -> Availability:
        tries = self._synthetic.tries
        outage = None
        may_fail = self._scenario.fails_over or self._scenario.repaired
        if may_fail and self._lost_at is not None:
            outage = failing_run(tries, self._lost_at - DEADLINE_SECONDS)
        return availability(tries, outage, limit=self._target.least_share_answered)

    def _answered_before(self) -> Availability | None:
        """What clients saw before the fault; None without one."""
        if self._lost_at is None:
            return None
        until = self._lost_at - DEADLINE_SECONDS
        before = [one for one in self._synthetic.tries if one.at < until]
        return availability(before, None, limit=self._target.least_share_answered)

    def _growing(self, run_id: str, started: float) -> dict[str, Any]:
        """What the live page shows: the evidence, as far as it is known by now."""
        return growing.body(
            run_id=run_id,
            scenario=self._scenario,
            target=self._target,
            started=started,
            lost_at=self._lost_at,
            load=self._load(),
            phases=self._telling.phases,
            sampler=self._sampler,
            tries=self._synthetic.tries,
            faults=self._faults,
            rto_seconds=self._rto() if self._scenario.fails_over and self._recovered() else None,
            rpo_seconds=self._rpo(),
        )

    def _read_decisions(self) -> list[dict[str, Any]]:
        """Those of this run: an environment that stood before has others."""
        regions = [self._target.home, self._target.standby]
        since = platform_records.instant_text(self._started)
        found = platform_records.decisions(self._target, regions)
        return [one for one in found if one["at"] >= since]

    def _decisions(self) -> list[dict[str, Any]]:
        try:
            return self._read_decisions()
        except Exception as error:
            self._failures.append(f"decisions cannot be read: {type(error).__name__}: {error}")
            return []
