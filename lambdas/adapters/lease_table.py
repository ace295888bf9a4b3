"""The lease item in the witness region: the transitions of `failover/lease.py` as conditional writes.

Each method answers the stored lease after the write, or None when the condition failed. Anything else
(time-outs, throttling, a cut link) raises: the caller re-reads, because the write may have landed (A4).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from lifeline.lambdas.adapters.answer_date import answered_at
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease

LEASE_ID = "lease"
REGION_PREFIX = "region#"


class LeaseTable:
    """`client` is a DynamoDB client in the witness region; reads are strongly consistent."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def read(self) -> Lease | None:
        """The lease, or None when there is no item (A10: keepers never create it)."""
        answer = self._client.get_item(
            TableName=self._table, Key=_key(LEASE_ID), ConsistentRead=True
        )
        item = answer.get("Item")
        return None if item is None else lease_from_item(item, answered_at(answer))

    def create(self, lease: Lease) -> bool:
        """For `authority init` only. False when there is a lease already."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item_from_lease(lease),
                ConditionExpression="attribute_not_exists(id)",
            )
        except ClientError as error:
            if is_refusal(error):
                return False
            raise
        return True

    def put_instead(self, lease: Lease, *, seen: Lease | None) -> bool:
        """For a person's takeover only (A21). False when the item is not what was `seen` any more."""
        if seen is None:
            return self.create(lease)
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item_from_lease(lease),
                ConditionExpression="holder = :holder AND epoch = :epoch AND renewals = :renewals",
                ExpressionAttributeValues={
                    ":holder": _s(seen.holder),
                    ":epoch": _n(seen.epoch),
                    ":renewals": _n(seen.renewals),
                },
            )
        except ClientError as error:
            if is_refusal(error):
                return False
            raise
        return True

    def renew(self, *, region: str, epoch: int, health: str) -> Lease | None:
        """`lease.renew`, and the holder's own health beside it (A11)."""
        return self._update(
            "SET renewals = renewals + :one, health.#region = :health",
            "holder = :region AND epoch = :epoch",
            {":one": _n(1), ":region": _s(region), ":epoch": _n(epoch), ":health": _s(health)},
            names={"#region": region},
        )

    def take(self, *, region: str, seen: Lease, now: float) -> Lease | None:
        """`authority.take`: fit and pause stand in the write's condition (A13)."""
        unfit = sorted((seen.unfit | {seen.holder, seen.writer}) - {NO_HOLDER, region})
        return self._update(
            "SET holder = :region, epoch = epoch + :one, renewals = renewals + :one, "
            "moved_at = :now, unfit = :unfit",
            "holder = :holder AND epoch = :epoch AND renewals = :renewals AND attempt = :attempt "
            "AND writer = :writer AND paused_until <= :now AND unfit = :seen_unfit "
            "AND NOT contains(unfit, :region)",
            {
                ":region": _s(region),
                ":writer": _s(seen.writer),
                ":one": _n(1),
                ":now": _n(seen.table_now(now)),
                ":unfit": _list(unfit),
                ":seen_unfit": _list(sorted(seen.unfit)),
                ":holder": _s(seen.holder),
                ":epoch": _n(seen.epoch),
                ":renewals": _n(seen.renewals),
                ":attempt": _n(seen.attempt),
            },
        )

    def advance(self, *, region: str, epoch: int) -> Lease | None:
        """`lease.advance`: the holder and writer goes on at the next epoch."""
        return self._update(
            "SET epoch = epoch + :one, renewals = renewals + :one",
            "holder = :region AND writer = :region AND epoch = :epoch",
            {":one": _n(1), ":region": _s(region), ":epoch": _n(epoch)},
        )

    def give_up_attempt(self, *, seen: Lease) -> Lease | None:
        """`authority.give_up_attempt`: a take still under way for `seen` can no longer land."""
        return self._update(
            "SET attempt = attempt + :one",
            "epoch = :epoch AND attempt = :attempt",
            {":one": _n(1), ":epoch": _n(seen.epoch), ":attempt": _n(seen.attempt)},
        )

    def release(self, *, region: str, epoch: int) -> Lease | None:
        """`authority.release`: only before the point of no return."""
        return self._update(
            "SET holder = :nobody, renewals = renewals + :one, unfit = :nothing, moved_at = :zero",
            "holder = :region AND epoch = :epoch AND writer <> :region",
            {
                ":nobody": _s(NO_HOLDER),
                ":one": _n(1),
                ":nothing": _list([]),
                ":zero": _n(0),
                ":region": _s(region),
                ":epoch": _n(epoch),
            },
        )

    def record_writer(self, *, region: str, epoch: int) -> Lease | None:
        """`authority.record_writer`: the point of no return was passed."""
        return self._update(
            "SET writer = :region",
            "holder = :region AND epoch = :epoch",
            {":region": _s(region), ":epoch": _n(epoch)},
        )

    def abort(self, *, epoch: int) -> Lease | None:
        """`lease.abort`: a person stops the plan of `epoch`; None: moved, or past the point of no return."""
        return self._update(
            "SET aborted_epoch = :epoch",
            "epoch = :epoch AND holder <> :nobody AND holder <> writer",
            {":epoch": _n(epoch), ":nobody": _s(NO_HOLDER)},
        )

    def ask_hand_over(self, *, epoch: int, until: float) -> Lease | None:
        """`lease.ask_hand_over`: a person asks the active region to hand over; None: it is not active."""
        return self._update(
            "SET hand_over_epoch = :epoch, hand_over_until = :until",
            "epoch = :epoch AND holder <> :nobody AND holder = writer",
            {":epoch": _n(epoch), ":until": _n(until), ":nobody": _s(NO_HOLDER)},
        )

    def hand_over(self, *, region: str, peer: str, epoch: int, now: float) -> Lease | None:
        """`lease.hand_over`: the active region lets go for `peer` to take (A11)."""
        return self._update(
            "SET holder = :nobody, renewals = renewals + :one, moved_at = :zero, "
            "hand_over_epoch = :epoch",
            "holder = :region AND writer = :region AND epoch = :epoch "
            "AND paused_until <= :now AND NOT contains(unfit, :peer)",
            {
                ":nobody": _s(NO_HOLDER),
                ":one": _n(1),
                ":zero": _n(0),
                ":epoch": _n(epoch),
                ":region": _s(region),
                ":peer": _s(peer),
                ":now": _n(now),
            },
        )

    def pause(self, *, until: float) -> Lease | None:
        """No automatic take before `until` (epoch seconds; A14). None: there is no lease to pause."""
        return self._update(
            "SET paused_until = :until", "attribute_exists(holder)", {":until": _n(until)}
        )

    def end_pause(self, *, seen: float, until: float) -> Lease | None:
        """Let the pause read as `seen` end at `until` instead; None: the pause changed meanwhile."""
        return self._update(
            "SET paused_until = :until",
            "paused_until = :seen",
            {":until": _n(until), ":seen": _n(seen)},
        )

    def approve(self, *, epoch: int, loss_seconds: float, until: float) -> Lease | None:
        """A person accepts this loss for the take of `epoch`, which must be the next one (D9)."""
        return self._update(
            "SET approved_epoch = :approved, approved_loss_seconds = :loss, "
            "approval_until = :until",
            "epoch = :current",
            {
                ":approved": _n(epoch),
                ":loss": _n(loss_seconds),
                ":until": _n(until),
                ":current": _n(epoch - 1),
            },
        )

    def publish_region(self, region: str, facts: Mapping[str, str]) -> None:
        """This region's line in the directory: how the others reach it."""
        item = {
            "id": _s(REGION_PREFIX + region),
            **{key: _s(value) for key, value in facts.items()},
        }
        self._client.put_item(TableName=self._table, Item=item)

    def region_facts(self, region: str) -> dict[str, str]:
        """What `region` published; empty when it never did."""
        answer = self._client.get_item(TableName=self._table, Key=_key(REGION_PREFIX + region))
        item = answer.get("Item", {})
        return {key: value["S"] for key, value in item.items() if "S" in value and key != "id"}

    def _update(
        self,
        expression: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> Lease | None:
        arguments: dict[str, Any] = (
            {} if names is None else {"ExpressionAttributeNames": dict(names)}
        )
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(LEASE_ID),
                UpdateExpression=expression,
                ConditionExpression=f"attribute_exists(id) AND {condition}",
                ExpressionAttributeValues=dict(values),
                ReturnValues="ALL_NEW",
                **arguments,
            )
        except ClientError as error:
            if is_refusal(error):
                return None
            raise
        return lease_from_item(answer["Attributes"], answered_at(answer))


