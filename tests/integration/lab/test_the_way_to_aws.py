"""README's way to AWS, command by command as it is written there, with the emulator in AWS's place.

Only the shell's environment differs (`python -m lab account`), and the container engine: it builds nothing.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab import inventory
from lab.calls import Clients
from lab.folder import port_base_of_running
from lab.places import Places
from lab.toolkit import ROOT

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(2400)]

COMMAND_SECONDS = 900
ENGINE = ROOT / "tests" / "support" / "engine_without_builds.py"


@dataclass
class Walked:
    """What became of each command, in README's order."""

    status: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def of(self, words: str) -> str:
        """The whole command that begins with these words."""
        (found,) = [one for one in self.status if one.startswith(words)]
        return found


def written() -> list[str]:
    """The commands of README's section, without their comments."""
    section = (ROOT / "README.md").read_text().split("## How does it get to AWS?")[1]
    block = section.split("```")[1]
    return [re.sub(r"\s+#.*$", "", one) for one in block.strip().splitlines()]


@contextmanager
def account(folder: Path, suffix: str) -> Iterator[Path]:
    """An empty account that listens; where its shell's settings lie."""
    with (folder / "account.log").open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "lab", "account", "--suffix", suffix, "--workdir", folder],
            cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            settings = folder / "account.sh"
            deadline = time.monotonic() + 120
            while not settings.is_file():
                assert running.poll() is None, folder
                assert time.monotonic() < deadline, folder
                time.sleep(0.3)
            yield settings
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(timeout=60)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    folder = tmp_path_factory.mktemp("account")
    engine = folder / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(f'#!/bin/bash\nexec {sys.executable} {ENGINE} "$@"\n')
    engine.chmod(0o755)
    settings, *commands = written()
    found = re.search(r"SUFFIX=(\S+)", settings)
    assert found is not None
    walk = Walked()
    with account(folder, found.group(1)) as shell:
        observer = Clients(Places(port_base_of_running(folder))).observer
        for command in commands:
            began = time.monotonic()
            done = subprocess.run(
                ["bash", "-c", f"source {shell}; {settings}; {command}"],
                # Nobody is there to answer: what a person is asked is answered by these two.
                env={
                    **os.environ,
                    "PATH": f"{engine.parent}:{os.environ['PATH']}",
                    "CDK_REQUIRE_APPROVAL": "never",
                    "CDK_FORCE": "true",
                },
                cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=COMMAND_SECONDS, check=False,
            )  # fmt: skip
            walk.status[command] = done.returncode
            walk.said[command] = done.stdout + done.stderr
            print(f"{time.monotonic() - began:6.1f} s  {done.returncode}  {command}", flush=True)
        walk.left = inventory.of_suffix(inventory.take(observer), found.group(1))
    return walk


def test_every_command_does_its_part(walked: Walked) -> None:
    """Preflight before the images fails, as README says, and so it must."""
    before = walked.of("make preflight")
    failed = {one: walked.said[one][-1500:] for one, code in walked.status.items() if code}
    assert set(failed) == {before}, "\n".join(failed.values())


def test_preflight_finds_nothing_but_the_images_before_there_are_any(walked: Walked) -> None:
    said = walked.said[walked.of("make preflight")]
    assert set(re.findall(r"^(?:WRONG|UNKNOWN) +(\S+)", said, re.MULTILINE)) == {"images"}


def test_the_environment_that_was_deployed_serves_and_is_drilled(walked: Walked) -> None:
    assert "YES" in walked.said[walked.of(".venv/bin/lifeline status")]
    drilled = walked.said[walked.of("make drill")]
    assert re.search(r"^ +verdict +PASS$", drilled, re.MULTILINE), drilled[-3000:]
    assert re.search(r"^ +epochs +1, 2$", drilled, re.MULTILINE)


def test_what_was_walked_leaves_nothing(walked: Walked) -> None:
    assert walked.left == []
