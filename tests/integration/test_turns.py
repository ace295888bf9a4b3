"""The lock that gives a test the machine: nobody beside it, and nobody before it who came later."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.turns import Turns

SOON = 0.3
"""Seconds after which a thread that could go on has gone on."""


@pytest.fixture
def turns(tmp_path: Path) -> Turns:
    return Turns(tmp_path)


def test_many_go_beside_each_other(turns: Turns) -> None:
    both = threading.Barrier(2, timeout=30)

    def go() -> None:
        with turns.beside_others():
            both.wait()  # breaks unless the other one is inside, too

    with ThreadPoolExecutor() as pool:
        for one in [pool.submit(go), pool.submit(go)]:
            one.result()


def test_who_is_alone_has_nobody_beside_it(turns: Turns) -> None:
    inside = threading.Event()

    def go() -> None:
        with turns.beside_others():
            inside.set()

    with ThreadPoolExecutor() as pool:
        with turns.alone():
            other = pool.submit(go)
            assert not inside.wait(SOON)
        other.result(timeout=30)


def test_who_waits_to_be_alone_is_passed_by_nobody(turns: Turns) -> None:
    order: list[str] = []

    def alone() -> None:
        with turns.alone():
            order.append("alone")

    def later() -> None:
        with turns.beside_others():
            order.append("later")

    with ThreadPoolExecutor() as pool:
        with turns.beside_others():
            first = pool.submit(alone)
            threading.Event().wait(SOON)
            second = pool.submit(later)
            threading.Event().wait(SOON)
            assert order == []
        first.result(timeout=30)
        second.result(timeout=30)
    assert order == ["alone", "later"]
