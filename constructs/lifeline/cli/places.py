"""Which tables and functions a suffix means (docs/mechanisms/contracts.md), and clients for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.failover.protocol import NO_STANDBY
from lifeline.regions import code_of

REPAIR_TIMEOUT_SECONDS = 65.0
"""The bridge's function ends after 60 s."""
STEP_TIMEOUT_SECONDS = 35.0
"""The function ends after 25 s, in which it may wait 8 s for a lock that event appliers hold."""
INVOKE_TIMEOUT_SECONDS = 15.0
"""A cold function, then one query: longer than a keeper's calls, short enough to wait for."""
LIST_TIMEOUT_SECONDS = 10.0
"""A page of a listing is longer than a keeper's answers."""


@dataclass(frozen=True)
class Places:
    """One deployed system. AWS_ENDPOINT_URL redirects every call, as it does for the AWS CLI."""

    suffix: str
    home: str
    recovery: str
    """`NO_STANDBY`: that region keeps copies only (strategy backup only)."""
    witness: str | None
    """None: each data region has a lease of its own (A21), and home's is meant."""

    @property
    def has_standby(self) -> bool:
        """Whether another region can become active."""
        return self.recovery != NO_STANDBY

    @property
    def data_regions(self) -> tuple[str, ...]:
        """Home first, and alone where there is no standby."""
        return (self.home, self.recovery) if self.has_standby else (self.home,)

    @property
    def lease_name(self) -> str:
        """The table in the lease's region."""
        return f"lease-{self.suffix}"

    @property
    def lease_words(self) -> str:
        """The lease as a sentence begins with it."""
        return f"The lease in {self.lease_name} ({self.lease_region})"

    @property
    def lease_region(self) -> str:
        """Where the lease is: the witness region, or home."""
        return self.witness or self.home

    @property
    def local_name(self) -> str:
        """The table in each data region."""
        return f"region-state-{self.suffix}"

    def lease(self) -> LeaseTable:
        """The lease, in its region."""
        return self.lease_in(self.lease_region)

    def lease_in(self, region: str) -> LeaseTable:
        """A region's lease table."""
        return LeaseTable(client("dynamodb", region), self.lease_name)

    def local(self, region: str) -> RegionStateTable:
        """A region's own table."""
        return RegionStateTable(self.dynamodb(region), self.local_name)

    def dynamodb(self, region: str) -> Any:
        """A raw client, for listing what the adapters only write."""
        return client("dynamodb", region)

    @property
    def plan_name(self) -> str:
        """The state machine in each data region."""
        return f"failover-plan-{self.suffix}"

    def states(self, region: str) -> Any:
        """A Step Functions client in a data region."""
        return client("stepfunctions", region, LIST_TIMEOUT_SECONDS)

    @property
    def services_cluster(self) -> str:
        """The ECS cluster in each data region."""
        return f"services-{self.suffix}"

    @property
    def services_log(self) -> str:
        """The log group of that cluster's tasks."""
        return f"/lifeline/{self.services_cluster}"

    @property
    def applier_service(self) -> str:
        """The event applier's service, whose network the migrations use."""
        return f"event-applier-{self.suffix}"

    @property
    def query_api_service(self) -> str:
        """The query API's service, whose task definition the one-off tasks of the log use."""
        return f"query-api-{self.suffix}"

    @property
    def archiver_service(self) -> str:
        """The archiver's service, whose network the archive's one-off tasks use."""
        return f"archiver-{self.suffix}"

    def logs(self, region: str) -> Any:
        """A CloudWatch Logs client in a data region."""
        return client("logs", region, LIST_TIMEOUT_SECONDS)

    def sts(self) -> Any:
        """A client that says who asks."""
        return client("sts", self.home)

    def ecs(self, region: str) -> Any:
        """An ECS client in a data region."""
        return client("ecs", region, LIST_TIMEOUT_SECONDS)

    def alarms_stack(self, region: str) -> str:
        """The stack of a data region's alarms."""
        return f"observability-{code_of(region)}-{self.suffix}"

    def cloudformation(self, region: str) -> Any:
        """A CloudFormation client in a data region."""
        return client("cloudformation", region, LIST_TIMEOUT_SECONDS)

    def cloudwatch(self, region: str) -> Any:
        """A CloudWatch client in a data region."""
        return client("cloudwatch", region, LIST_TIMEOUT_SECONDS)

    @property
    def bridge_name(self) -> str:
        """The function in each data region that writes its log."""
        return f"stream-bridge-{self.suffix}"

    def bridge(self, region: str) -> Any:
        """A Lambda client that waits for the bridge's function."""
        return client("lambda", region, REPAIR_TIMEOUT_SECONDS)

    def steps(self, region: str) -> Any:
        """A Lambda client that waits for a step which writes to a database that is busy."""
        return client("lambda", region, STEP_TIMEOUT_SECONDS)

    def functions(self, region: str) -> Any:
        """A Lambda client in a data region."""
        return client("lambda", region, INVOKE_TIMEOUT_SECONDS)
