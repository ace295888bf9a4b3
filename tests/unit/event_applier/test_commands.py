"""`python -m lifeline.services.event_applier`: each command starts, any other word gets the usage."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from lifeline.services.event_applier.__main__ import COMMANDS, WITH_ARGUMENT, main


@pytest.mark.parametrize("command", [*COMMANDS, *WITH_ARGUMENT])
def test_a_command_has_a_module_that_starts_it(command: str) -> None:
    assert callable(import_module(f"lifeline.services.event_applier.{command}").main)


def test_the_health_check_ends_with_its_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALIVE_FILE", str(tmp_path / "alive"))
    assert main(["healthy"]) == 1


def test_a_task_is_handed_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewind", '{"to_ms": 1}']) == 2
    assert "rewind: no request: 'run'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["serve"], ["apply", "now"], ["rewind"]])
def test_another_word_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    usage = "usage: python -m lifeline.services.event_applier apply|migrate|healthy|rewind REQUEST"
    assert usage in capsys.readouterr().err
