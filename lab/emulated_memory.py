"""What the emulator knows, written down while it runs, so that a later one begins there.

Runs in the emulator's process. The emulator saves by itself only when it ends; here a signal makes it
save, and says in a file when all of it is written, or what was not.
"""

from __future__ import annotations

import pickle
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SAVE_SIGNAL = signal.SIGUSR1
SAVED = "saved"
"""The file that says so; what is in it is what went wrong."""
CACHES = "global-caches.pickle"
TRIES = 5
"""A service that is being called while it is copied is copied again."""


def save_when_told(
    services: Callable[[], Mapping[str, Callable[[], Any]]],
    save_state: Callable[[str, Any], None],
    caches: dict[str, Any],
    folder: Path,
) -> None:
    """`services`: by name, what copies a service's state; `save_state` writes one; `caches`: ours."""

    def save() -> None:
        wrong = [
            f"{name}: {error}"
            for name, state in services().items()
            if (error := _saved(name, state, save_state, folder))
        ]
        (folder / CACHES).write_bytes(pickle.dumps(caches))
        scratch = folder / f"{SAVED}.tmp"
        scratch.write_text("\n".join(wrong))
        scratch.replace(folder / SAVED)

    signal.signal(SAVE_SIGNAL, lambda *_: threading.Thread(target=save, daemon=True).start())


def _saved(
    name: str, state: Callable[[], Any], save_state: Callable[[str, Any], None], folder: Path
) -> str:
    """Empty when it was; a service that says that it has nothing is saved, too."""
    error = ""
    for _ in range(TRIES):
        try:
            copied = state()
        except Exception as raised:
            error = repr(raised)
            continue
        if copied is None:
            return ""
        file = folder / f"{name}.json"
        file.unlink(missing_ok=True)
        save_state(name, copied)
        # The emulator logs an error of its writing, and goes on.
        if file.is_file():
            return ""
        error = "it was not written"
    return error


def remembered_caches(folder: Path) -> dict[str, Any]:
    """What `save_when_told` kept of the global caches; empty in a new account."""
    file = folder / CACHES
    found: dict[str, Any] = pickle.loads(file.read_bytes()) if file.is_file() else {}
    return found
