"""How much of everything a load needs. Nobody types a shard count: it follows from events and bytes.

Every partition count is fixed when the log is created (rule B9): a changed plan must not change it on a
running log, so growing is a procedure, not a deploy.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

KIB = 1024

SHARD_RECORDS_PER_SECOND = 1_000
SHARD_BYTES_PER_SECOND = 1_000 * KIB
"""Kinesis, write side, a provisioned shard (service quota)."""

HEADROOM = 2.0
"""Twice the mean: a shard that is full throttles its edges, and hashing is never even."""

PARTITION_EVENTS_PER_SECOND = 2_500
"""What one worker of the event applier applies from one partition with room to catch up; section 13's
20,000 events/s a core is for decoding alone, the store path measured 25,000-48,000 a server."""

SMALL_TOPIC_SHARE = 0.05
"""Patient, appointment and rejected events: a few per cent of a ward's traffic."""

TASK_EVENTS_PER_SECOND = 4_000
"""An event applier task of one vCPU at the mean: a fifth of the measured ceiling of a core."""

BROKER_BYTES_PER_SECOND = 4_800 * KIB
"""kafka.m5.large, write side, three copies: the provider's sizing sheet, rounded down."""

AVAILABILITY_ZONES = 3
ACU_EVENTS_PER_SECOND = 400
"""Store path in batches of 2,000 on about two vCPUs (eight ACUs) and with room for queries."""

MIN_ACUS = 0.5
MAX_ACUS = 128.0
MIN_ACU_CEILING = 8.0

OBSERVATIONS = "clinical.observation.recorded"
PATIENT_EVENTS = "clinical.patient.events"
APPOINTMENT_EVENTS = "administrative.appointment.events"
REJECTED = "error.dlq"
WATERMARK = "system.watermark"
SMALL_TOPICS = (PATIENT_EVENTS, APPOINTMENT_EVENTS, REJECTED)


@dataclass(frozen=True)
class CapacityPlan:
    """What `events_per_minute` events of `event_bytes` bytes each need in one region.

    Both regions get the same: the standby must carry the whole load from the first second.
    """

    events_per_minute: int
    event_bytes: int

    @property
    def events_per_second(self) -> float:
        """The mean rate."""
        return self.events_per_minute / 60

    @property
    def bytes_per_second(self) -> float:
        """The mean write rate before copies."""
        return self.events_per_second * self.event_bytes

    @property
    def shards(self) -> int:
        """Kinesis shards: by records or by bytes, whichever is more, with headroom."""
        by_records = ceil(self.events_per_second * HEADROOM / SHARD_RECORDS_PER_SECOND)
        by_bytes = ceil(self.bytes_per_second * HEADROOM / SHARD_BYTES_PER_SECOND)
        return max(1, by_records, by_bytes)

    @property
    def partitions(self) -> dict[str, int]:
        """Partitions of each topic that the bridge writes (B18), never fewer than shards allow for."""
        small = ceil(self.events_per_second * SMALL_TOPIC_SHARE / PARTITION_EVENTS_PER_SECOND)
        observations = ceil(self.events_per_second * HEADROOM / PARTITION_EVENTS_PER_SECOND)
        counts = {OBSERVATIONS: max(self.shards, observations)}
        counts.update({topic: max(1, small) for topic in SMALL_TOPICS})
        return counts

    @property
    def brokers(self) -> int:
        """Kafka brokers, a multiple of the three zones."""
        needed = ceil(self.bytes_per_second * HEADROOM / BROKER_BYTES_PER_SECOND)
        return AVAILABILITY_ZONES * max(1, ceil(needed / AVAILABILITY_ZONES))

    @property
    def applier_tasks(self) -> int:
        """Tasks that apply events while the region is active; one more than needed, to lose one."""
        return 1 + ceil(self.events_per_second / TASK_EVENTS_PER_SECOND)

    @property
    def min_acus(self) -> float:
        """What the database keeps warm: a quarter of its ceiling, so that promotion finds it awake.

        Rounded up to the next half: RDS takes no other steps.
        """
        return max(MIN_ACUS, ceil(self.max_acus / 2) / 2)

    @property
    def max_acus(self) -> float:
        """The ceiling of Aurora capacity units of one instance."""
        needed = ceil(self.events_per_second * HEADROOM / ACU_EVENTS_PER_SECOND)
        return min(MAX_ACUS, max(MIN_ACU_CEILING, float(needed)))
