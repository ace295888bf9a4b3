"""A function of the authority protocol: it sees the lease, its region's state, database and pager."""

from __future__ import annotations

from constructs import Construct

from lifeline.data.database_member import IGlobalDatabase
from lifeline.failover.tables import RegionStateTable
from lifeline.foundation.function import Function, Placement, Size
from lifeline.foundation.item_table import TableReference
from lifeline.foundation.keys import Keys
from lifeline.lambdas.contracts.authority import AuthorityContract
from lifeline.site import Site


class AuthorityFunction(Function):
    """A function told by an `AuthorityContract`, with the grants that every one of those needs.

    Covers: the loss of the other region, of which nothing here is asked. Does not cover: the loss of the
    witness, without which the lease cannot be read; the code falls back to promises (A2).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        package: str,
        description: str,
        contract: AuthorityContract,
        size: Size,
        keys: Keys | None = None,
        placement: Placement,
        database: IGlobalDatabase,
        region_state: RegionStateTable,
    ) -> None:
        site = Site.of(scope, site)
        keys = Keys.or_default(scope, keys)
        super().__init__(
            scope,
            construct_id,
            site=site,
            package=package,
            description=description,
            contract=contract,
            size=size,
            keys=keys,
            placement=placement,
        )
        region_state.reference.grant_update(self.policy)
        lease = TableReference.lease(site)
        if lease is not None:
            lease.grant_update(self.policy)
        database.grant_connect(self.policy)
        self.allow("Page", ["sns:Publish"], [contract.page_topic_arn])
        self.allow(
            "EncryptPagesAndEvidence",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [keys.logs.key_arn, keys.data.key_arn],
        )
