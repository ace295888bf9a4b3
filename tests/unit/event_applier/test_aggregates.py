"""What a batch says of its aggregates before the database is asked (C4)."""

from __future__ import annotations

import random

from lifeline.services.event_applier.aggregates import Newest, newest_of
from lifeline.services.event_applier.batch import Envelope, batch_of
from lifeline.services.event_applier.wild_sequences import Key
from tests.integration.datapath.log_records import event_body, event_record


def events(*sequences: tuple[str, int]) -> list[Envelope]:
    """Of the batch that has them in this order, each with an id of its own."""
    bodies = [event_body(n, name) | {"sequence": s} for n, (name, s) in enumerate(sequences)]
    return batch_of(event_record(n, body) for n, body in enumerate(bodies)).envelopes


def shown(found: dict[Key, Newest]) -> dict[str, tuple[list[int], int, int]]:
    return {
        key[1]: ([event.sequence for event in one.last], one.first, one.events)
        for key, one in found.items()
    }


def test_the_highest_the_lowest_and_how_many_of_each() -> None:
    found: dict[Key, Newest] = {}
    newest_of(events(("a", 5), ("b", 7), ("a", 3), ("a", 9), ("b", 8)), found)
    assert shown(found) == {"a": ([9], 3, 3), "b": ([8], 7, 2)}


def test_two_with_the_highest_sequence_are_both_left_to_the_database() -> None:
    found: dict[Key, Newest] = {}
    newest_of(events(("a", 5), ("a", 6), ("a", 6), ("a", 2)), found)
    assert shown(found) == {"a": ([6, 6], 2, 4)}


def test_parts_one_after_the_other_say_what_all_at_once_says() -> None:
    chance = random.Random(3)
    all_of_them = events(*((f"p-{chance.randrange(5)}", chance.randrange(9)) for _ in range(80)))
    whole: dict[Key, Newest] = {}
    newest_of(all_of_them, whole)
    for size in (1, 7, 80):
        parts: dict[Key, Newest] = {}
        for start in range(0, 80, size):
            newest_of(all_of_them[start : start + size], parts)
        assert parts == whole
