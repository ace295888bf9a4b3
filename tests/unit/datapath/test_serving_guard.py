"""A1 and C1 as a table: who may serve, by the server's clock and by the own one."""

from __future__ import annotations

from lifeline.services.event_applier.serving_guard import AuthorityRow, ServingGuard

ME, OTHER = "ca-central-1", "ca-west-1"


def guard() -> ServingGuard:
    return ServingGuard(ME, 20.0)


def test_serves_as_holder_with_a_young_renewal() -> None:
    assert guard().judge(AuthorityRow(1, ME, 5, 3.0), 100.0).may_serve


def test_stops_by_the_servers_clock() -> None:
    assert guard().judge(AuthorityRow(1, ME, 5, 19.9), 100.0).may_serve
    assert not guard().judge(AuthorityRow(1, ME, 5, 20.0), 100.0).may_serve


def test_stops_by_the_own_clock_and_resumes_when_renewals_move() -> None:
    one = guard()
    assert one.judge(AuthorityRow(1, ME, 5, 0.0), 100.0).may_serve
    assert one.judge(AuthorityRow(1, ME, 5, 0.0), 119.9).may_serve
    assert not one.judge(AuthorityRow(1, ME, 5, 0.0), 120.0).may_serve
    assert one.judge(AuthorityRow(1, ME, 6, 0.0), 121.0).may_serve


def test_never_serves_for_another_holder_nobody_or_no_row() -> None:
    assert not guard().judge(AuthorityRow(1, OTHER, 5, 0.0), 100.0).may_serve
    assert not guard().judge(AuthorityRow(0, "", 0, 0.0), 100.0).may_serve
    assert not guard().judge(None, 100.0).may_serve


def test_a_newer_epoch_is_told_once_and_an_older_row_waits() -> None:
    one = guard()
    assert one.judge(AuthorityRow(2, ME, 5, 0.0), 100.0).new_epoch
    assert not one.judge(AuthorityRow(2, ME, 6, 0.0), 101.0).new_epoch
    assert not one.judge(AuthorityRow(1, ME, 9, 0.0), 102.0).may_serve
    assert one.judge(AuthorityRow(3, ME, 1, 0.0), 103.0).new_epoch
