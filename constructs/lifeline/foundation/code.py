"""The functions' code: one asset that all share, put together from the package's own files.

The same sources make the same bytes: bytecode is left out and nothing is stamped with a time. Nothing is
fetched: the packages that the functions need lie in `lifeline/_packages` (a wheel brings them, in a
checkout `make setup` makes them).
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lifeline.foundation.resources import package_folder

HANDLER_MODULE = "lifeline.lambdas.{package}.handler"
"""How a function's module is imported: the same name in a checkout, in the wheel and in Lambda (ADR 12)."""
SKIPPED_FOLDERS = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


@functools.cache
def functions_code() -> str:
    """The folder of the functions' asset, put together once a process and removed at its end.

    Raises ValueError when the packages were not fetched yet.
    """
    package = package_folder()
    wanted = dict(_files(_fetched("pure")))
    wanted[Path("lifeline/__init__.py")] = package / "__init__.py"
    for name in ("lambdas", "schemas"):
        inside = Path("lifeline") / name
        wanted.update((inside / one, path) for one, path in _files(package / name))
    staged = Path(tempfile.mkdtemp(prefix="lifeline-functions-"))
    atexit.register(shutil.rmtree, staged, ignore_errors=True)
    for one, path in wanted.items():
        target = staged / one
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o644)
    return str(staged)


def native_layer_code() -> str:
    """The folder of the native packages' layer. Raises ValueError when it was not fetched yet."""
    return str(_fetched("native").resolve())


def _fetched(name: str) -> Path:
    folder = package_folder() / "_packages" / name
    if not folder.is_dir():
        raise ValueError(
            f"The functions' packages are missing ({folder}). A wheel of Lifeline brings them; in a "
            "checkout run `make setup`."
        )
    return folder


def _files(folder: Path) -> Iterator[tuple[Path, Path]]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(here) / name
            if path.suffix != ".pyc" and not name.startswith("requirements"):
                yield path.relative_to(folder), path
