"""What a step works with: its input, the settings and the adapters, made once per invocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.adapters.paging import Pager
from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.contracts.failover_step import FailoverStepContract
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.pages import Sender
from lifeline.lambdas.failover.plan import Outcome


class NotReady(Exception):
    """The step looked, and must look again: the state machine retries it."""


class NotMine(Exception):
    """The lease is not (or no longer) this region's at this epoch: the plan must not go on."""


class Aborted(Exception):
    """A person aborted this epoch before its point of no return: the plan gives the lease back (D9, A17)."""


@dataclass(frozen=True)
class StepAnswer:
    """A step's end that is not plainly *done*; `detail` is words for a person, on which nothing branches."""

    outcome: Outcome
    detail: str


class Degraded(Exception):
    """What the step wants cannot be had and asking again will not help: said in the evidence, at once."""


@dataclass(frozen=True)
class StepContext:
    """`event` is the task's payload as `failover.plan` writes it."""

    settings: FailoverStepContract
    event: Mapping[str, Any]
    clock: Clock = SYSTEM_CLOCK

    @property
    def epoch(self) -> int:
        """The epoch that this run makes active."""
        return int(self.event.get("epoch", 0))

    @property
    def region(self) -> str:
        """The region that this run makes active: always the function's own."""
        return self.settings.region

    @property
    def services_rest(self) -> bool:
        """Whether event applier and query API have 0 tasks while this region is the standby."""
        return bool(self.settings.query_api_service)

    @property
    def tasks(self) -> Mapping[str, int]:
        """How many tasks each service needs in an active region, as far as the plan raises it."""
        settings = self.settings
        wanted = {
            settings.applier_service: settings.applier_tasks,
            settings.query_api_service: settings.query_api_tasks,
        }
        return {service: tasks for service, tasks in wanted.items() if service}

    @cached_property
    def lease(self) -> LeaseTable:
        """The lease item in the witness region."""
        settings = self.settings
        return LeaseTable(client("dynamodb", settings.witness_region), settings.lease_table)

    def lease_if_known(self) -> Lease | None:
        """For a page: None when it cannot be read, which stops no page."""
        try:
            return self.lease.read()
        except (BotoCoreError, ClientError, KeyError, ValueError):
            return None

    @property
    def sender(self) -> Sender:
        """Who this run pages as."""
        settings = self.settings
        return Sender(
            suffix=settings.suffix,
            region=self.region,
            peer=settings.peer_region,
            witness=settings.witness_region,
        )

    @cached_property
    def local(self) -> RegionStateTable:
        """This region's state table."""
        return RegionStateTable(client("dynamodb", self.region), self.settings.region_state_table)

    def require_other_region(self, *, must_answer: bool = False) -> None:
        """Without a witness: the other region, if there is one, must not have been made active (A21).

        Raises NotMine when it was, NotReady when it does not say and no person made this region active;
        `must_answer`: when it does not say.
        """
        if not self.settings.alone or not self.settings.has_standby:
            return
        there = client("dynamodb", self.settings.peer_region)
        try:
            promised = RegionStateTable(there, self.settings.region_state_table).ask_failsafe(
                epoch=self.epoch
            )
        except (BotoCoreError, ClientError) as error:
            if not must_answer and self.local.promise().promoting == self.epoch:
                return
            raise NotReady(f"{self.settings.peer_region} does not say who is active") from error
        if not promised:
            raise NotMine(f"a person made {self.settings.peer_region} active")

    @cached_property
    def database(self) -> RegionDatabase:
        """This region's database."""
        return RegionDatabase(self.settings.database, timeout_seconds=10.0, clock=self.clock)

    @cached_property
    def rds(self) -> Any:
        """The database service of this region: the surviving one."""
        return client("rds", self.region, 8.0)

    @cached_property
    def pager(self) -> Pager:
        """This region's page topic."""
        return Pager(client("sns", self.region), self.settings.page_topic_arn)
