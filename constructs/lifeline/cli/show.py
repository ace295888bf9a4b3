"""`authority show`: two reads of the lease, one of each region's table, one screen. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.cli.authority import read_lease
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.words import RegionView, facts, screen
from lifeline.lambdas.adapters.region_state_table import DECISION_PREFIX

LAST_DECISIONS = 5
MAX_PAGES = 20
"""Of 1 MB each: a table with more is not what this command is for."""


def show(
    places: Places,
    *,
    watch_seconds: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    output: Output,
) -> None:
    """Print who may be active, and what both regions last decided."""
    before = read_lease(places)
    views = {region: region_view(places, region) for region in places.data_regions}
    if watch_seconds > 0:
        sleep(watch_seconds)
    after = read_lease(places)
    at = now()
    if not output.as_json:
        for line in screen(before, after, views, watched_seconds=watch_seconds, now=at):
            output.say(line)
    output.result(facts(before, after, views, watched_seconds=watch_seconds, now=at))


def region_view(places: Places, region: str) -> RegionView:
    """A region that does not answer is shown as such: this is run when a region is lost."""
    try:
        return RegionView(
            traffic_epoch=places.local(region).traffic_epoch(),
            decisions=last_decisions(places.dynamodb(region), places.local_name),
        )
    except (BotoCoreError, ClientError) as error:
        return RegionView(error=str(error))


def last_decisions(dynamodb: Any, table: str) -> tuple[dict[str, str], ...]:
    """The newest decisions, newest first. A scan: the table holds little, and only decisions pile up."""
    found: list[dict[str, Any]] = []
    following: dict[str, Any] = {}
    for _ in range(MAX_PAGES):
        page = dynamodb.scan(
            TableName=table,
            FilterExpression="begins_with(id, :prefix)",
            ExpressionAttributeValues={":prefix": {"S": DECISION_PREFIX}},
            **following,
        )
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        following = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    newest = sorted(found, key=lambda item: str(item["id"]["S"]), reverse=True)[:LAST_DECISIONS]
    return tuple(
        {key: value["S"] for key, value in item.items() if "S" in value} for item in newest
    )
