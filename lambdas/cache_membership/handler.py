"""Take a cache out of its global datastore before CloudFormation deletes it.

ElastiCache deletes no member of a global datastore, and CloudFormation's own handler for the type takes none
out of it (its registry schema names no such permission). On create the member gets Multi-AZ, which the call
that makes a member does not take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from lifeline.lambdas.cache_membership.member import ask_for_zones, leave
from lifeline.lambdas.custom_resource.long_run import LongRun, answer_when_done

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 5})


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Lambda's entry."""
    group = str(event["ResourceProperties"]["ReplicationGroupId"])
    run = LongRun(
        act=lambda until: _act(event["RequestType"], group, until),
        patience_seconds=float(event["ResourceProperties"]["PatienceSeconds"]),
        physical_id=f"membership-of-{group}",
        late=TimeoutError(f"{group} has not left its global datastore in time; delete again."),
    )
    answer_when_done(run, event, context)


def _act(request: str, group: str, until: float) -> bool:
    cache = boto3.client("elasticache", config=CONFIG)
    if request == "Delete":
        return leave(cache, group, until=until)
    ask_for_zones(cache, group)
    return True
