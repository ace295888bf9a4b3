"""`python -m lifeline.services.query_api`: each command starts, any other word gets the usage."""

from __future__ import annotations

from importlib import import_module

import pytest

from lifeline.services.query_api.__main__ import COMMANDS, WITH_ARGUMENT, main
from tests.support.http_server import closed_port


@pytest.mark.parametrize("module", [*COMMANDS.values(), *WITH_ARGUMENT.values()])
def test_a_command_has_a_module_that_starts_it(module: str) -> None:
    assert callable(import_module(f"lifeline.services.query_api.{module}").main)


def test_the_health_check_ends_with_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERY_API_PORT", str(closed_port()))
    assert main(["healthy"]) == 1


@pytest.mark.parametrize("words", [["serve"], ["healthy", "now"], ["dead-letters"]])
def test_another_word_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert (
        "usage: python -m lifeline.services.query_api [healthy | dead-letters REQUEST]"
        in capsys.readouterr().err
    )
