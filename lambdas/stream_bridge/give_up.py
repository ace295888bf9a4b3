"""A hole that a person gives up: its records are in no log and no stream any more (decision 25).

One marker that is no barrier is written into *this* region's log, behind the hole. The reader of this log
stops waiting for the stretch, and calls nothing at or under its end safe. The marker stays in the log and in
the archive with who gave it up and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from lifeline.lambdas.failover.manifests import Manifest
from lifeline.lambdas.failover.markers import GivenUp, Marker
from lifeline.lambdas.stream_bridge.batch import Headers, LogRecord, origin_headers
from lifeline.lambdas.stream_bridge.repair import stretch_of_json
from lifeline.lambdas.stream_bridge.stretch import Stretch


class Writer(Protocol):
    """Writes this region's log; raises what was not acknowledged."""

    def write(self, records: Iterable[LogRecord], at_ms: int) -> None: ...


def marker_of(stretch: Stretch, given_up: GivenUp) -> Marker:
    """To a reader of the release before it is a marker over nothing: such a reader stays where it was."""
    ends = (stretch.after, stretch.born_ms, (), ())
    return Marker(stretch.pair, *ends, stretch.after, Manifest(), given_up=given_up)


def give_up(request: Mapping[str, Any], writer: Writer, region: str, at_ms: int) -> dict[str, Any]:
    """Do what a request asks for: `{"who", "why", "stretches"}`. Written twice, it means the same.

    Raises ValueError for a request that is none, and what writing raises.
    """
    who, why = (str(request.get(name) or "") for name in ("who", "why"))
    stretches = [stretch_of_json(one) for one in request.get("stretches", [])]
    if not (who and why and stretches):
        raise ValueError(f"giving up needs who, why and stretches, got {sorted(request)}")
    if any(one.pair.origin == region for one in stretches):
        raise ValueError(f"{region} accepted these records: the other region's reader misses them")
    lines = []
    for one in stretches:
        marker = marker_of(one, GivenUp(one.until, who, why, at_ms))
        headers: Headers = [("kind", b"marker"), *origin_headers(one.pair, one.after)]
        lines.append(LogRecord(*one.place, None, marker.to_bytes(), headers))
    writer.write(lines, at_ms)
    return {"markers": len(lines)}
