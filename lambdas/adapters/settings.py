"""Reading a function's environment into frozen settings, naming every missing key at once."""

from __future__ import annotations

import os
from collections.abc import Iterable


def required(names: Iterable[str]) -> dict[str, str]:
    """The values of `names`. Raises KeyError naming all that are missing, not the first only."""
    found = {name: os.environ[name] for name in names if name in os.environ}
    missing = [name for name in names if name not in found]
    if missing:
        raise KeyError(f"the function's environment lacks {', '.join(missing)}")
    return found
