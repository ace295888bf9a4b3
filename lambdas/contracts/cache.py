"""Where a region's cache is: the part of a contract that all share who sign in to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from lifeline.lambdas.contracts.contract import Contract, HostCall, overridable

CACHE = HostCall("cache", 6379)


@dataclass(frozen=True, kw_only=True)
class CachePlace(Contract):
    """The region's cache: its id, who signs in, and the parameter with `primary,reader`.

    An empty `group`: there is no cache. `hosts` stands in for what the parameter says.
    """

    PREFIX: ClassVar[str] = "CACHE_"

    group: str = ""
    user: str = ""
    hosts_parameter: str = ""
    hosts: str = overridable("")
    port: int = overridable(6379)
    auth: Literal["iam", "none"] = overridable("iam")
    """A token signed with IAM, over verified TLS; or nothing (the lab, whose servers know no TLS)."""


NO_CACHE = CachePlace()
