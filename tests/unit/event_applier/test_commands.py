"""`python -m lifeline.services.event_applier`: each command starts, any other word gets the usage."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from lifeline.services.event_applier.__main__ import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_a_module_that_starts_it(command: str) -> None:
    assert callable(import_module(f"lifeline.services.event_applier.{command}").main)


def test_the_health_check_ends_with_its_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALIVE_FILE", str(tmp_path / "alive"))
    assert main(["healthy"]) == 1


@pytest.mark.parametrize("words", [[], ["serve"], ["apply", "now"]])
def test_another_word_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    usage = "usage: python -m lifeline.services.event_applier apply|migrate|healthy"
    assert usage in capsys.readouterr().err
