"""What the archive holds of each partition, in a small table: where to go on, and which markers it passed.

The archiver writes an item after each object; the event applier reads them before it drops old partitions.
An item is never ahead of the bucket. It may be behind: then the bucket says more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import boto3

from lifeline.lambdas.failover.archived_markers import ArchivedMarkers, Held
from lifeline.lambdas.failover.markers import Place
from lifeline.services.shared.brief_calls import BRIEF

FORMAT = 1
PREFIX = "archive#"


class ArchivedPlaces:
    """Every method raises what the client raises, within a few seconds for each partition."""

    def __init__(self, table: str, region: str, client: Any = None) -> None:
        self._table = table
        self._client: Any = client or boto3.client("dynamodb", region_name=region, config=BRIEF)

    def save(self, place: Place, key: str, markers: dict[str, Any]) -> None:
        """`key`: of the newest object; `markers`: as its manifest has them."""
        body = {"format": FORMAT, "key": key, "markers": markers}
        text = json.dumps(body, separators=(",", ":"))
        self._client.put_item(
            TableName=self._table, Item={"id": {"S": _name(place)}, "body": {"S": text}}
        )

    def newest_key(self, place: Place) -> str | None:
        """Of the partition's newest object as far as the table knows it."""
        body = self._get(place)
        return None if body is None else str(body["key"])

    def held(self, places: Iterable[Place]) -> Mapping[Place, Held]:
        """What is archived of each. Raises ValueError for another kind of item."""
        found: dict[Place, Held] = {}
        for place in places:
            body = self._get(place)
            if body is not None:
                found[place] = ArchivedMarkers.restored(body["markers"]).held()
        return found

    def _get(self, place: Place) -> dict[str, Any] | None:
        answer = self._client.get_item(
            TableName=self._table, Key={"id": {"S": _name(place)}}, ConsistentRead=True
        )
        if "Item" not in answer:
            return None
        body: dict[str, Any] = json.loads(answer["Item"]["body"]["S"])
        if body.get("format") != FORMAT:
            raise ValueError(f"the item {_name(place)} has another format")
        return body


def _name(place: Place) -> str:
    return f"{PREFIX}{place[0]}#{place[1]}"
