"""Reading the archive: the objects of a partition in order, each proven, and the chain between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lifeline.lambdas.failover.markers import Place
from lifeline.services.archiver.archive_bucket import ArchiveBucket, Listed
from lifeline.services.archiver.archive_object import (
    Archived,
    ArchiveError,
    Manifest,
    chain_of,
    place_prefix,
)

SLACK_MS = 3_600_000
"""Clocks differ: an object is taken for one of records younger than when it was written, and an hour."""

Told = Callable[[str], None]
"""Takes a fault, in words."""


@dataclass(frozen=True)
class Span:
    """Records from `since_ms` on and before `until_ms`, by their times."""

    since_ms: int
    until_ms: int

    def may_hold(self, one: Listed) -> bool:
        """Whether an object may have such a record, by when it was written."""
        return one.written_ms >= self.since_ms - SLACK_MS

    def meets(self, manifest: Manifest) -> bool:
        """Whether an object has such a record."""
        return manifest.last_time_ms >= self.since_ms and manifest.first_time_ms < self.until_ms

    def holds(self, record: Archived) -> bool:
        """Whether it is such a record."""
        return self.since_ms <= record.time_ms < self.until_ms


def chains(bucket: ArchiveBucket, place: Place, region: str) -> list[list[Listed]]:
    """The objects that `region` wrote of a partition, a list for each log it had, the oldest log first."""
    found: dict[str, list[Listed]] = {}
    for one in bucket.listed(f"{place_prefix(*place)}{region}/"):
        found.setdefault(chain_of(one.key)[0].log_id, []).append(one)
    return sorted(found.values(), key=lambda chain: chain[0].written_ms)


def manifests(
    bucket: ArchiveBucket, chain: list[Listed], span: Span, fault: Told
) -> Iterator[tuple[Listed, Manifest]]:
    """Those of the objects with records of the span, in order; `fault` hears where the chain breaks."""
    before: Manifest | None = None
    begins = next((n for n, one in enumerate(chain) if span.may_hold(one)), len(chain))
    for listed in chain[max(0, begins - 1) :]:
        try:
            manifest = bucket.manifest(listed.key)
        except ArchiveError as error:
            fault(str(error))
            before = None
            continue
        if manifest is None:
            fault(f"{listed.key}: it is listed and cannot be found")
            before = None
            continue
        if span.meets(manifest):
            if before is not None or listed == chain[0]:
                _check(before, manifest, fault)
            yield listed, manifest
        before = manifest


def _check(before: Manifest | None, manifest: Manifest, fault: Told) -> None:
    if before is None:
        if manifest.after is not None:
            fault(
                f"{manifest.key}: the objects before it are gone; it follows offset {manifest.after}"
            )
        return
    if manifest.after != before.last or manifest.previous != before.sha256:
        fault(
            f"{manifest.key}: it follows the object that ends at {manifest.after}, and the one before it "
            f"in the bucket ends at {before.last}: an object is missing, or was changed"
        )
    elif manifest.gap:
        fault(
            f"{manifest.key}: {manifest.gap} records before it, from offset {before.last + 1} on, were gone "
            f"from the log before they were archived"
        )
