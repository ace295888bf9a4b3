"""How a part of the bench hands over its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bench.figures import table


def write(found: Mapping[str, float], file: Path | None) -> int:
    """Print them, or write them for `python -m bench`. The exit status."""
    if file is None:
        print(table(found))
    else:
        file.write_text(json.dumps(dict(found)))
    return 0
