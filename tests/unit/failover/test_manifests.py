"""A tally counts each record once and stays small (B8)."""

from __future__ import annotations

import json
from functools import reduce

import pytest

from lifeline.lambdas.failover import manifests
from lifeline.lambdas.failover.manifests import Manifest, Tally, digest_of


def counted(*sequences: int) -> Manifest:
    """The digest of a record is its sequence."""
    return reduce(Manifest.and_one, sequences, Manifest())


def tally(*sequences: int) -> Tally:
    made = Tally()
    for sequence in sequences:
        assert made.add(sequence, sequence, 100 + sequence)
    return made


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most five exact records; the newest two stay exact."""
    monkeypatch.setattr(manifests, "MAX_EXACT", 5)
    monkeypatch.setattr(manifests, "KEPT_EXACT", 2)


def test_a_digest_is_of_the_place_and_of_the_bytes() -> None:
    assert digest_of(b"1", b"a") != digest_of(b"1", b"b") != digest_of(b"2", b"b")
    assert digest_of(b"1", b"2a") != digest_of(b"12", b"a")
    assert 0 <= digest_of(b"1", b"a") < 2**64


def test_manifests_add_up() -> None:
    assert counted(1, 2) + counted(4) == counted(1, 2, 4) == Manifest(3, 7)
    assert Manifest.restored(json.loads(json.dumps(Manifest(3, 2**63).saved()))) == Manifest(
        3, 2**63
    )


def test_an_empty_tally_is_read_from_nowhere() -> None:
    assert (len(Tally()), Tally().read_from(), Tally().manifest()) == (0, None, Manifest())


def test_a_record_counts_once() -> None:
    made = tally(3, 1)
    assert not made.add(3, 3, 999)
    assert (len(made), made.manifest(), made.read_from()) == (2, counted(1, 3), 101)


@pytest.mark.usefixtures("small")
def test_beyond_the_bound_the_oldest_are_folded_and_counted_on() -> None:
    made = tally(2, 1, 3, 4, 5)
    assert made.few(5)
    made.add(6, 6, 106)
    assert made.few(2), "the newest two are exact"
    assert not made.few(1)
    assert (len(made), made.manifest(), made.read_from()) == (6, counted(1, 2, 3, 4, 5, 6), 101)
    assert not made.add(4, 4, 104), "at the folded part's end: a repetition"
    for sequence in range(7, 11):
        made.add(sequence, sequence, 100 + sequence)
    assert made.manifest() == counted(*range(1, 11))
    assert made.read_from() == 101, "the lowest offset of the part that was folded first"


@pytest.mark.usefixtures("small")
def test_a_folded_part_is_taken_out_whole() -> None:
    for until, taken in ((0, counted()), (1, counted(1, 2, 3, 4)), (5, counted(1, 2, 3, 4, 5))):
        made = tally(1, 2, 3, 4, 5, 6)
        assert made.split(until).manifest() == taken, until
        assert made.manifest() + taken == counted(1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("exact", [0, 2, 10])
def test_what_was_saved_counts_on(exact: int) -> None:
    made = tally(1, 2, 3)
    again = Tally.restored(json.loads(json.dumps(made.saved(exact))))
    assert again.few(0) == (exact < 3), "more than `exact` are saved as one"
    for one in (made, again):
        assert not one.add(3, 3, 103)
        one.add(4, 4, 104)
        assert (len(one), one.manifest(), one.read_from()) == (4, counted(1, 2, 3, 4), 101)
    assert made.split(1).manifest() == counted(1), "saving changed nothing"
