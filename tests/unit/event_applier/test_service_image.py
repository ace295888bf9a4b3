"""The image of the services holds every module of ours that its commands import."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contract.aws_calls import modules_from

ROOT = Path(__file__).resolve().parents[3]
APPLIER = ROOT / "services" / "event_applier"
COMMANDS = ("apply", "serve", "migrate", "healthy")


def copied() -> set[Path]:
    """What the Dockerfile copies out of the build's context."""
    text = (APPLIER / "Dockerfile").read_text()
    return {ROOT / one for one in re.findall(r"^COPY (?!--)(\S+)", text, re.MULTILINE)}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_finds_what_it_imports(command: str) -> None:
    needed = modules_from(APPLIER / f"{command}.py", ROOT, "lifeline.")
    assert len(needed) > 2
    held = copied()
    missing = [str(path.relative_to(ROOT)) for path in needed if not held & {path, *path.parents}]
    assert missing == []
