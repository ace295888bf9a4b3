"""Where a drill runs. A target deploys, breaks, and hands out read-only views; it never promotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from drill.edge_api import Address, EdgeAddress
from drill.edge_token import EdgeTokens
from drill.scenarios import Break

ALARM = "ALARM"


class TargetError(Exception):
    """The target cannot or may not do what was asked; the message is a sentence for a person."""


@dataclass(frozen=True)
class Endpoints:
    """A region as the drill sees it from outside. None: no way leads there from outside."""

    api_url: str
    database_dsn: str | None
    kafka_bootstrap: str | None
    tokens: EdgeTokens | None = None
    """None: the API asks for none."""
    cache_port: int | None = None
    """Of the region's cache on loopback."""

    @property
    def address(self) -> Address:
        """What edges are told."""
        return self.api_url if self.tokens is None else EdgeAddress(self.api_url, self.tokens)


@dataclass(frozen=True)
class BrokenThing:
    """One fault in force. `at` is epoch seconds."""

    at: float
    kind: str
    target: str
    detail: str


@dataclass(frozen=True)
class AlarmSeen:
    """One alarm of one region in one run. `changes`: epoch seconds and state, first the run's begin."""

    name: str
    region: str
    changes: tuple[tuple[float, str], ...] = ()
    breaching: bool = False
    """Whether it breached in every period: it would fire if the run went on."""
    figures: int = 0
    """How many values it was judged by."""
    needs_seconds: float = 0.0
    not_provable: str = ""
    """Why this run could not show it firing; empty when it could."""

    @property
    def fired(self) -> bool:
        return any(state == ALARM for _at, state in self.changes)

    @property
    def judged(self) -> bool:
        """Whether its states say anything: a lost region's, and those that are not told, do not."""
        return bool(self.changes)


@dataclass(frozen=True)
class MadeCall:
    """One call to AWS of a region's functions and services. `action`: as IAM names it."""

    caller_region: str
    action: str
    region: str


@dataclass(frozen=True)
class NeededCall:
    """A call that the static-stability ledger lists: made while home is dead, judged from the templates."""

    caller: str
    caller_region: str
    call: str
    region: str
    verdict: str
    instead: str
    """How the caller does without the call; empty where it need not."""


@dataclass(frozen=True)
class PageSeen:
    """What a person was sent. `at` is epoch seconds."""

    at: float
    region: str
    subject: str
    text: str


@dataclass(frozen=True)
class Deployed:
    """What is deployed: counts of resource types by how they are there, and versions of the parts."""

    resources: Mapping[str, Mapping[str, int]]
    templates: str


class Target(Protocol):
    """A place with two data regions and a witness. As a context manager it cleans up in any case."""

    name: str
    """"lab" or "aws": figures of the two are never compared (E3)."""
    profile: str
    """The settings that are deployed: "dev", "staging" or "prod"."""
    exceptions: Mapping[str, str]
    """Step of the plan → why this target cannot do it: degraded is no failure there."""
    least_share_answered: float
    """Of the synthetic transactions, the failover's own outage apart."""
    unexamined: Mapping[str, str]
    """Objective → why nobody can see on this target whether it is met: then it is not asked."""
    door_answers_alone: bool
    """Whether the API answers, with an error, when nothing behind it lives."""
    untold_alarms: Mapping[tuple[str, str], str]
    """(region, alarm) → why no figure of it may be told on this target: then it is not judged."""
    home: str
    standby: str
    witness: str
    suffix: str

    def __enter__(self) -> Target: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def deploy(self) -> Deployed:
        """Bring the app up in both regions; returns when both answer."""

    def endpoints(self) -> Mapping[str, Endpoints]:
        """By region."""

    def observer(self, service: str, region: str) -> Any:
        """A boto3 client for reading evidence, which the faults do not reach."""

    def metric_lines(self) -> Mapping[str, Sequence[str]]:
        """By region: the lines in embedded metric format that functions and services told."""

    def alarms(self, start: float, end: float) -> Sequence[AlarmSeen]:
        """What each alarm of each region said between two moments (epoch seconds)."""

    def pages(self, start: float) -> Sequence[PageSeen]:
        """What persons were sent since a moment (epoch seconds), as far as this target can see it."""

    def bring_about(self, what: Break) -> Sequence[BrokenThing]:
        """Do the breaking."""

    def note_calls(self) -> None:
        """Keep what was called by now: it is forgotten after a while where it was noted."""

    def made_calls(self, since: float) -> Sequence[MadeCall]:
        """What standby and witness called since the fault was made (epoch seconds), if it was kept."""

    def needed_calls(self) -> Sequence[NeededCall]:
        """The static-stability ledger of what is deployed."""

    def strike_again(self, what: Break, step: str) -> Sequence[BrokenThing]:
        """The second part of a fault, if its moment has come; empty: not yet. `step`: of the plan."""

    def part_answers(self, what: Break) -> bool:
        """Whether the one part that `what` breaks answers, asked from where the fault is felt."""

    def repair(self, what: Break) -> None:
        """Bring back the one part that `what` broke."""

    def heal(self) -> None:
        """Take every fault back; what was killed stays dead."""

    def kill_applier(self, region: str) -> int:
        """Kill -9 one event applier of a region; returns its process id."""
