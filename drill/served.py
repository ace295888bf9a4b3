"""The stored events as the survivor's API gives them: for a target whose database nobody outside reaches.

Each event that was sent is asked for by its id. What was never sent is not seen so, nor the order in which
events were applied: those objectives are then not examined.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from drill import ledger
from drill.edge_api import Address, Answer, EdgeApi
from drill.envelope import digest_of, parsed
from drill.stored import Stored

WORKERS = 8
PAUSE_SECONDS = 1.0


class NotAnswered(Exception):
    """Of some events nobody knows whether they are stored."""


def sent_ids(journals: Sequence[Path]) -> list[str]:
    """Every event that edges sent, once."""
    return list(
        dict.fromkeys(
            str(row[1])
            for folder in journals
            for entry in ledger.read(folder)
            if entry[0] == "s"
            for row in entry[2]
            if row[1]
        )
    )


def rows(
    address: Address,
    ids: Sequence[str],
    *,
    settle_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Stored]:
    """Each of `ids` that is stored. What the first round did not find is asked for again for a while.

    Raises NotAnswered at the end when some had neither a yes nor a no.
    """
    left: list[str] = list(ids)
    deadline: float | None = None
    own = threading.local()

    def ask(event_id: str) -> tuple[str, int, Stored | None]:
        if not hasattr(own, "api"):
            own.api = EdgeApi(address)
        answer = own.api.event(event_id)
        return event_id, answer.status, _row(answer) if answer.status == 200 else None

    with ThreadPoolExecutor(WORKERS) as beside:
        while left:
            missing: list[str] = []
            unknown: list[str] = []
            for event_id, status, found in beside.map(ask, left):
                if found is not None:
                    yield found
                else:
                    (missing if status == 404 else unknown).append(event_id)
            left = [*missing, *unknown]
            # How long a round takes depends on how many there are.
            deadline = clock() + settle_seconds if deadline is None else deadline
            if left and clock() > deadline:
                break
            if left:
                pause(PAUSE_SECONDS)
    if left and unknown:
        raise NotAnswered(
            f"{len(unknown)} events were neither found nor missing within {settle_seconds:g} s"
        )


def _row(answer: Answer) -> Stored:
    body = answer.body
    occurred = datetime.fromisoformat(str(body["occurredOn"]).replace("Z", "+00:00"))
    whole, fraction = int(occurred.timestamp()), occurred.microsecond
    return Stored(
        event_id=str(body["eventId"]),
        occurred_us=whole * 1_000_000 + fraction,
        aggregate_id=str(body["aggregateId"]),
        sequence=int(body["sequence"]),
        digest=digest_of(parsed(answer.raw)),
        origin=str(body["origin"]),
        apply_no=int(body["sequence"]),
    )
