"""An environment seen from one of its regions: what a construct may know about where it is.

A construct may know whether its region is *home* (a fact of creation). Nothing here says which region is
active: that is the lease's business and changes without a deploy.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from aws_cdk import Aws

from lifeline.naming import Names
from lifeline.regions import Region
from lifeline.settings import Settings


@functools.cache
def _account_token() -> str:
    """Asked of the library once: it is a call into another process, and names ask 1,500 times."""
    return str(Aws.ACCOUNT_ID)


@dataclass(frozen=True)
class Site:
    """One region of one environment."""

    settings: Settings
    region: Region

    @property
    def account(self) -> str:
        """The account's number, or a token for it where the settings leave it open."""
        return self.settings.account or _account_token()

    @property
    def names(self) -> Names:
        """Physical names in this region."""
        return Names(self.settings.environment_suffix, self.region.code, self.account)

    @property
    def is_home(self) -> bool:
        """Whether the environment was created here."""
        return self.region == self.settings.home

    @property
    def peer(self) -> Site:
        """The other region that holds patient data."""
        return Site(self.settings, self.settings.peer_of(self.region))

    @property
    def witness(self) -> Site | None:
        """The third vantage point; None turns automatic failover off."""
        if self.settings.witness is None:
            return None
        return Site(self.settings, self.settings.witness)

    @property
    def lease_table(self) -> str:
        """The lease table's name; empty without a witness."""
        return "" if self.witness is None else self.witness.names.regional_name("lease", "table")

    def arn(self, service: str, resource: str) -> str:
        """A literal ARN in this region: no export, no dependency, also for what a peer owns."""
        return f"arn:aws:{service}:{self.region.name}:{self.account}:{resource}"

    def table_arn(self, name: str) -> str:
        """A DynamoDB table's ARN in this region."""
        return self.arn("dynamodb", f"table/{name}")
