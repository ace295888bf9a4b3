"""The journal: durable before sent, right after any crash, bounded on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill import ledger
from drill.envelope import Event
from drill.journal import Journal, JournalFull
from drill.receipt import Receipt


def event(number: int, size: int = 50) -> Event:
    raw = f"{number}:".encode().ljust(size, b".")
    return Event(number, f"id-{number}", number, f"p-{number % 3}", number, raw, "d")


def receipt(number: int, region: str = "home") -> Receipt:
    return Receipt(region, "1", "s", number)


def states(journal: Journal) -> dict[int, Receipt | None]:
    return {number: kept.receipt for number, kept in journal.kept.items()}


actions = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 5)),
        st.tuples(st.just("accept"), st.integers(1, 30)),
        st.tuples(st.just("safe"), st.integers(1, 30)),
        st.tuples(st.just("refuse"), st.integers(1, 30)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(actions)
def test_reopened_at_any_moment_it_knows_the_same(
    tmp_path_factory: pytest.TempPathFactory, script: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, fsync=False, segment_bytes=200)
    last = 0
    for action, value in script:
        if action == "append":
            journal.append([event(last + n) for n in range(1, value + 1)])
            last += value
        elif action == "accept" and value in journal.kept:
            journal.accepted([(value, receipt(value))])
        elif action == "safe":
            journal.safe([value])
        elif action == "refuse" and value in journal.kept:
            journal.refused("home", value, 413)
        elif action == "reopen":
            journal.close()
            journal = Journal(folder, fsync=False, segment_bytes=200)
        before = states(journal)
        raws = journal.raws(before)
        assert all(raws[number] == event(number).raw for number in before)
        journal.sync()
        copy = Journal(folder, fsync=False, segment_bytes=200)
        assert states(copy) == before
        assert copy.last_number == last
        copy.close()
    journal.close()


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(1, 400))
def test_a_torn_write_loses_no_event_that_was_sent(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    journal = Journal(folder, fsync=False)
    journal.append([event(1), event(2)])
    durable = (folder / ledger.NAME).stat().st_size
    journal.append([event(3)])
    journal.close()
    path = folder / ledger.NAME
    path.write_bytes(path.read_bytes()[: max(durable, path.stat().st_size - cut)])
    again = Journal(folder, fsync=False)
    assert {1, 2} <= set(again.kept)
    again.append([event(again.last_number + 1)])
    again.close()
    lines = list(ledger.read(folder))
    assert [row[0] for entry in lines for row in entry[2]] == list(range(1, again.last_number + 1))


def test_segments_go_when_all_of_them_is_safe(tmp_path: Path) -> None:
    journal = Journal(tmp_path, fsync=False, segment_bytes=300)
    for number in range(1, 31):
        journal.append([event(number)])
    assert len(list(tmp_path.glob("segment-*"))) > 3
    journal.safe(range(1, 31))
    assert len(list(tmp_path.glob("segment-*"))) == 1
    journal.close()


def test_a_full_disk_drops_accepted_before_unaccepted(tmp_path: Path) -> None:
    journal = Journal(tmp_path, fsync=False, segment_bytes=300, disk_limit_bytes=1_300)
    for number in range(1, 21):
        journal.append([event(number)])
        if number % 2:
            journal.accepted([(number, receipt(number))])
    for number in range(21, 31):
        journal.append([event(number)])
    unaccepted = {n for n in range(1, 31) if n > 20 or n % 2 == 0}
    assert unaccepted <= set(journal.kept) < set(range(1, 31)), "there was no room for all"
    assert journal.bytes_kept <= 1_300
    raws = journal.raws(unaccepted)
    assert all(raws[number] == event(number).raw for number in unaccepted)
    before = states(journal)
    journal.close()
    again = Journal(tmp_path, fsync=False)
    assert states(again) == before
    again.close()


def test_an_edge_warns_at_half_of_its_disk(tmp_path: Path) -> None:
    """B19: what is left lasts as long as it took until now."""
    journal = Journal(tmp_path, fsync=False, segment_bytes=300, disk_limit_bytes=4_000)
    numbers = iter(range(1, 100))
    while journal.bytes_kept <= 2_000:
        assert not journal.half_full
        journal.append([event(next(numbers))])
    assert journal.half_full
    journal.safe(list(journal.kept))
    journal.append([event(next(numbers))])
    assert not journal.half_full
    journal.close()


def test_a_full_disk_of_unaccepted_events_refuses_in_words(tmp_path: Path) -> None:
    journal = Journal(tmp_path, fsync=False, segment_bytes=300, disk_limit_bytes=1_000)
    journal.append([event(number) for number in range(1, 10)])
    with pytest.raises(JournalFull, match="disk limit of 1000 bytes"):
        journal.append([event(number) for number in range(10, 20)])
    journal.close()


def ledger_of(tmp_path: Path, text: bytes) -> list[Any]:
    (tmp_path / ledger.NAME).write_bytes(text)
    return list(ledger.read(tmp_path))


def test_a_ledger_whose_last_line_is_torn_is_read_to_there(tmp_path: Path) -> None:
    """The edge died writing it: cut within the line, or before its end."""
    whole = b'["f",1,[[1,2]]]\n["f",2,[[3,3]]]\n'
    assert ledger_of(tmp_path, whole) == [["f", 1, [[1, 2]]], ["f", 2, [[3, 3]]]]
    assert ledger_of(tmp_path, whole[:-1]) == [["f", 1, [[1, 2]]]]
    assert ledger_of(tmp_path, whole[:-4]) == [["f", 1, [[1, 2]]]]
    assert ledger_of(tmp_path, b"") == []


def test_a_ledger_that_is_broken_before_its_last_line_is_no_evidence(tmp_path: Path) -> None:
    for lines in (b'torn\n["f",1,[]]\n', b'torn\n["f",1,[]]\n["f",1,[]]\n', b"torn\nand torn"):
        with pytest.raises(ValueError, match="line 1 cannot be read"):
            ledger_of(tmp_path, lines)
    with pytest.raises(ValueError, match="line 2 cannot be read"):
        ledger_of(tmp_path, b'["f",1,[]]\n{\n["f",1,[]]\n')


def test_without_a_ledger_nothing_was_sent(tmp_path: Path) -> None:
    assert list(ledger.read(tmp_path)) == []
