"""A keeper's ports on AWS: tables, database, services, plan and pages."""

from __future__ import annotations

import json
from typing import Any

from lifeline.lambdas.adapters.aws import CALL_TIMEOUT_SECONDS, client
from lifeline.lambdas.adapters.http_json import get
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.adapters.paging import Pager
from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.adapters.region_state_table import ProbeResults, RegionStateTable
from lifeline.lambdas.contracts.keeper import KeeperContract
from lifeline.lambdas.failover.markers import (
    entries_from_json,
    oldest_born_ms,
    rows_of_vector,
)
from lifeline.lambdas.failover.plan_runs import RunStatus
from lifeline.lambdas.failover.replication_signal import (
    HeartbeatSignal,
    MarkerSignal,
    ReplicationSignal,
    ReplicationSource,
)
from lifeline.lambdas.keeper.cycle import Ports
from lifeline.lambdas.keeper.ports import PeerPort

STILL_RUNNING = frozenset({"RUNNING", "PENDING_REDRIVE"})
"""Source: Step Functions, DescribeExecution."""


class QueryApiWatermark:
    """The own region's watermark, as its services publish it."""

    def __init__(self, query_api_url: str, region: str) -> None:
        self._url = f"{query_api_url}/v1/watermark"
        self._region = region

    def oldest_born_seconds(self, origin: str) -> float | None:
        """How far `origin`'s events lie in the own log; raises OSError when nobody answers."""
        vector = get(self._url, timeout_seconds=CALL_TIMEOUT_SECONDS)
        rows = [
            row
            for row in rows_of_vector(vector)
            if row["safe_in"] == self._region and row["region"] == origin
        ]
        born_ms = oldest_born_ms(entries_from_json(rows))
        return None if born_ms is None else born_ms / 1000


class Plan:
    """The own region's state machine; an execution's name is its idempotency key (A4, A17)."""

    def __init__(self, states: Any, arn: str, region: str) -> None:
        self._states = states
        self._arn = arn
        self._region = region

    def status(self, name: str) -> RunStatus:
        """What became of the execution of that name."""
        machine = self._arn.replace(":stateMachine:", ":execution:", 1)
        try:
            found = self._states.describe_execution(executionArn=f"{machine}:{name}")
        except self._states.exceptions.ExecutionDoesNotExist:
            return RunStatus.MISSING
        return RunStatus.RUNNING if found["status"] in STILL_RUNNING else RunStatus.CLOSED

    def start(self, name: str, *, epoch: int) -> bool:
        """Start the execution; False when the name is taken, by a running one or for good."""
        body = {"epoch": epoch, "from_epoch": epoch - 1, "region": self._region}
        try:
            self._states.start_execution(
                stateMachineArn=self._arn, name=name, input=json.dumps(body)
            )
        except self._states.exceptions.ExecutionAlreadyExists:
            return False
        return True


class NoStandby:
    """In the other region's place where there is none (ADR 23): it promises, as it never becomes active."""

    def ask_failsafe(self, *, epoch: int) -> bool:
        """Always True: nobody could have replaced this region, or will (A2)."""
        return True

    def keeper_report(self) -> None:
        """There is no other keeper, so nobody can say that it is ready (A11)."""


def ports(settings: KeeperContract) -> Ports:
    """The real ports. Clients are cached, so building them anew in each run costs nothing."""
    own = client("dynamodb", settings.region)
    witness = client("dynamodb", settings.witness_region)
    database = RegionDatabase(settings.database)
    return Ports(
        lease=LeaseTable(witness, settings.lease_table),
        local=RegionStateTable(own, settings.region_state_table),
        peer=_peer(settings),
        witness_probe=ProbeResults(witness, settings.lease_table),
        database=database,
        signal=signal(settings, database),
        plan=Plan(
            client("stepfunctions", settings.region), settings.state_machine_arn, settings.region
        ),
        pager=Pager(client("sns", settings.region), settings.page_topic_arn),
    )


def _peer(settings: KeeperContract) -> PeerPort:
    if not settings.has_standby:
        return NoStandby()
    return RegionStateTable(client("dynamodb", settings.peer_region), settings.region_state_table)


def signal(settings: KeeperContract, database: RegionDatabase) -> ReplicationSignal:
    """What says how much a takeover would lose, as the contract chooses."""
    if settings.replication_signal is ReplicationSource.HEARTBEAT:
        # What takes over must serve.
        return HeartbeatSignal(
            database,
            own_api=lambda: get(
                f"{settings.own_api_url}/health", timeout_seconds=CALL_TIMEOUT_SECONDS
            ),
        )
    watermark = QueryApiWatermark(settings.query_api_url, settings.region)
    return MarkerSignal(watermark=watermark, database=database)


def publish_directory(settings: KeeperContract) -> None:
    """Tell the other observers how to reach this region (its line in the witness's directory)."""
    LeaseTable(client("dynamodb", settings.witness_region), settings.lease_table).publish_region(
        settings.region,
        {
            "api_url": settings.own_api_url,
            "database_host": settings.database.host,
            "database_port": str(settings.database.port),
        },
    )
