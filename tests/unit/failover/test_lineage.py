"""Which shards count: a parent until all its descendants have markers, a child through its parents (B24)."""

from __future__ import annotations

from lifeline.lambdas.failover.lineage import Lineage


def lineage(parents: dict[str, tuple[str, ...]], shards: tuple[str, ...] = ()) -> Lineage:
    made = Lineage()
    made.declare(shards, parents)
    return made


def test_a_parent_counts_until_both_halves_have_markers() -> None:
    made = lineage({"p": (), "a": ("p",), "b": ("p",)})
    assert made.retired({"p", "a"}) == set()
    assert made.retired({"p", "a", "b"}) == {"p"}


def test_both_parents_of_a_merge_retire_with_their_child() -> None:
    made = lineage({"p": (), "q": (), "c": ("p", "q")})
    assert made.retired({"p", "q"}) == set()
    assert made.retired({"c"}) == {"p", "q"}


def test_a_short_lived_shard_never_gets_a_marker() -> None:
    """A reshard that is made of a split and a merge."""
    made = lineage({"p": (), "q": (), "i": ("p",), "j": ("p",), "c": ("j", "q")})
    assert made.retired({"p", "q", "c"}) == {"j", "q"}, "i has no marker yet, so p stands for it"
    assert made.retired({"p", "q", "c", "i"}) == {"p", "j", "q"}


def test_a_child_without_a_marker_stands_where_its_parents_do() -> None:
    made = lineage({"p": (), "q": (), "c": ("p", "q")})
    assert made.unplaced({"p", "q"}) == set()
    assert made.unplaced({"p"}) == {"q", "c"}


def test_a_declared_shard_without_parents_and_marker_stands_nowhere() -> None:
    made = Lineage()
    made.declare(("a", "b"), None)
    assert made.unplaced({"a"}) == {"b"}


def test_half_of_a_split_that_is_said_later_is_not_forgotten() -> None:
    made = lineage({"p": (), "a": ("p",)}, ("a",))
    made.declare(("a", "b"), {"p": (), "a": ("p",), "b": ("p",)})
    assert made.retired({"a"}) == set()


def test_what_is_listed_no_more_goes_once_it_counts_no_more() -> None:
    made = lineage({"p": (), "a": ("p",), "b": ("p",)}, ("a", "b"))
    made.declare(("a", "b"), {"a": (), "b": ()})
    made.forget({"a"})
    assert set(made.saved()) == {"p", "a", "b"}
    made.forget({"a", "b"})
    assert set(made.saved()) == {"a", "b"}


def test_what_is_listed_is_kept() -> None:
    made = lineage({"p": (), "a": ("p",), "b": ("p",)}, ("a", "b"))
    made.forget({"a", "b"})
    assert set(made.saved()) == {"p", "a", "b"}


def test_a_circle_retires_nothing() -> None:
    made = lineage({"p": ("a",), "a": ("p",)})
    assert made.retired(set()) == set()
    assert made.unplaced(set()) == {"p", "a"}


def test_a_new_stream_counts_alone_once_all_its_shards_have_markers() -> None:
    made = lineage({"p": (), "a": ("p",), "b": ("p",)})
    assert not made.all_open({"a"})
    assert made.all_open({"a", "b"})
    assert not Lineage().all_open(set())


def test_it_is_saved_and_goes_on() -> None:
    made = lineage({"p": (), "a": ("p",), "b": ("p",)})
    again = Lineage.restored(made.saved())
    assert again.retired({"a", "b"}) == {"p"}
