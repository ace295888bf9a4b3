"""HIPAA Security, AWS Solutions and NIST 800-53 R5: no finding is left in any profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import synthesize

pytestmark = pytest.mark.synth


@pytest.mark.parametrize(("profile", "account"), [("dev", ""), ("prod", "123456789012")])
def test_no_finding_is_left(profile: str, account: str, tmp_path: Path) -> None:
    arguments = ["--profile", profile, "--suffix", "test", "-c", "nag=true"]
    arguments += ["-c", f"account={account}"] if account else []
    checked = synthesize(tmp_path / "out", *arguments)
    assert checked.exit_code == 0, checked.said[-4_000:]
