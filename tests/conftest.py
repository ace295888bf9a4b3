"""Shared by every test: one synthesized app a profile and session, because each costs seconds."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Assembly:
    """What one synth wrote and said."""

    folder: Path
    exit_code: int
    said: str

    def template(self, stack: str) -> dict[str, Any]:
        """The template of a stack, by its name without the suffix, such as `Data-cac1`."""
        found: dict[str, Any] = json.loads((self.folder / f"{stack}.template.json").read_text())
        return found

    def stacks(self) -> list[str]:
        """Every stack's name without the suffix."""
        return sorted(one.name.split(".")[0] for one in self.folder.glob("*.template.json"))

    def resources(self, stack: str, resource_type: str) -> list[dict[str, Any]]:
        """The resources of one type in one stack."""
        every = self.template(stack)["Resources"].values()
        return [one for one in every if one["Type"] == resource_type]


def synthesize(folder: Path, *arguments: str) -> Assembly:
    """Run the app as `make synth` does."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), "--out", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return Assembly(folder, done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="session")
def assembly_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Assembly]:
    """From a profile, and a suffix other than `test` if one is given, to its assembly; made once."""

    @functools.cache
    def made(profile: str, suffix: str = "test") -> Assembly:
        folder = tmp_path_factory.mktemp(f"assembly-{profile}-{suffix}") / "out"
        assembly = synthesize(folder, "--profile", profile, "--suffix", suffix)
        assert assembly.exit_code == 0, assembly.said
        return assembly

    return made


@pytest.fixture(scope="session")
def dev(assembly_of: Callable[..., Assembly]) -> Assembly:
    """The dev profile's assembly."""
    return assembly_of("dev")
