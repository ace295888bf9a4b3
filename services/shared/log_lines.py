"""JSON lines on stdout. No event, key or value of a patient is ever passed in here."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK

_lock = threading.Lock()


def say(message: str, **fields: Any) -> None:
    """Write one line: time, message, fields. Never raises: a closed pipe must not stop the work."""
    write_line(
        json.dumps({"at": round(SYSTEM_CLOCK.now(), 3), "message": message, **fields}, default=str)
    )


def write_line(line: str) -> None:
    """One whole line, whatever other threads write. Never raises."""
    try:
        with _lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except OSError:
        return
