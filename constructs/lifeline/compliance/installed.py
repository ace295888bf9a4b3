"""Where a package is installed, without importing it: cdk-nag's import would start a Node process."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def folder_of(package: str) -> Path:
    """The folder of an installed package. Raises ModuleNotFoundError if it is not there."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed; requirements.txt names it.")
    return Path(found.origin).parent
