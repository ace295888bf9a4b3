"""What all who act on the lease are told: keeper and failover step."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.lambdas.contracts.contract import Contract, set_by_aws
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.protocol import NO_STANDBY


@dataclass(frozen=True, kw_only=True)
class AuthorityContract(Contract):
    """The lease, the region's state, its database, its public API and its pager.

    `witness_region` is where the lease is: without a witness it is the region itself (A21). Empty, as is
    `lease_table`, where there is no lease at all. `peer_region` may be `NO_STANDBY`.
    """

    region: str = set_by_aws("AWS_REGION")
    peer_region: str
    witness_region: str = ""
    lease_table: str = ""
    region_state_table: str
    database: DatabaseAddress
    own_api_url: str
    """Public base URL of the region's own API; a slash at its end is dropped."""
    page_topic_arn: str

    @property
    def alone(self) -> bool:
        """Whether there is no witness: the lease is the region's own (A21)."""
        return self.witness_region == self.region

    @property
    def has_standby(self) -> bool:
        """Whether another region can become active."""
        return self.peer_region != NO_STANDBY

    def __post_init__(self) -> None:
        object.__setattr__(self, "own_api_url", self.own_api_url.rstrip("/"))
