"""`lifeline check-events`: judge events by the bridge's own code before an edge is connected.

One event a line in, one verdict a line out, in order. No value of an event is printed, AWS is not asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from lifeline.cli.failure import BadInput, Refused

EXIT_CODES = "Exit codes: 0 all are accepted · 1 some are rejected · 2 bad input · 130 interrupted."
STANDARD_INPUT = "-"


def verdicts(lines: Iterable[bytes], arrived_at: datetime) -> Iterator[dict[str, Any]]:
    """One for each line that is not empty: `accepted` with a topic, or `rejected` with reason and detail."""
    # Imported here: no other command needs the schemas' validator.
    from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
    from lifeline.lambdas.stream_bridge.validation import Accepted, judge

    schemas = load_schemas(schemas_folder())
    for number, line in enumerate(lines, start=1):
        raw = line.rstrip(b"\r\n")
        if not raw.strip():
            continue
        found = judge(raw, arrived_at, schemas)
        if isinstance(found, Accepted):
            yield {"line": number, "verdict": "accepted", "topic": found.topic}
        else:
            told = {"reason": found.reason, "detail": found.detail}
            yield {"line": number, "verdict": "rejected", **told}


def _instant(text: str) -> datetime:
    try:
        found: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} is no instant with a zone, such as 2026-11-21T12:00:00Z."
        )
    return found


def check_events(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE|-", help="One event's JSON a line; - reads standard input."),
    ],
    arrived_at: Annotated[
        datetime | None,
        typer.Option(
            parser=_instant,
            metavar="TIME",
            help="When the events arrive: their age is counted from it. Without it, now.",
        ),
    ] = None,
) -> None:
    """Judge events as the platform will: one JSON line in, one verdict line out."""
    rejected = 0
    with _opened(file) as source:
        for verdict in verdicts(source, arrived_at or datetime.now(UTC)):
            rejected += verdict["verdict"] == "rejected"
            print(json.dumps(verdict), flush=True)
    if rejected:
        raise Refused(f"check-events: {rejected} events would be rejected; `detail` says why.")


def _opened(file: str) -> BinaryIO:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from error
