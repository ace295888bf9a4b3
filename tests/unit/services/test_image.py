"""The image of the services holds every module of ours that its commands import."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contract.aws_calls import modules_from

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ROOT / "services"
STARTED = [
    *(f"event_applier/{name}.py" for name in ("apply", "migrate", "healthy")),
    *(f"query_api/{name}.py" for name in ("service", "healthy")),
]


def copied() -> set[Path]:
    """What the Dockerfile copies out of the build's context."""
    text = (SERVICES / "Dockerfile").read_text()
    return {ROOT / one for one in re.findall(r"^COPY (?!--)(\S+)", text, re.MULTILINE)}


@pytest.mark.parametrize("started", STARTED)
def test_a_command_finds_what_it_imports(started: str) -> None:
    needed = modules_from(SERVICES / started, ROOT, "lifeline.")
    assert len(needed) > 2
    held = copied()
    missing = [str(path.relative_to(ROOT)) for path in needed if not held & {path, *path.parents}]
    assert missing == []
