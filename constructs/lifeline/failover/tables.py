"""The two small tables of the authority protocol: the lease in the witness, the state of each region."""

from __future__ import annotations

from constructs import Construct

from lifeline.foundation.item_table import ItemTable, TableReference
from lifeline.site import Site

NOT_BACKED_UP = "A lease that is restored is a lie: rule A10 makes it again from the databases."


class LeaseTable(ItemTable):
    """The lease, the directory and the witness's samples: one for the environment, in the witness region.

    Without a witness each of the two regions has one of its own, and only a person moves the lease (A21).

    Covers: two regions that both believe to be active (conditional writes, strong reads). Does not cover:
    the loss of its region; the active then asks the standby for a promise (A2). Nothing in it expires.
    """

    def __init__(self, scope: Construct, construct_id: str, *, site: Site | None = None) -> None:
        site = Site.of(scope, site)
        reference = TableReference.lease(site)
        if reference is None or site.lease_site != site:
            there = "" if site.lease_site is None else f" {site.lease_site.region.name}"
            raise ValueError(
                f"The lease table cannot be in {site.region.name}; allowed is the witness region{there}."
            )
        super().__init__(
            scope, construct_id, site=site, reference=reference, not_backed_up=NOT_BACKED_UP
        )


class RegionStateTable(ItemTable):
    """What a region's keeper remembers and promises, its probe's samples, its runs and its traffic switch.

    Covers: a keeper that forgets between runs (A7). Does not cover: the loss of its region, which takes the
    keeper with it. Old decisions expire.
    """

    def __init__(self, scope: Construct, construct_id: str, *, site: Site | None = None) -> None:
        site = Site.of(scope, site)
        super().__init__(
            scope,
            construct_id,
            site=site,
            reference=TableReference.region_state(site),
            not_backed_up=NOT_BACKED_UP,
            time_to_live_attribute="expires_at",
        )
