"""What the database could not do in one transaction does not come again as one (B23)."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.services.event_applier.batch import LogRecord, Place
from lifeline.services.event_applier.pace import ALONE_FAILURES, FORGETS_AFTER, Pace

MOST = 64
COUNT = 100


def records(first: int, count: int, partition: int = 0) -> list[LogRecord]:
    return [LogRecord("t", partition, first + n, 0, b"", []) for n in range(count)]


PLACES = (("t", 0), ("t", 1))


class Log:
    """Two partitions, read in an order that chance draws; a failure restarts both at their last positions."""

    def __init__(self, chance: Random, grid: int, saves: float) -> None:
        self.chance, self.grid, self.saves = chance, grid, saves
        self.at = dict.fromkeys(PLACES, 0)
        self.saved = dict.fromkeys(PLACES, 0)
        self.stored: dict[Place, set[int]] = {place: set() for place in PLACES}

    def read(self, limit: int) -> list[LogRecord]:
        found: list[LogRecord] = []
        for place in self.chance.sample(PLACES, 2):
            count = min(self.chance.randint(0, limit - len(found)), COUNT - self.at[place])
            found += records(self.at[place], count, place[1])
        return found

    def store(self, batch: list[LogRecord], *, heard: bool) -> None:
        for one in batch:
            self.stored[one.topic, one.partition].add(one.offset)
        for place in PLACES:
            ends = [one.offset + 1 for one in batch if (one.topic, one.partition) == place]
            self.at[place] = max([self.at[place], *ends])
            # Positions are saved with a marker, and where a marker lies only the log knows.
            if ends and self.chance.random() < (self.saves if heard else 0.5):
                self.saved[place] = self.at[place]
            self.saved[place] = max(self.saved[place], self.at[place] // self.grid * self.grid)

    def restart(self) -> None:
        self.at = dict(self.saved)


@settings(deadline=None)
@given(
    culprits=st.sets(st.tuples(st.sampled_from(PLACES), st.integers(0, 99)), max_size=4),
    most_at_once=st.integers(1, 100),
    grid=st.integers(1, 101),
    saves=st.sampled_from((0.0, 0.2)),
    lost=st.floats(0.0, 0.3),
    seed=st.integers(0, 2**32),
)
def test_whatever_the_database_cannot_do_all_is_stored_and_as_little_as_may_be_plainly(
    culprits: set[tuple[Place, int]],
    most_at_once: int,
    grid: int,
    saves: float,
    lost: float,
    seed: int,
) -> None:
    """`culprits` fail whole; a batch of more than `most_at_once` does, too; of `lost` the answer is lost
    although they are stored. Nothing is ever unlearnt by what comes in another order."""
    chance = Random(seed)
    pace, log = Pace(MOST), Log(chance, grid, saves)
    plainly: set[tuple[Place, int]] = set()
    for transaction in range(10_000):
        if all(len(log.stored[place]) == COUNT for place in PLACES):
            break
        batch = log.read(pace.records)
        batch = batch[: pace.together(batch)]
        if not batch:
            continue
        plain = pace.is_plain(batch)
        its = {((one.topic, one.partition), one.offset) for one in batch}
        if (not plain and culprits & its) or len(batch) > most_at_once:
            pace.failed(batch)
            log.restart()
            continue
        heard = transaction > 200 or chance.random() >= lost
        log.store(batch, heard=heard)
        if heard:
            pace.applied(batch)
        else:
            pace.failed(batch)
            log.restart()
        plainly |= its if plain else set()
    assert {place: len(stored) for place, stored in log.stored.items()} == dict.fromkeys(
        PLACES, COUNT
    )
    assert plainly >= culprits
    assert lost or plainly == culprits


def test_a_lost_answer_slows_nobody_down() -> None:
    """What failed was stored: it never comes again, and what comes is read at full size (found by seed 5030
    of the path world: one record at a time, for ever)."""
    pace = Pace(MOST)
    for _ in range(8):
        pace.failed([*records(0, 4), *records(0, 4, partition=1)])
    sizes, first = [], 4
    for _ in range(60):
        batch = records(first, pace.records, partition=1)
        batch = batch[: pace.together(batch)]
        pace.applied(batch)
        sizes.append(len(batch))
        first += len(batch)
    assert sizes[-1] == MOST


def test_the_others_of_a_failed_batch_are_stored_in_a_few_transactions() -> None:
    pace, at, transactions = Pace(MOST), 0, 0
    while at < MOST:
        batch = records(at, min(pace.records, MOST - at))
        batch = batch[: pace.together(batch)]
        transactions += 1
        if any(one.offset == 40 for one in batch) and not pace.is_plain(batch):
            pace.failed(batch)
            at = 0
            continue
        pace.applied(batch)
        at += len(batch)
    assert transactions < 60  # 64 of one record each, and what is read again, were 300


def test_suspects_and_others_are_never_of_one_transaction() -> None:
    pace = Pace(MOST)
    pace.failed(records(0, 4))
    assert pace.together([*records(2, 2), *records(4, 2)]) == 2
    assert pace.together([*records(0, 2, partition=1), *records(0, 2)]) == 2


def test_what_another_task_has_now_is_no_suspect() -> None:
    pace = Pace(MOST)
    pace.failed([*records(0, 4), *records(0, 4, partition=1)])
    pace.keep_only([("t", 1)])
    assert pace.together([*records(3, 1), *records(4, 1)]) == 2
    assert pace.together([*records(3, 1, partition=1), *records(4, 1, partition=1)]) == 1


def test_after_a_thousand_successes_what_failed_before_is_forgotten() -> None:
    pace, alone = Pace(MOST), records(3, 1)
    for _ in range(ALONE_FAILURES):
        pace.failed(alone)
    for first in range(FORGETS_AFTER):
        assert pace.is_plain(alone)
        pace.applied(records(10 + first, 1))
    assert not pace.is_plain(alone)
    assert pace.records == pace.together(records(0, MOST)) == MOST


def test_one_failure_of_a_record_alone_is_not_enough() -> None:
    pace, alone = Pace(MOST), records(3, 1)
    for _ in range(ALONE_FAILURES):
        assert not pace.is_plain(alone)
        pace.failed(alone)
        pace.applied(records(0, 1))
    assert pace.is_plain(alone)
    assert not pace.is_plain(records(4, 1))
    assert not pace.is_plain(records(3, 2))
