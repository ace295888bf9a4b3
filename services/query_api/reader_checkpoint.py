"""Where the watermark reader goes on after a start: positions and proofs, in a small table (B25).

One item for each partition, and one for what the markers declared. Each task writes them once a minute; the
last writer wins, since each of them is a state that this log proved.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError
from confluent_kafka import OFFSET_BEGINNING

from lifeline.lambdas.failover.log_proof import SAVED_EXACT, LogProof
from lifeline.lambdas.failover.markers import Place
from lifeline.services.shared.brief_calls import BRIEF
from lifeline.services.shared.log_lines import say

DECLARED = "declared"
GIVEN_UP = "given-up"
ROWS_OF_AN_ITEM = 1_000
BYTES_OF_AN_ITEM = 300_000
"""Of rows: an item of DynamoDB takes 400 KB."""
FORMAT = 1


@dataclass(frozen=True)
class Resumed:
    """A proof as it was saved, and the offset to read from in every partition."""

    proof: LogProof
    offsets: dict[Place, int]
    peers: list[dict[str, Any]]
    """The rows that the other region had published."""


def say_new_base(why: str, **told: Any) -> None:
    """A checkpoint is of no use: nothing before the first marker that is left is called safe (B25). Pages."""
    say("the watermark has a new base", why=why, **told)


class ReaderCheckpoint:
    """Every method raises what the client raises, within a few seconds for each partition."""

    def __init__(self, table: str, region: str, client: Any = None) -> None:
        self._table = table
        self._client: Any = client or boto3.client("dynamodb", region_name=region, config=BRIEF)

    def load(
        self, topics: Mapping[str, str], places: Iterable[Place], now: float
    ) -> Resumed | None:
        """None when nothing was saved, or of another log; `topics` gives each topic's id.

        A partition that was never saved is read from its beginning.
        """
        try:
            return self._load(topics, places, now)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            say_new_base("a checkpoint cannot be read", error=type(error).__name__)
            return None

    def _load(
        self, topics: Mapping[str, str], places: Iterable[Place], now: float
    ) -> Resumed | None:
        declared = self._get(DECLARED)
        if declared is None:
            return None
        rows: dict[Place, list[Any]] = {}
        offsets: dict[Place, int] = {}
        for place in places:
            body = self._get(_name(place))
            if body is None:  # a partition that was added since
                rows[place], offsets[place] = [], OFFSET_BEGINNING
                continue
            if body["topic_id"] != topics[place[0]]:
                say_new_base("a topic was made anew", topic=place[0])
                return None
            rows[place], offsets[place] = body["pairs"], int(body["offset"])
        if not any(offset >= 0 for offset in offsets.values()):
            return None
        proof = LogProof.restored(declared["pairs"], declared["lineages"], rows, now)
        return Resumed(proof, offsets, list(declared["peers"]))

    def save(
        self,
        proof: LogProof,
        following: Mapping[Place, int],
        topics: Mapping[str, str],
        now: float,
        peers: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """`following`: the offset of the next record to read, by partition."""
        # First: what it declares must not be older than the places.
        declared = {"pairs": proof.saved_declarations(), "lineages": proof.saved_lineages()}
        self._put(DECLARED, {**declared, "peers": list(peers)})
        for place, offset in following.items():
            for exact in (SAVED_EXACT, 0):
                try:
                    self._save(proof, place, offset, topics[place[0]], now, exact)
                    break
                except ClientError as error:
                    if error.response["Error"]["Code"] != "ValidationException":
                        raise
                    # Larger than an item may be: then without single records, which are read again.
                    say(
                        "a checkpoint is too large", topic=place[0], partition=place[1], exact=exact
                    )

    def given_up(self) -> list[dict[str, Any]]:
        """The stretches that were given up, ever: no start, and no other log, forgets them."""
        return [row for part in self._parts() for row in part.rows]

    def save_given_up(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Those that are not there yet, behind the others: nothing that stands there is taken away.

        Raises ClientError, too, where another task wrote in between: then some of them may be there.
        """
        parts = self._parts()
        known = {name_of_stretch(row) for part in parts for row in part.rows}
        new = [dict(row) for row in rows if name_of_stretch(row) not in known]
        if not new:
            return
        number, part = len(parts) - 1, parts[-1] if parts else None
        if part is None or not part.is_readable:
            number, part = number + 1, _Part()
        for following in _fitting(part.rows, new):
            if following != part.rows:
                self._put_part(_part(number), following, part.text)
            number, part = number + 1, _Part()

    def _parts(self) -> list[_Part]:
        """The items of what was given up, in order."""
        found: list[_Part] = []
        while (text := self._text(_part(len(found)))) is not None:
            body = _readable(text)
            if body is None:
                say("a part of what was given up cannot be read", part=_part(len(found)))
            found.append(_Part(text, [] if body is None else body["rows"], body is not None))
        return found

    def _put_part(self, name: str, rows: list[dict[str, Any]], seen: str) -> None:
        """In the place of the `seen` text, and of no other; empty: where nothing stands."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        if seen:
            condition = {
                "ConditionExpression": "#body = :seen",
                "ExpressionAttributeNames": {"#body": "body"},
                "ExpressionAttributeValues": {":seen": {"S": seen}},
            }
        self._put(name, {"rows": rows}, **condition)

    def _save(
        self, proof: LogProof, place: Place, offset: int, topic_id: str, now: float, exact: int
    ) -> None:
        again = proof.read_from(place, now, exact)
        body = {
            "offset": offset if again is None else min(again, offset),
            "topic_id": topic_id,
            "pairs": proof.saved(place, now, exact),
        }
        self._put(_name(place), body)

    def _get(self, name: str) -> dict[str, Any] | None:
        text = self._text(name)
        if text is None:
            return None
        body: dict[str, Any] = json.loads(text)
        return body if body.get("format") == FORMAT else None

    def _text(self, name: str) -> str | None:
        answer = self._client.get_item(
            TableName=self._table, Key={"id": {"S": name}}, ConsistentRead=True
        )
        return str(answer["Item"]["body"]["S"]) if "Item" in answer else None

    def _put(self, name: str, body: Mapping[str, Any], **condition: Any) -> None:
        text = json.dumps({"format": FORMAT, **body}, separators=(",", ":"))
        item = {"id": {"S": name}, "body": {"S": text}}
        self._client.put_item(TableName=self._table, Item=item, **condition)


@dataclass(frozen=True)
class _Part:
    """An item of what was given up. One of another release is not readable, and is left as it is."""

    text: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    is_readable: bool = True


def name_of_stretch(row: Mapping[str, Any]) -> str:
    """Of a stretch that was given up: two tasks that met it call it the same."""
    names = ("region", "incarnation", "shard", "topic", "partition", "after")
    return "/".join(str(row.get(name)) for name in names)


def _fitting(
    begun: list[dict[str, Any]], new: list[dict[str, Any]]
) -> Iterable[list[dict[str, Any]]]:
    """The rows of the item that was begun, and of those behind it."""
    rows, size = list(begun), sum(_size(row) for row in begun)
    for row in new:
        if rows and (len(rows) >= ROWS_OF_AN_ITEM or size + _size(row) > BYTES_OF_AN_ITEM):
            yield rows
            rows, size = [], 0
        rows.append(row)
        size += _size(row)
    yield rows


def _size(row: Mapping[str, Any]) -> int:
    return len(json.dumps(row, separators=(",", ":"))) + 1


def _readable(text: str) -> dict[str, Any] | None:
    try:
        body = json.loads(text)
        return body if body["format"] == FORMAT and isinstance(body["rows"], list) else None
    except (ValueError, KeyError, TypeError):
        return None


def _part(number: int) -> str:
    return f"{GIVEN_UP}#{number}" if number else GIVEN_UP


def _name(place: Place) -> str:
    return f"{place[0]}#{place[1]}"
