"""An environment on AWS as a drill's target: found by its stacks, broken by its own state machine.

It deploys nothing and repairs nothing but its own faults. Where its calls and its edges go is given to it
(`Account`), so that the same class runs against an emulator.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from drill.edge_api import EdgeApi
from drill.edge_token import EdgeTokens
from drill.scenarios import SCENARIOS, Break
from drill.targets import (
    AlarmSeen,
    BrokenThing,
    Deployed,
    Endpoints,
    MadeCall,
    NeededCall,
    PageSeen,
    TargetError,
)
from drill.targets.aws_alarms import alarms_of
from drill.targets.aws_environment import Environment, find, require_may_be_drilled
from drill.targets.breaker import Breaker
from drill.traffic import takes_events

FAULT_SECONDS = 1_800
"""The fault heals by itself then. Longer than a run needs from the fault to its last look."""
BREAKS = (Break.NOTHING, Break.LOSE_HOME, Break.HANG_HOME)
MEANS_MISSING = {
    Break.CUT_LINK: "the link between two regions",
    Break.HANG_HOME_CONTROL_PLANE: "the APIs of a region",
}
"""What the network's rules cannot tell apart."""
RIGHTS_MISSING = {
    Break.KILL_KEEPER: "stop a keeper",
    Break.CLOSE_WAY_OUT: "delete a NAT gateway, whose address would be another afterwards",
    Break.KILL_DATABASE: "stop a member of a global cluster",
    Break.KILL_API: "delete a stage of an API",
    Break.KILL_LOG: "stop all brokers of a cluster at once",
    Break.LOSE_HOME_AND_KEEPERS: "stop the keepers of the region that is left",
    Break.LOSE_HOME_AND_PROMOTION: "deny the failover of a global cluster",
    Break.LOSE_HOME_AND_PLAN: "stop a failover plan in the region that is left",
}
"""What a drill would have to be allowed in an environment that may hold patients' data (ADR 31)."""
AlarmReader = Callable[[float, float], Sequence[AlarmSeen]]
Ask = Callable[[str], str]
"""Puts a question to a person and returns what was typed. Raises EOFError when nobody is there."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where calls go. `doors`: by region, another base URL and token URL than the stack's outputs say."""

    client: Callable[[str, str], Any]
    """(service, region) → a boto3 client."""
    place: str = "aws"
    """What the evidence names: "lab" where calls go to an emulator, whose figures are none of AWS (E3)."""
    doors: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    alarms: AlarmReader | None = None
    """None: CloudWatch's own history."""
    exceptions: Mapping[str, str] = field(default_factory=dict)
    untold_alarms: Mapping[tuple[str, str], str] = field(default_factory=dict)
    least_share_answered: float = 0.95
    """As `Target` means them; an emulator cannot do everything, nor as fast."""


