"""A1 and C1 as a table: who may serve, by the server's clock and by the own one."""

from __future__ import annotations

import pytest

from lifeline.lambdas.failover.writer_search import SEARCH_SECONDS, WriterSearch
from lifeline.services.shared.serving_guard import AuthorityRow, ServingGuard

ME, OTHER = "ca-central-1", "ca-west-1"


def guard() -> ServingGuard:
    return ServingGuard(ME, 20.0)


def test_serves_as_holder_with_a_young_renewal() -> None:
    assert guard().judge(AuthorityRow(1, ME, 5, 3.0, False), 100.0).may_serve


def test_stops_by_the_servers_clock() -> None:
    assert guard().judge(AuthorityRow(1, ME, 5, 19.9, False), 100.0).may_serve
    assert not guard().judge(AuthorityRow(1, ME, 5, 20.0, False), 100.0).may_serve


def test_stops_by_the_own_clock_and_resumes_when_renewals_move() -> None:
    one = guard()
    assert one.judge(AuthorityRow(1, ME, 5, 0.0, False), 100.0).may_serve
    assert one.judge(AuthorityRow(1, ME, 5, 0.0, False), 119.9).may_serve
    assert not one.judge(AuthorityRow(1, ME, 5, 0.0, False), 120.0).may_serve
    assert one.judge(AuthorityRow(1, ME, 6, 0.0, False), 121.0).may_serve


def test_never_serves_for_another_holder_nobody_or_no_row() -> None:
    assert not guard().judge(AuthorityRow(1, OTHER, 5, 0.0, False), 100.0).may_serve
    assert not guard().judge(AuthorityRow(0, "", 0, 0.0, False), 100.0).may_serve
    assert not guard().judge(None, 100.0).may_serve


def test_a_newer_epoch_is_told_once_and_an_older_row_waits() -> None:
    one = guard()
    assert one.judge(AuthorityRow(2, ME, 5, 0.0, False), 100.0).new_epoch
    assert not one.judge(AuthorityRow(2, ME, 6, 0.0, False), 101.0).new_epoch
    assert not one.judge(AuthorityRow(1, ME, 9, 0.0, False), 102.0).may_serve
    assert one.judge(AuthorityRow(3, ME, 1, 0.0, False), 103.0).new_epoch


@pytest.mark.parametrize("holder", [ME, OTHER, ""])
def test_a_database_in_recovery_never_serves(holder: str) -> None:
    """A16: the row of a fenced writer replicates, so a replica's row alone can name this region."""
    permission = guard().judge(AuthorityRow(2, holder, 5, 0.0, True), 100.0)
    assert not permission.may_serve
    assert permission.in_recovery
    assert permission.reason == "the server is in recovery"


def test_a_row_in_recovery_starts_no_clock_and_forgets_no_epoch() -> None:
    """A16: a replica's older row must not make the writer's same renewal look new."""
    one = guard()
    assert one.judge(AuthorityRow(2, ME, 5, 0.0, False), 100.0).may_serve
    assert not one.judge(AuthorityRow(1, ME, 4, 0.0, True), 110.0).may_serve
    assert one.epoch == 2
    assert not one.judge(AuthorityRow(2, ME, 5, 0.0, False), 120.0).may_serve
    assert one.judge(AuthorityRow(3, "", 5, 0.0, True), 121.0).new_epoch
    assert not one.judge(AuthorityRow(2, ME, 6, 0.0, False), 122.0).may_serve


def test_the_connection_to_a_replica_is_left_at_once_and_then_seldom() -> None:
    """A16: at most every 5 s, jittered, so that a whole region's clients do not connect together."""
    search = WriterSearch(jitter=lambda: 0.5)
    assert not search.leave(in_recovery=False, now=0.0)
    assert search.leave(in_recovery=True, now=0.0)
    assert not search.leave(in_recovery=True, now=SEARCH_SECONDS)
    assert not search.leave(in_recovery=False, now=SEARCH_SECONDS * 1.5)
    assert search.leave(in_recovery=True, now=SEARCH_SECONDS * 1.5)
