"""The pages that were sent in a lab, read while it runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lab.engines import pages_file


@dataclass(frozen=True)
class SentPage:
    """One message of a topic. `at` is epoch seconds."""

    at: float
    region: str
    topic: str
    subject: str
    text: str


def sent_pages(workdir: Path) -> list[SentPage]:
    """Oldest first. A line that is being written is read the next time."""
    file = pages_file(workdir)
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    return [SentPage(**json.loads(line)) for line in lines if line.endswith("\n")]
