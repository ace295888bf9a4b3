"""Where a region keeps the evidence of its own recoveries."""

from __future__ import annotations

from constructs import Construct

from lifeline.foundation.bucket import Bucket, BucketEmptying, Lifecycle
from lifeline.foundation.keys import Keys, Purpose
from lifeline.site import Site

KEPT = Lifecycle(infrequent_days=90, deep_archive_days=365, expire_days=2_557, noncurrent_days=365)
"""Seven years, as for audit records: HIPAA asks for six of the documentation of what was done
(45 CFR 164.316(b)(2)(i))."""


class EvidenceBucket(Bucket):
    """The records of the recoveries into this region, one object for each run that came to its last step.

    Covers: an overwritten record (its version stays a year); the loss of the region, by
    `BucketReplication`. Does not cover: a recovery that ended before it wrote its record.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        emptying: BucketEmptying,
        access_log: str,
        not_replicated: str = "",
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            site=site,
            keys=keys,
            name="evidence",
            purpose=Purpose.DATA,
            emptying=emptying,
            access_log=access_log,
            lifecycle=KEPT,
            not_replicated=not_replicated,
        )
