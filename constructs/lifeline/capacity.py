"""How much of everything a load needs. Nobody types a shard count: it follows from events and bytes.

Every partition count is fixed when the log is created (rule B9): a changed plan must not change it on a
running log, so growing is a procedure, not a deploy.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

KIB = 1024
GIB = 1024**3

SHARD_RECORDS_PER_SECOND = 1_000
SHARD_BYTES_PER_SECOND = 1_000 * KIB
"""Kinesis, write side, a provisioned shard (service quota)."""

PEAK_OVER_MEAN = 6
"""A ward's rounds and a mass alarm: the design's peak of 10,000 events/s over its mean of 1,667
(docs/mechanisms/settings.md). It holds where a mean is given and no peak."""

HEADROOM_TENTHS = 12
"""Tenths of the peak, so 1.2 of it: hashing is never even, and a shard that is full throttles its edges."""

PARTITION_EVENTS_PER_SECOND = 2_500
"""What one worker of the event applier applies from one partition with room to catch up; section 13's
20,000 events/s a core is for decoding alone, the store path measured 25,000-48,000 a server."""

SMALL_TOPIC_SHARE = 0.05
"""Patient, appointment and rejected events: a few per cent of a ward's traffic."""

TASK_EVENTS_PER_SECOND = 4_000
"""An event applier task of one vCPU: a fifth of the measured ceiling of a core."""

BROKER_BYTES_PER_SECOND = 4_800 * KIB
"""kafka.m5.large, write side, three copies: the provider's sizing sheet, rounded down."""

LOG_RETENTION_HOURS = 168
VOLUME_TARGET_PERCENT = 60
"""A broker's volume grows by itself above it. A planned load stays below: what grows was not planned."""

PEAK_HOURS = 2
"""The rest of the volume takes so long a peak: it grows at most once in six hours (MSK Developer Guide,
Automatic scaling for Amazon MSK clusters), and by a tenth."""

VOLUME_STEP_GIB = 10
MOST_VOLUME_GIB = 16_384
"""Of one broker (MSK Developer Guide, Amazon MSK quota)."""

AVAILABILITY_ZONES = 3
ACU_EVENTS_PER_SECOND = 400
"""Store path in batches of 2,000 on about two vCPUs (eight ACUs) and with room for queries."""

MIN_ACUS = 0.5
MIN_ACU_CEILING = 8.0

LEAST_REQUESTS_PER_SECOND = 100
"""Readers, markers and probes come through the same stage."""

MOST_REQUESTS_PER_SECOND = 2_500
"""What API Gateway gives the smaller of the two regions, burst half of it (Amazon API Gateway Developer
Guide, quotas; the burst is not adjustable). A request carries up to 500 events."""

OBSERVATIONS = "clinical.observation.recorded"
PATIENT_EVENTS = "clinical.patient.events"
APPOINTMENT_EVENTS = "administrative.appointment.events"
REJECTED = "error.dlq"
WATERMARK = "system.watermark"
SMALL_TOPICS = (PATIENT_EVENTS, APPOINTMENT_EVENTS, REJECTED)


