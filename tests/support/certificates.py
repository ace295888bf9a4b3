"""The authority that signs for the servers of this process's tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from lab.certificates import Authority


@cache
def authority() -> Authority:
    """Its folder goes when the process ends."""
    folder = tempfile.mkdtemp(prefix="lifeline-certificates-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Authority(Path(folder))


def ca_file() -> str:
    """Whom a connection to the tests' servers believes."""
    return str(authority().ca_file)
