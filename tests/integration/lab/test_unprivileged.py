"""The drill stage's engine starts where a build runs: no root, no capability, no user namespace (N15)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lab import postgres
from lab.ports import free_port
from lab.waiting import LabError

NOBODY = 65534
ENGINE = """
import sys
from pathlib import Path
from lab.certificates import Authority
from lab.postgres import Postgres
from lab.processes import Processes
folder = Path(sys.argv[1])
processes = Processes(folder)
server = Postgres(processes=processes, name="pg", region="ca-central-1", folder=folder / "pg",
                  port=int(sys.argv[2]), authority=Authority(folder / "ca"))
server.create()
server.start()
try:
    print(server.sql("SELECT 1 + 1", database="postgres"))
finally:
    processes.stop_all()
"""


@pytest.fixture(name="refusing")
def _refusing(tmp_path: Path) -> str:
    """A PATH whose `unshare` is refused, as a container without CAP_SYS_ADMIN refuses it."""
    (tmp_path / "unshare").write_text(
        "#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n"
    )
    (tmp_path / "unshare").chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.mark.lab
def test_postgresql_starts_without_root_and_without_a_user_namespace(refusing: str) -> None:
    drop = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    drop += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        ended = subprocess.run(
            [*(drop if os.geteuid() == 0 else []), sys.executable, "-c", ENGINE, place,
             str(free_port())],
            env={**os.environ, "PATH": refusing, "HOME": place}, cwd=Path(postgres.__file__).parents[1],
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
    assert ended.stdout.strip() == "2", ended.stderr


def test_root_without_a_user_namespace_is_told_to_be_another_user(
    refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", refusing)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    postgres._namespace_refused.cache_clear()
    try:
        with pytest.raises(LabError, match=r"Operation not permitted.*run it as another user"):
            postgres._unprivileged()
    finally:
        postgres._namespace_refused.cache_clear()
