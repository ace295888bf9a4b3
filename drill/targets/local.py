"""The local lab as a drill's target."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drill import platform_records
from drill.edge_token import EdgeTokens
from drill.plan_steps import BUDGETS
from drill.scenarios import Break
from drill.targets import (
    AlarmSeen,
    BrokenThing,
    Deployed,
    Endpoints,
    MadeCall,
    NeededCall,
    PageSeen,
)
from lab import Lab, partial_losses
from lab.alarm_evaluation import alarms_of, told
from lab.alarm_histories import histories
from lab.conditions import PROMOTION
from lab.partial_losses import Part
from lab.sent_pages import sent_pages
from lab.told_metrics import metric_lines, templates

WORKDIR = Path("build/lab")
LOOK_SECONDS = 0.05
"""A step of the plan takes a few tenths of a second here."""
PARTS = {
    Break.KILL_KEEPER: Part.KEEPER,
    Break.CLOSE_WAY_OUT: Part.WAY_OUT,
    Break.KILL_DATABASE: Part.DATABASE,
    Break.KILL_API: Part.API,
    Break.KILL_LOG: Part.LOG,
}
DATA_REGIONS = ("ca-central-1", "ca-west-1")
UNTOLD = (
    (DATA_REGIONS, "replication-lag-secrets", "The emulator may know of no copied secret yet."),
    (DATA_REGIONS, "drill-overdue", "A lab is new at each run: no drill has an age yet."),
    (DATA_REGIONS[1:], "apply-behind-warning", "A standby's event appliers apply nothing."),
    (DATA_REGIONS[1:], "apply-behind-critical", "A standby's event appliers apply nothing."),
    (
        DATA_REGIONS,
        "old-partitions",
        "An event applier looks a minute after it began, then hourly.",
    ),
    (DATA_REGIONS, "event-default", "An event applier looks a minute after it began, then hourly."),
)
"""Regions, alarm, and why nobody may tell a figure of it there."""


class LocalTarget:
    """`keep`: wait for Enter before the lab is stopped, so that a person can look around.

    `resets`: it may be drilled again and again; each run after the first begins with a reset."""

    name = "lab"
    profile = "dev"
    exceptions: Mapping[str, str] = MappingProxyType(
        {
            "files": "The emulator has no replica of a file system that could be made writable.",
            "secrets": "The emulator cannot turn the replica of a secret into a secret of its own.",
        }
    )
    untold_alarms: Mapping[tuple[str, str], str] = MappingProxyType(
        {(region, name): why for regions, name, why in UNTOLD for region in regions}
    )
    least_share_answered = 0.8
    """Emulator, databases, logs and edges share one machine's cores: now and then one takes over 3 s."""
    unexamined: Mapping[str, str] = MappingProxyType({})
    door_answers_alone = False
    home = "ca-central-1"
    standby = "ca-west-1"
    witness = "us-east-2"

    def __init__(
        self,
        *,
        suffix: str = "drill",
        keep: bool = False,
        workdir: Path = WORKDIR,
        port_base: int | None = None,
        resets: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        self.suffix = suffix
        self._keep = keep
        self._say = say
        self._workdir = workdir
        self._tokens: dict[str, EdgeTokens] = {}
        self._resets = resets
        self._deployed: Deployed | None = None
        self._lab = Lab(
            suffix=suffix,
            workdir=workdir,
            port_base=port_base,
            say=say,
            resets=resets,
        )
        self._calls = self._lab.call_notes(self.standby, self.witness)
        self._broken_at = 0.0

    def __enter__(self) -> LocalTarget:
        self._lab.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._keep and kind is not KeyboardInterrupt:
                self._say("The lab keeps running. Press Enter to stop it.")
                input()
        except (EOFError, KeyboardInterrupt):
            pass
        finally:
            self._lab.__exit__(kind, error, trace)

    def run_replicator(self, settings: str | None) -> None:
        """From the next `deploy` on: with these settings, to see a drill fail; None: the product's."""
        self._lab.replicator = settings

    def deploy(self) -> Deployed:
        """The first time; then a reset: what was deployed, as it was right after."""
        if self._deployed is not None:
            self._lab.reset()
            return self._deployed
        report = self._lab.deploy()
        self._tokens = {
            region: EdgeTokens(one.token_url, one.client_id, one.client_secret)
            for region, one in self._lab.edge_credentials().items()
        }
        deployed = Deployed(
            resources={
                "native": report.native,
                "provided": report.provided,
                "inert": report.inert,
            },
            templates=_hash_of_templates(self._workdir / "synthesized"),
        )
        if self._resets:
            self._deployed = deployed
        return deployed

    def endpoints(self) -> Mapping[str, Endpoints]:
        return {
            region: Endpoints(
                one.gateway_url,
                one.database_dsn,
                one.kafka_bootstrap,
                self._tokens.get(region),
                self._lab.places.cache(region),
            )
            for region, one in self._lab.regions.items()
        }

    def observer(self, service: str, region: str) -> Any:
        return self._lab.observer(service, region)

    def metric_lines(self) -> Mapping[str, Sequence[str]]:
        return metric_lines(self._workdir)

    def alarms(self, start: float, end: float) -> Sequence[AlarmSeen]:
        """Evaluated here: the emulator keeps alarms and never does."""
        return alarms_seen(
            templates(self._workdir), self.metric_lines(), suffix=self.suffix, start=start, end=end
        )

    def pages(self, start: float) -> Sequence[PageSeen]:
        return [
            PageSeen(one.at, one.region, one.subject, one.text)
            for one in sent_pages(self._workdir)
            if one.at >= start
        ]

    def bring_about(self, what: Break) -> Sequence[BrokenThing]:
        if what is Break.NOTHING:
            return []
        # From here on the proxies note what is called, whatever is broken.
        self._lab.watch_calls()
        self._broken_at = time.time()
        match what:
            case Break.HANG_HOME:
                faults = self._lab.hang(self.home)
            case Break.HANG_HOME_CONTROL_PLANE:
                faults = self._lab.hang_control_plane(self.home)
            case Break.CUT_LINK:
                faults = self._lab.cut_link()
            case _ if what in PARTS:
                faults = partial_losses.stop(self._lab, self.home, PARTS[what])
            case Break.LOSE_HOME_AND_PROMOTION:
                faults = [*self._lab.refuse_promotion(), *self._lab.lose(self.home)]
            case _:
                faults = self._lab.lose(self.home)
        return [BrokenThing(one.at, one.kind, one.target, one.detail) for one in faults]

    def note_calls(self) -> None:
        self._calls.read()

    def made_calls(self, since: float) -> Sequence[MadeCall]:
        return [
            MadeCall(one.caller_region, one.action, one.region) for one in self._calls.since(since)
        ]

    def needed_calls(self) -> Sequence[NeededCall]:
        return [
            NeededCall(
                one.caller, one.caller_region, one.call, one.region, one.verdict, one.instead
            )
            for one in self._lab.needed_calls()
        ]

    def strike_again(self, what: Break, step: str) -> Sequence[BrokenThing]:
        lease = platform_records.lease(self)
        taken = lease.get("holder") == self.standby
        match what:
            case Break.LOSE_HOME_AND_KEEPERS if taken:
                killed = self._lab.kill_function(self.standby, f"keeper-{self.suffix}")
                said = f"{killed} runs of its keeper killed" if killed else ""
            case Break.LOSE_HOME_AND_PLAN if taken:
                said = self._stop_plan(int(lease["epoch"]), step)
            case Break.LOSE_HOME_AND_PROMOTION if int(lease["epoch"]) > 1 and not taken:
                self._calls.read()
                refused = self._calls.refused(PROMOTION, self._broken_at)
                if refused:
                    self._lab.allow_promotion()
                said = f"{refused} requests for a failover were refused" if refused else ""
            case _:
                said = ""
        return [BrokenThing(time.time(), "struck-again", self.standby, said)] if said else []

    def _stop_plan(self, epoch: int, step: str) -> str:
        """Stop the epoch's first run when it enters the step, or is seen behind it; what was stopped."""
        machines, deadline = self.observer("stepfunctions", self.standby), time.monotonic() + 60
        order = list(BUDGETS)
        while time.monotonic() < deadline:
            run = platform_records.newest_run(self, self.standby, epoch)
            steps = platform_records.entered_steps(self, self.standby, run) if run else []
            entered = [one["step"] for one in steps]
            if run and any(order.index(one) >= order.index(step) for one in entered):
                machines.stop_execution(executionArn=run, cause="A drill stops the plan")
                if machines.describe_execution(executionArn=run)["status"] == "ABORTED":
                    return f"{run.rsplit(':', 1)[1]} stopped at {entered[-1]}"
                return ""
            time.sleep(LOOK_SECONDS)
        return ""

    def part_answers(self, what: Break) -> bool:
        if what in PARTS:
            return partial_losses.works(self._lab, self.home, PARTS[what])
        try:
            self._lab.client("dynamodb", self.home).list_tables(Limit=1)
        except (BotoCoreError, ClientError):
            return False
        return True

    def repair(self, what: Break) -> None:
        partial_losses.start(self._lab, self.home, PARTS[what])

    def heal(self) -> None:
        """Take every fault back; what was killed stays dead."""
        self._lab.heal()

    def kill_applier(self, region: str) -> int:
        return self._lab.kill_service(region, service="event-applier")


def alarms_seen(
    deployed: Mapping[str, Mapping[str, Any]],
    lines: Mapping[str, Sequence[str]],
    *,
    suffix: str,
    start: float,
    end: float,
) -> list[AlarmSeen]:
    """The alarms of each region's template over the lines of that region; names without the suffix."""
    found = []
    for region, template in deployed.items():
        able, unable = alarms_of(template)
        samples = told(lines.get(region, ()))
        found += [
            AlarmSeen(
                name=one.name.removesuffix(f"-{suffix}"),
                region=region,
                changes=tuple((at, str(state)) for at, state in one.changes),
                breaching=one.breaching,
                figures=one.figures,
                needs_seconds=one.needs_seconds,
            )
            for one in histories(able, samples, start=start, end=end)
        ]
        found += [
            AlarmSeen(name=name.removesuffix(f"-{suffix}"), region=region, not_provable=reason)
            for name, reason in unable.items()
        ]
    return found


def _hash_of_templates(folder: Path) -> str:
    """One hash over all synthesized templates, so that evidence names what was deployed."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.template.json")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
