"""Every profile with all packs attached, made once for the tests of this folder."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from functools import cache

import pytest

from tests.conftest import WORKER, Assembly, synthesize

PROFILES = [("dev", None), ("staging", None), ("prod", "123456789012")]
SUFFIX = "test"

Checked = Callable[[str, str | None], Assembly]


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """From a profile and an account to its assembly with every pack attached; made once for all workers."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if WORKER else own

    @cache
    def made(profile: str, account: str | None) -> Assembly:
        folder = shared / f"nag-{profile}"
        folder.mkdir(exist_ok=True)
        told = folder / "told.json"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not told.exists():
                arguments = ["--profile", profile, "--suffix", SUFFIX, "-c", "nag=true"]
                arguments += ["-c", f"account={account}"] if account else []
                new = synthesize(folder / "out", *arguments)
                assert (new.folder / "validation-report.json").is_file(), new.said[-4_000:]
                told.write_text(json.dumps([new.exit_code, new.said]))
        return Assembly(folder / "out", *json.loads(told.read_text()))

    return made
