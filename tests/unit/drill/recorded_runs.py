"""Runs that were, as their evidence tells them: recorded/README.md says which."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "recorded"
KINDS = ("pass", "fail", "noop", "overloaded", "first_format")


def recorded(kind: str) -> dict[str, Any]:
    """The evidence of one of `KINDS`."""
    found: dict[str, Any] = json.loads(gzip.decompress((FOLDER / f"{kind}.json.gz").read_bytes()))
    return found