class AwsTarget:
    """`home` is the region that is active when the drill begins, whichever the environment began with."""

    door_answers_alone = True
    unexamined: Mapping[str, str] = MappingProxyType(
        {
            "nothing_unexpected": "The API answers for one event; it lists none.",
            "order_kept": "The API does not say in which order events were applied.",
            "probes_explained": "The API lists no events, so none of the plan's either.",
            "what_was_called_safe_is_in_the_other_log": "No way leads to the logs from outside.",
            "both_logs_hold_the_same": "No way leads to the logs from outside.",
            "recovery_as_proved": "CloudTrail notes no call on items of a table, and tells the rest late.",
        }
    )

    def __init__(
        self,
        *,
        suffix: str,
        regions: tuple[str, str],
        account: Account,
        ask: Ask,
        say: Callable[[str], None] = print,
        fault_seconds: int = FAULT_SECONDS,
    ) -> None:
        self.suffix, self.name = suffix, account.place
        self._regions, self._account, self._ask, self._say = regions, account, ask, say
        self._fault_seconds = fault_seconds
        self.exceptions, self.untold_alarms = account.exceptions, account.untold_alarms
        self.least_share_answered = account.least_share_answered
        self._environment: Environment | None = None
        self._breakers: Mapping[str, Breaker] = {}

    def __enter__(self) -> Self:
        """Look at the environment. Raises TargetError for one that may not be drilled; changes nothing."""
        found = find(self.suffix, self._regions, self._account.client)
        require_may_be_drilled(found, self._ask)
        self._environment = found
        self.home, self.standby, self.witness = found.active, found.standby, found.witness
        self.profile, self.epoch = found.profile, found.epoch
        self._breakers = {
            region: Breaker(
                self._account.client("stepfunctions", region),
                one.breaker_arn,
                region=region,
                say=self._say,
            )
            for region, one in found.regions.items()
        }
        self._require_idle()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Heal, whatever happened. What dies here is healed by the execution that made the fault."""
        if any(one.broke for one in self._breakers.values()):
            self.heal()

    def deploy(self) -> Deployed:
        """Nothing is deployed: what stands is read."""
        counts: Counter[str] = Counter()
        digest = hashlib.sha256()
        for region in self._places():
            stacks = self._account.client("cloudformation", region)
            for name in _stacks_of(stacks, self.suffix):
                pages = stacks.get_paginator("list_stack_resources").paginate(StackName=name)
                counts.update(
                    one["ResourceType"] for page in pages for one in page["StackResourceSummaries"]
                )
                digest.update(name.encode())
                body = stacks.get_template(StackName=name)["TemplateBody"]
                text = body if isinstance(body, str) else json.dumps(body, sort_keys=True)
                digest.update(text.encode())
        if not counts:
            raise TargetError(f"No stack of {self.suffix} is in {', '.join(self._places())}.")
        native = dict(sorted(counts.items()))
        return Deployed({"native": native, "provided": {}, "inert": {}}, digest.hexdigest())

    def endpoints(self) -> Mapping[str, Endpoints]:
        """The API of each region; there is no way to the stores from outside."""
        if self._environment is None:
            raise TargetError("The environment was not looked at: enter the target first.")
        found = {}
        for region, one in self._environment.regions.items():
            api_url, token_url = self._account.doors.get(region, (one.api_url, one.token_url))
            tokens = EdgeTokens(token_url, one.client_id, one.client_secret)
            found[region] = Endpoints(api_url, None, None, tokens)
        return found

    def observer(self, service: str, region: str) -> Any:
        return self._account.client(service, region)

    def metric_lines(self) -> Mapping[str, Sequence[str]]:
        """None: CloudWatch keeps them, and judges alarms by them itself."""
        return {}

    def alarms(self, start: float, end: float) -> Sequence[AlarmSeen]:
        if self._account.alarms is not None:
            return self._account.alarms(start, end)
        return [
            one
            for region in (self.home, self.standby)
            for one in alarms_of(
                self._account.client("cloudwatch", region), region, self.suffix, start, end
            )
        ]

    def bring_about(self, what: Break) -> Sequence[BrokenThing]:
        if what not in BREAKS:
            raise TargetError(impossible(what))
        if what is Break.NOTHING:
            return []
        self._require_idle()
        self._require_healthy()
        return self._breakers[self.home].break_region(what, self._fault_seconds)

    def _require_idle(self) -> None:
        """In both regions: where one is broken, the other is the only one that serves."""
        for one in self._breakers.values():
            one.require_idle()

    def _require_healthy(self) -> None:
        """What is ill already is not broken as well. Raises TargetError."""
        doors = self.endpoints()
        said = {}
        for region in (self.home, self.standby):
            api = EdgeApi(doors[region].api_url)
            said[region] = api.health()
            api.close()
        if said[self.home].status != 200 or not takes_events(said[self.standby]):
            words = ", ".join(f"{region} says {one.status}" for region, one in said.items())
            raise TargetError(
                f"{self.suffix} is not healthy ({words} to GET /health): nothing was broken."
            )

    def note_calls(self) -> None:
        """Nothing: `unexamined` says why."""

    def made_calls(self, since: float) -> Sequence[MadeCall]:
        """None, likewise."""
        return ()

    def needed_calls(self) -> Sequence[NeededCall]:
        """None, as nothing is compared with them."""
        return ()

    def part_answers(self, what: Break) -> bool:
        """Raises TargetError: nothing here breaks one part of a region."""
        raise TargetError(impossible(what))

    def strike_again(self, what: Break, step: str) -> Sequence[BrokenThing]:
        """Nothing: no fault has a second part here."""
        return []

    def repair(self, what: Break) -> None:
        """Raises TargetError: nothing here breaks one part of a region."""
        raise TargetError(impossible(what))

    def pages(self, start: float) -> Sequence[PageSeen]:
        """None: what a topic sent reaches its subscribers only."""
        return ()

    def heal(self) -> None:
        """Take every fault back now. Raises TargetError when that did not work; then it happens later."""
        self._breakers[self.home].heal()

    def kill_applier(self, region: str) -> int:
        """Stop one task of the event applier; AWS gives it no process id, so 0 is returned."""
        ecs, cluster = self._account.client("ecs", region), f"services-{self.suffix}"
        service = f"event-applier-{self.suffix}"
        tasks = ecs.list_tasks(cluster=cluster, serviceName=service)["taskArns"]
        if not tasks:
            raise TargetError(f"No task of {service} runs in {region}.")
        ecs.stop_task(cluster=cluster, task=tasks[0], reason="A drill kills an event applier")
        return 0

    def _places(self) -> list[str]:
        return list(dict.fromkeys([*self._regions, self.witness]))


def impossible(what: Break) -> str:
    """Why the drill cannot do this on AWS."""
    (name,) = [one.name for one in SCENARIOS.values() if one.breaks is what]
    allowed = ", ".join(one.name for one in SCENARIOS.values() if one.breaks in BREAKS)
    if what in MEANS_MISSING:
        return (
            f"AWS has no means that cuts only {MEANS_MISSING[what]}: the drill `{name}` runs in the lab "
            f"alone; on AWS there are {allowed}."
        )
    return (
        f"An environment's state machine for drills has no right to {RIGHTS_MISSING[what]}, and none "
        f"to heal it: the drill `{name}` runs in the lab alone; on AWS there are {allowed}."
    )


def _stacks_of(stacks: Any, suffix: str) -> list[str]:
    """Those that stand; a deleted stack is listed for 90 days more."""
    pages = stacks.get_paginator("list_stacks").paginate()
    return sorted(
        one["StackName"]
        for page in pages
        for one in page["StackSummaries"]
        if one["StackName"].endswith(f"-{suffix}") and one["StackStatus"] != "DELETE_COMPLETE"
    )


def system_account(suffix: str) -> Account:
    """The account that the environment's variables name; of a lab, `LAB_DIR` names the folder."""
    folder = os.environ.get("LAB_DIR")
    if folder:
        from drill.targets.emulated import emulated_account

        return emulated_account(Path(folder), suffix, system_client)
    emulated = any(name.startswith("AWS_ENDPOINT_URL") for name in os.environ)
    return Account(client=system_client, place="lab" if emulated else "aws")


def system_client(service: str, region: str) -> Any:
    """A client of the account that the environment's variables name."""
    import boto3
    from botocore.config import Config

    make: Any = boto3.client
    key = (service, region)
    if key not in _MADE:
        _MADE[key] = make(
            service,
            region_name=region,
            config=Config(
                connect_timeout=5,
                read_timeout=15,
                retries={"mode": "standard", "total_max_attempts": 4},
            ),
        )
    return _MADE[key]


_MADE: dict[tuple[str, str], Any] = {}
