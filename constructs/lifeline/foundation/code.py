"""The functions' code: one asset that all share, staged from sources and fetched packages.

The same sources make the same bytes: bytecode is left out and nothing is stamped with a time.
"""

from __future__ import annotations

import filecmp
import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / "build" / "lambda"
STAGED = BUILD / "functions"
NATIVE_LAYER = BUILD / "native"
SKIPPED_FOLDERS = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


@functools.cache
def functions_code() -> str:
    """The folder of the functions' asset, staged anew if a source changed.

    Raises ValueError when the packages were not fetched yet.
    """
    pure = _fetched("pure")
    wanted = dict(_files(pure))
    wanted.update(_files(ROOT / "lambdas"))
    wanted.update((Path("schemas") / name, path) for name, path in _files(ROOT / "schemas"))
    if not _is_staged(wanted):
        _stage(wanted)
    return str(STAGED)


def native_layer_code() -> str:
    """The folder of the native packages' layer. Raises ValueError when it was not fetched yet."""
    return str(_fetched("native"))


def _fetched(name: str) -> Path:
    folder = BUILD / name
    if not folder.is_dir():
        raise ValueError(
            f"The functions' packages are missing ({folder.relative_to(ROOT)}); run make setup."
        )
    return folder


def _files(folder: Path) -> Iterator[tuple[Path, Path]]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(here) / name
            if path.suffix != ".pyc" and not name.startswith("requirements"):
                yield path.relative_to(folder), path


def _is_staged(wanted: dict[Path, Path]) -> bool:
    staged = dict(_files(STAGED))
    if staged.keys() != wanted.keys():
        return False
    return all(filecmp.cmp(wanted[name], staged[name], shallow=False) for name in wanted)


def _stage(wanted: dict[Path, Path]) -> None:
    fresh = BUILD / f".functions.{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    for name, path in wanted.items():
        target = fresh / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o644)
    old = BUILD / f".functions.{os.getpid()}.old"
    if STAGED.exists():
        STAGED.rename(old)
    fresh.rename(STAGED)
    shutil.rmtree(old, ignore_errors=True)
