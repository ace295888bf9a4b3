"""Whether the archive holds every record of a stretch of time, and each as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lifeline.lambdas.failover.markers import Place
from lifeline.services.archiver.archive_bucket import ArchiveBucket
from lifeline.services.archiver.archive_object import ArchiveError
from lifeline.services.archiver.proven_objects import Span, chains, manifests

MOST_FAULTS = 40
"""That are told, in one line: a container's log driver cuts it at 16 KiB. Their number is told, too."""

LATE_MS = 900_000
"""Each partition has a marker a second, in an object five minutes later: a quarter of an hour without one is
a fault, as what is missing at the end breaks no chain."""

Progress = Callable[["Found"], None]


@dataclass
class Found:
    """What a look at the archive came to."""

    partitions: int = 0
    objects: int = 0
    records: int = 0
    bytes: int = 0
    faults: list[str] = field(default_factory=list)
    faults_in_all: int = 0

    def fault(self, words: str) -> None:
        """Note one."""
        self.faults_in_all += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(words)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "partitions": self.partitions,
            "objects": self.objects,
            "records": self.records,
            "bytes": self.bytes,
            "faults": self.faults,
            "faults_in_all": self.faults_in_all,
        }


def verify(
    bucket: ArchiveBucket,
    places: Iterable[Place],
    region: str,
    span: Span,
    *,
    reads_records: bool,
    progress: Progress,
    now_ms: int,
) -> Found:
    """`reads_records`: each object whole, against its manifest; else only that the manifests make a chain."""
    ends_ms = min(span.until_ms, now_ms)
    found = Found()
    for place in places:
        found.partitions += 1
        found_before, newest_ms = found.objects, 0
        for chain in chains(bucket, place, region):
            for listed, manifest in manifests(bucket, chain, span, found.fault):
                records = manifest.records
                if reads_records:
                    try:
                        _, whole = bucket.read(listed.key)
                    except ArchiveError as error:
                        found.fault(str(error))
                        continue
                    records = sum(span.holds(one) for one in whole)
                newest_ms = max(newest_ms, manifest.last_time_ms)
                found.objects += 1
                found.records += records
                found.bytes += listed.bytes
                progress(found)
        if found.objects == found_before:
            found.fault(f"{place[0]}/{place[1]}: no object of {region} has a record of this time")
        elif newest_ms < ends_ms - LATE_MS:
            newest = datetime.fromtimestamp(newest_ms / 1_000, UTC).isoformat(timespec="seconds")
            found.fault(f"{place[0]}/{place[1]}: no object of {region} has a record after {newest}")
    return found
