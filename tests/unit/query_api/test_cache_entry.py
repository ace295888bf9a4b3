"""The seal of a cache's entries: a cache that lies says nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.services.query_api.cache_entry import Kind, Seal, Unusable, epoch_of

SECRET = "s" * 40
CONTENT = b'[{"code": "8867-4", "value": 61.50}]'


@pytest.fixture(scope="module")
def seal() -> Seal:
    return Seal(SECRET)


def test_what_was_written_is_read_under_its_name_at_its_epoch(seal: Seal) -> None:
    name = seal.name(Kind.VITAL_SIGNS, "p-1")
    entry = seal.sealed(name, 7, CONTENT)
    assert seal.opened(name, 7, entry) == CONTENT
    assert epoch_of(entry) == 7
    assert Seal(SECRET).opened(name, 7, entry) == CONTENT, "another task of the service"


@pytest.mark.parametrize("served", [6, 8, 0])
def test_an_entry_of_another_epoch_does_not_count(seal: Seal, served: int) -> None:
    """A1: after a failover what the lost region wrote is refused, though the seal holds."""
    name = seal.name(Kind.VITAL_SIGNS, "p-1")
    assert seal.opened(name, served, seal.sealed(name, 7, CONTENT)) is Unusable.STALE


def test_an_entry_that_says_another_epoch_than_it_was_sealed_at_does_not_count(seal: Seal) -> None:
    name = seal.name(Kind.VITAL_SIGNS, "p-1")
    raised = seal.sealed(name, 6, CONTENT).replace(b"6 ", b"7 ", 1)
    assert epoch_of(raised) == 7
    assert seal.opened(name, 7, raised) is Unusable.UNREADABLE


def test_another_patients_entry_under_this_name_does_not_count(seal: Seal) -> None:
    mine, theirs = (seal.name(Kind.VITAL_SIGNS, one) for one in ("p-1", "p-2"))
    assert seal.opened(mine, 7, seal.sealed(theirs, 7, CONTENT)) is Unusable.UNREADABLE
    session = seal.name(Kind.SESSION, "p-1")
    assert seal.opened(mine, 7, seal.sealed(session, 7, CONTENT)) is Unusable.UNREADABLE


def test_an_entry_of_another_secret_does_not_count(seal: Seal) -> None:
    name = seal.name(Kind.VITAL_SIGNS, "p-1")
    other = Seal("t" * 40)
    assert other.name(Kind.VITAL_SIGNS, "p-1") != name
    assert seal.opened(name, 7, other.sealed(name, 7, CONTENT)) is Unusable.UNREADABLE


def test_neither_name_nor_entry_shows_whose_it_is_or_what_it_says(seal: Seal) -> None:
    name = seal.name(Kind.VITAL_SIGNS, "patient-4711")
    entry = seal.sealed(name, 7, CONTENT)
    assert "4711" not in name
    assert b"8867-4" not in entry
    assert entry != seal.sealed(name, 7, CONTENT), "two writes of the same look alike"


@given(entry=st.one_of(st.binary(max_size=200), st.text(), st.none(), st.integers()))
def test_garbage_is_unreadable_and_raises_nothing(entry: object) -> None:
    seal = Seal(SECRET)
    assert isinstance(seal.opened(seal.name(Kind.SESSION, "t"), 7, entry), Unusable)


@given(at=st.integers(0, 90), bit=st.integers(0, 7))
def test_one_turned_bit_is_enough(at: int, bit: int) -> None:
    seal = Seal(SECRET)
    name = seal.name(Kind.SESSION, "t")
    entry = bytearray(seal.sealed(name, 7, CONTENT))
    entry[at % len(entry)] ^= 1 << bit
    assert isinstance(seal.opened(name, 7, bytes(entry)), Unusable)


def test_a_short_secret_is_refused_with_what_is_needed() -> None:
    with pytest.raises(ValueError, match="has 5 characters; needed are at least 32"):
        Seal("short")
