"""What both kinds of restore do alike: a partition's records, object by object, from where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lifeline.lambdas.failover.markers import Place
from lifeline.services.archiver.archive_bucket import ArchiveBucket
from lifeline.services.archiver.archive_object import Archived, ArchiveError, Chain
from lifeline.services.archiver.proven_objects import Span, chains, manifests


class NotRestored(Exception):
    """The restore may not begin, or go on. The words say why, and what to do."""


@dataclass
class Restored:
    """What a run did. `before`: records that a run before it had restored."""

    objects: int = 0
    records: int = 0
    before: int = 0
    skipped: list[str] = field(default_factory=list)
    """Faults of the archive that were accepted."""


@dataclass(frozen=True)
class Source:
    """A stretch of the archive that one region wrote."""

    bucket: ArchiveBucket
    region: str
    span: Span
    accept_gaps: bool

    def stretches(
        self, place: Place, begins_at: Callable[[Chain], int], done: Restored
    ) -> Iterator[tuple[Chain, list[Archived], int]]:
        """Object by object its records, from the offset that `begins_at` gives for the chain on, and the end
        of each object. Raises NotRestored at a fault of the archive, unless gaps are accepted.
        """

        def fault(words: str) -> None:
            if not self.accept_gaps:
                raise NotRestored(
                    f"{words}. `lifeline archive verify` says all; the other region's archive may have it "
                    f"(--archived-by), or --accept-gaps restores without it"
                )
            done.skipped.append(words)

        for listed in chains(self.bucket, place, self.region):
            start: int | None = None
            for one, manifest in manifests(self.bucket, listed, self.span, fault):
                start = begins_at(manifest.chain) if start is None else start
                if manifest.last < start:
                    done.before += manifest.records
                    continue
                try:
                    _, records = self.bucket.read(one.key)
                except ArchiveError as error:
                    fault(str(error))
                    continue
                chosen = [
                    each for each in records if each.offset >= start and self.span.holds(each)
                ]
                # An object that the time's end cuts is read again by a run with a later end.
                is_cut = manifest.last_time_ms >= self.span.until_ms
                yield manifest.chain, chosen, start if is_cut else manifest.last + 1
                done.objects += 1
                done.records += len(chosen)
