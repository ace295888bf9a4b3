"""Where the library's own files lie: the same places in a checkout and in an installed wheel."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def package_folder() -> Path:
    """The folder of the package `lifeline`. Raises TypeError when it is not on a file system (a zip)."""
    folder = files("lifeline")
    if not isinstance(folder, Path):
        raise TypeError(
            f"Lifeline's files must lie on a file system, for the CDK to stage them; got {folder!r}. "
            "Install the wheel with pip instead of importing it from a zip archive."
        )
    return folder