def is_refusal(error: ClientError) -> bool:
    """Whether the write was refused by its own condition: a certain answer, not a fault."""
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")


def lease_from_item(item: Mapping[str, Any], read_at: float | None = None) -> Lease:
    """Raises KeyError when the item lacks what every lease has: a damaged lease is not a default."""
    return Lease(
        holder=item["holder"]["S"],
        epoch=int(item["epoch"]["N"]),
        renewals=int(item["renewals"]["N"]),
        writer=item["writer"]["S"],
        ttl_seconds=float(item["ttl_s"]["N"]),
        attempt=int(item["attempt"]["N"]),
        paused_until=float(item["paused_until"]["N"]),
        moved_at=float(item["moved_at"]["N"]),
        unfit=frozenset(one["S"] for one in item["unfit"]["L"]),
        approved_epoch=int(item["approved_epoch"]["N"]),
        approved_loss_seconds=float(item["approved_loss_seconds"]["N"]),
        approval_until=float(item["approval_until"]["N"]),
        # Absent until the first of each: a lease of an earlier release has none.
        aborted_epoch=int(item.get("aborted_epoch", {"N": "0"})["N"]),
        hand_over_epoch=int(item.get("hand_over_epoch", {"N": "0"})["N"]),
        hand_over_until=float(item["hand_over_until"]["N"]) if "hand_over_until" in item else None,
        health=MappingProxyType({key: value["S"] for key, value in item["health"]["M"].items()}),
        read_at=read_at,
    )


