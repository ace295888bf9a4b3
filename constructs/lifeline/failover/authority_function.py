"""A function of the authority protocol: it sees the lease, its region's state, database and pager."""

from __future__ import annotations

from collections.abc import Mapping

from constructs import Construct

from lifeline.failover.region_parts import RegionDatabase
from lifeline.failover.tables import RegionStateTable, TableReference
from lifeline.foundation.function import Function, Placement, Size
from lifeline.foundation.keys import Keys
from lifeline.lambdas.failover.protocol import LEASE_TTL_SECONDS
from lifeline.site import Site


class AuthorityFunction(Function):
    """A function with what keeper and steps share: environment and grants for lease, database and pages.

    Covers: the loss of the other region, of which nothing here is asked. Does not cover: the loss of the
    witness, without which the lease cannot be read; the code falls back to promises (A2).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        package: str,
        description: str,
        environment: Mapping[str, str],
        size: Size,
        keys: Keys,
        placement: Placement,
        database: RegionDatabase,
        region_state: RegionStateTable,
        api_url: str,
    ) -> None:
        lease = TableReference.lease(site)
        page_topic = site.arn("sns", site.names.regional_name("page"))
        super().__init__(
            scope,
            construct_id,
            site=site,
            package=package,
            description=description,
            environment={
                "PEER_REGION": site.peer.region.name,
                "WITNESS_REGION": "" if site.witness is None else site.witness.region.name,
                "LEASE_TABLE": "" if lease is None else lease.table_name,
                "REGION_STATE_TABLE": region_state.table_name,
                "DATABASE_HOST": database.hosts,
                "DATABASE_PORT": str(database.port),
                "DATABASE_NAME": database.database_name,
                "DATABASE_USER": database.user,
                "DATABASE_AUTH": "iam",
                "OWN_API_URL": api_url,
                "PAGE_TOPIC_ARN": page_topic,
                "TTL_SECONDS": str(LEASE_TTL_SECONDS),
                **environment,
            },
            size=size,
            keys=keys,
            placement=placement,
        )
        region_state.reference.grant_update(self.policy)
        if lease is not None:
            lease.grant_update(self.policy)
        database.grant_connect(self.policy)
        self.allow("Page", ["sns:Publish"], [page_topic])
        self.allow(
            "EncryptPagesAndEvidence",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [keys.logs.key_arn, keys.data.key_arn],
        )
