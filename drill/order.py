"""Order violations (C5): events of one aggregate applied out of `sequence` without a resend to explain it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Applied:
    """One stored event in the order of application. `late`: the journal says it was sent again."""

    aggregate_id: str
    sequence: int
    event_id: str
    late: bool


@dataclass(frozen=True, slots=True)
class OrderViolation:
    """`event_id` was applied after a higher sequence of its aggregate, and nothing explains it."""

    aggregate_id: str
    event_id: str
    sequence: int
    after_sequence: int


def order_violations(applied: Iterable[Applied]) -> Iterator[OrderViolation]:
    """`applied` must come grouped by aggregate and, within one, by `apply_no`. Needs constant memory."""
    aggregate_id: str | None = None
    highest = 0
    for one in applied:
        if one.aggregate_id != aggregate_id:
            aggregate_id, highest = one.aggregate_id, one.sequence
            continue
        if one.sequence < highest and not one.late:
            yield OrderViolation(one.aggregate_id, one.event_id, one.sequence, highest)
        highest = max(highest, one.sequence)