@dataclass(frozen=True)
class CapacityPlan:
    """What a load needs in one region: `events_per_minute` on the mean and `peak_events_per_minute` at the
    busiest, of `event_bytes` each.

    What must not throttle follows from the peak; what fills up, from the mean and the retention. Both
    regions get the same: the standby must carry the whole load from the first second. Without a peak it
    is six times the mean.
    """

    events_per_minute: int
    event_bytes: int
    peak_events_per_minute: int = 0
    observation_partitions: int = 0
    """What stands, where the load has grown since the log was made (B9); 0: what the load needs."""

    def __post_init__(self) -> None:
        if not self.peak_events_per_minute:
            peak = PEAK_OVER_MEAN * self.events_per_minute
            object.__setattr__(self, "peak_events_per_minute", peak)
        if self.peak_events_per_minute < self.events_per_minute:
            raise ValueError(
                f"A peak of {self.peak_events_per_minute} events a minute is below the mean of "
                f"{self.events_per_minute}; allowed is the mean or more."
            )

    @property
    def events_per_second(self) -> float:
        """The mean rate."""
        return self.events_per_minute / 60

    @property
    def peak_events_per_second(self) -> float:
        """The busiest rate."""
        return self.peak_events_per_minute / 60

    @property
    def shards(self) -> int:
        """Kinesis shards: by records or by bytes, whichever is more, with headroom."""
        by_records = self._at_peak(SHARD_RECORDS_PER_SECOND)
        by_bytes = self._at_peak(SHARD_BYTES_PER_SECOND, self.event_bytes)
        return max(by_records, by_bytes)

    @property
    def bridge_concurrency(self) -> int:
        """Runs of the bridge at once, which Lambda reserves: two a shard, so that one may linger."""
        return max(4, 2 * self.shards)

    @property
    def partitions(self) -> dict[str, int]:
        """Partitions of each topic that the bridge writes (B18), never fewer than shards allow for."""
        small = ceil(self.peak_events_per_second * SMALL_TOPIC_SHARE / PARTITION_EVENTS_PER_SECOND)
        observations = max(self.shards, self._at_peak(PARTITION_EVENTS_PER_SECOND))
        counts = {OBSERVATIONS: self.observation_partitions or observations}
        counts.update({topic: max(1, small) for topic in SMALL_TOPICS})
        return counts

    @property
    def brokers(self) -> int:
        """Kafka brokers, a multiple of the three zones: by the peak, or by what their volumes may hold."""
        by_bytes = self._at_peak(BROKER_BYTES_PER_SECOND, self.event_bytes)
        by_volume = _up(self._log_gib, MOST_VOLUME_GIB // VOLUME_STEP_GIB * VOLUME_STEP_GIB)
        return AVAILABILITY_ZONES * _up(max(by_bytes, by_volume), AVAILABILITY_ZONES)

    @property
    def broker_volume_gib(self) -> int:
        """One broker's volume: below the mark at which it grows, it holds the mean over the retention;
        above it, two hours of the peak."""
        return VOLUME_STEP_GIB * _up(self._log_gib, self.brokers * VOLUME_STEP_GIB)

    @property
    def _log_gib(self) -> int:
        """All brokers' volumes together."""
        mean = self.events_per_minute * self.event_bytes * 60 * LOG_RETENTION_HOURS
        peak = self.peak_events_per_minute * self.event_bytes * 60 * PEAK_HOURS
        kept = _up(AVAILABILITY_ZONES * mean * 100, GIB * VOLUME_TARGET_PERCENT)
        burst = _up(AVAILABILITY_ZONES * peak * 100, GIB * (100 - VOLUME_TARGET_PERCENT))
        return max(kept, burst)

    @property
    def applier_tasks(self) -> int:
        """Tasks that apply events while the region is active; one more than needed, to lose one."""
        return 1 + ceil(self.peak_events_per_second / TASK_EVENTS_PER_SECOND)

    @property
    def min_acus(self) -> float:
        """What the database keeps warm: a quarter of its ceiling, so that promotion finds it awake.

        Rounded up to the next half: RDS takes no other steps.
        """
        return max(MIN_ACUS, ceil(self.max_acus / 2) / 2)

    @property
    def max_acus(self) -> float:
        """The ceiling of Aurora capacity units of one instance, as the peak needs it: `lifeline.limits`
        refuses one that there is not."""
        needed = ceil(self.peak_events_per_second / ACU_EVENTS_PER_SECOND)
        return max(MIN_ACU_CEILING, float(needed))

    @property
    def requests_per_second(self) -> int:
        """The API's throttle: edges that send events one by one at the peak, as far as the region lets in."""
        wanted = self._at_peak(1)
        return min(MOST_REQUESTS_PER_SECOND, max(LEAST_REQUESTS_PER_SECOND, wanted))

    @property
    def burst_requests(self) -> int:
        """The API's burst: half of its throttle, as AWS gives it."""
        return self.requests_per_second // 2

    def _at_peak(self, each: int, weight: int = 1) -> int:
        """How many of something that carries `each` a second the peak needs, with headroom. Whole
        numbers: a rounding error would be a shard."""
        return _up(self.peak_events_per_minute * weight * HEADROOM_TENTHS, 60 * 10 * each)


def _up(amount: int, step: int) -> int:
    """`amount` in steps, the last one begun."""
    return -(-amount // step)
