"""What a file of tests must not leave behind in its process: each kind is found and named."""

from __future__ import annotations

import logging

import pytest

from lifeline.lambdas.stream_bridge import handler
from tests.support.leftovers import environment, leftovers


def test_nothing_is_left_by_who_puts_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = environment()
    monkeypatch.setenv("LIFELINE_LEFT", "x")
    monkeypatch.undo()
    assert leftovers(before) == []


def test_a_variable_that_came_went_or_changed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFELINE_CHANGED", "old")
    monkeypatch.setenv("LIFELINE_GONE", "old")
    before = environment()
    monkeypatch.setenv("LIFELINE_CHANGED", "new")
    monkeypatch.delenv("LIFELINE_GONE")
    monkeypatch.setenv("LIFELINE_NEW", "new")
    assert leftovers(before) == [
        "variable LIFELINE_CHANGED: 'old' became 'new'",
        "variable LIFELINE_GONE: 'old' became None",
        "variable LIFELINE_NEW: None became 'new'",
    ]


def test_a_functions_logger_with_another_level_is_named() -> None:
    """A world of `make holes` left the bridge's so, and another file's test heard nothing."""
    handler.logger.setLevel(logging.ERROR)
    try:
        [found] = leftovers(environment())
    finally:
        handler.logger.setLevel(logging.INFO)
    assert found == "lifeline.lambdas.stream_bridge.handler.logger logs from level 40"


def test_logging_that_is_disabled_is_named() -> None:
    logging.disable(logging.CRITICAL)
    try:
        assert leftovers(environment()) == ["logging is disabled"]
    finally:
        logging.disable(logging.NOTSET)
