"""When a client leaves a replica to look for the writer (A16)."""

from __future__ import annotations

from lifeline.lambdas.failover.writer_search import SEARCH_SECONDS, WriterSearch


def test_it_leaves_a_replica_at_once_and_then_not_for_a_while() -> None:
    search = WriterSearch(lambda: 0.0)
    assert not search.leave(in_recovery=False, now=100.0)
    assert search.leave(in_recovery=True, now=100.0)
    assert not search.leave(in_recovery=True, now=100.0 + SEARCH_SECONDS - 0.1)
    assert search.leave(in_recovery=True, now=100.0 + SEARCH_SECONDS)


def test_clients_spread_over_half_as_long_again() -> None:
    search = WriterSearch(lambda: 0.8)
    assert search.leave(in_recovery=True, now=0.0)
    assert not search.leave(in_recovery=True, now=SEARCH_SECONDS * 1.4 - 0.1)
    assert search.leave(in_recovery=True, now=SEARCH_SECONDS * 1.4)