def item_from_lease(lease: Lease) -> dict[str, Any]:
    """The DynamoDB item of a lease; the inverse of `lease_from_item`."""
    marks = {"aborted_epoch": lease.aborted_epoch, "hand_over_epoch": lease.hand_over_epoch}
    return {
        **{name: _n(epoch) for name, epoch in marks.items() if epoch},
        **({} if lease.hand_over_until is None else {"hand_over_until": _n(lease.hand_over_until)}),
        "id": _s(LEASE_ID),
        "holder": _s(lease.holder),
        "epoch": _n(lease.epoch),
        "renewals": _n(lease.renewals),
        "writer": _s(lease.writer),
        "ttl_s": _n(lease.ttl_seconds),
        "attempt": _n(lease.attempt),
        "paused_until": _n(lease.paused_until),
        "moved_at": _n(lease.moved_at),
        "unfit": _list(sorted(lease.unfit)),
        "approved_epoch": _n(lease.approved_epoch),
        "approved_loss_seconds": _n(lease.approved_loss_seconds),
        "approval_until": _n(lease.approval_until),
        "health": {"M": {key: _s(value) for key, value in lease.health.items()}},
    }


def _key(name: str) -> dict[str, Any]:
    return {"id": _s(name)}


def _s(value: str) -> dict[str, str]:
    return {"S": value}


def _n(value: float) -> dict[str, str]:
    return {"N": repr(value)}


def _list(values: list[str]) -> dict[str, Any]:
    return {"L": [_s(value) for value in values]}
