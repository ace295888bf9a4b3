"""The senders: each keeps an event until both regions have it, and sends it again, byte for byte.

A model of what integrators are asked to do; `drill/publisher.py` does it for the drill.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.lambdas.failover.wire import encoded
from simulator.network import NoAnswer, Refused
from simulator.places import REGIONS, peer
from simulator.runtime import EPOCH_ZERO, AwsClient
from simulator.scheduler import Machine

if TYPE_CHECKING:
    from simulator.path.world import PathWorld

TICK_SECONDS = 1.0
EVENTS_PER_TICK = 2.0
PATIENTS = 6
BAD_SHARE = 0.02
RESEND_SECONDS = 40.0
"""An accepted event that is not safe for so long goes to the other region."""
AWAY_SECONDS = 15.0
"""After as many failing seconds an edge turns to the other region."""


@dataclass
class Kept:
    """An event that is not safe yet. `receipt`: region, incarnation, shard, sequence."""

    patient: str
    data: bytes
    good: bool
    receipt: tuple[str, str, str, int] | None = None
    accepted_at: float = 0.0


class Edge:
    """One sender with patients of its own."""

    def __init__(self, world: PathWorld, name: str, region: str) -> None:
        self._world, self.name, self.region = world, name, region
        self.machine = Machine(name)
        self.kept: list[Kept] = []
        self.good: list[bytes] = []
        """The events that must be stored once, in the order in which they were made."""
        self.accepted: set[bytes] = set()
        self.sent_again: set[bytes] = set()
        self._tried: set[bytes] = set()
        self._number = 0
        self._sequences: dict[str, int] = {}
        self._failing_since: float | None = None
        self._clients = {one: AwsClient(world.runtime, "kinesis", one, 2.0) for one in REGIONS}

    def run(self, until: float) -> None:
        """A tick each second; after `until` nothing new."""
        scheduler = self._world.scheduler
        while True:
            scheduler.sleep(TICK_SECONDS)
            if scheduler.now < until:
                self._make()
            self._send()
            if int(scheduler.now) % 2 == 0:
                self._ask()

    def _make(self) -> None:
        chance = self._world.scheduler.random
        count = int(EVENTS_PER_TICK) + (chance.random() < EVENTS_PER_TICK % 1)
        for _ in range(count):
            self._number += 1
            patient = f"{self.name}-p{chance.randrange(PATIENTS)}"
            if chance.random() < BAD_SHARE:
                self.kept.append(Kept(patient, b"{bad %d" % chance.getrandbits(32), good=False))
                continue
            sequence = self._sequences.get(patient, 0) + 1
            self._sequences[patient] = sequence
            now = EPOCH_ZERO + self._world.scheduler.now
            data = _event(patient, sequence, now, UUID(int=chance.getrandbits(128), version=4))
            self.kept.append(Kept(patient, data, good=True))
            self.good.append(data)

    def _send(self) -> None:
        """What is not accepted: of each patient the oldest, so that none is overtaken (B3)."""
        batch: dict[str, Kept] = {}
        waiting: set[str] = set()
        now = self._world.scheduler.now
        for one in self.kept:
            late = one.receipt is not None and now - one.accepted_at > RESEND_SECONDS
            if one.receipt is None or late:
                if one.patient not in waiting:
                    batch[one.patient] = one
                waiting.add(one.patient)
        if not batch:
            return
        told = list(batch.values())
        # It may arrive although nobody hears of it: from then on it is one that was sent before.
        again = {one.data for one in told if one.data in self._tried}
        self.sent_again |= again
        self._tried |= {one.data for one in told}
        world = self._world
        client = self._clients[self.region]
        records = [{"PartitionKey": f"e:{one.patient}", "Data": one.data} for one in told]
        try:
            answer = client.put_records(StreamName="stream", Records=records)
        except (BotoCoreError, ClientError):
            self._failed()
            return
        self._failing_since = None
        for one, row in zip(told, answer["Records"], strict=True):
            if "ErrorCode" not in row:
                place = (self.region, answer["Incarnation"], row["ShardId"])
                one.receipt = (*place, int(row["SequenceNumber"]))
                one.accepted_at = world.scheduler.now
                self.accepted.add(one.data)
                if one.data in again:
                    world.reach("an event is accepted again")
            else:
                world.reach("a record of PutRecords is refused")

    def _failed(self) -> None:
        now = self._world.scheduler.now
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since > AWAY_SECONDS:
            self.region, self._failing_since = peer(self.region), None
            self._world.say(self.name, f"turns to {self.region}")

    def _ask(self) -> None:
        """Which receipts are safe, as the watermark of either region says (B1)."""
        world = self._world
        for region in REGIONS:
            try:
                rows = world.network.call(region, "api", 2.0, lambda: world.answers[region])  # noqa: B023
            except (NoAnswer, Refused):
                continue
            entries = {
                (row["region"], row["incarnation"], row["shard"]): (
                    int(row["after"]),
                    int(row["sequence"]),
                )
                for row in rows
                if row["safe_in"] != row["region"]
            }
            self.kept = [one for one in self.kept if not _safe(one, entries)]


def _safe(one: Kept, entries: dict[Any, tuple[int, int]]) -> bool:
    if one.receipt is None:
        return False
    found = entries.get(one.receipt[:3])
    return found is not None and found[0] < one.receipt[3] <= found[1]


def _event(patient: str, sequence: int, now: float, ident: UUID) -> bytes:
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds")
    body = {
        "eventId": str(ident),
        "eventType": "ObservationRecordedEvent",
        "aggregateId": patient,
        "aggregateType": "Patient",
        "occurredOn": moment.replace("+00:00", "Z"),
        "version": 1,
        "sequence": sequence,
        "payload": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": "Patient/p"},
            "effectiveDateTime": moment.replace("+00:00", "Z"),
            "valueQuantity": {"value": 60, "system": "http://unitsofmeasure.org", "code": "/min"},
        },
        "metadata": {"correlationId": "simulated"},
    }
    return encoded(body).encode()
