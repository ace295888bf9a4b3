"""Which region `make destroy` asks: the one that ARGS, cdk.json or the settings call home."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.before_destroy import CDK_JSON, home_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", ""),
        ("--force", ""),
        ("-c homeRegion=us-east-1 --force", "--home us-east-1"),
        ("--context homeRegion=us-east-1", "--home us-east-1"),
        ("--context=homeRegion=us-east-1", "--home us-east-1"),
        ("-c recoveryRegion=us-west-2 --switch-back", "--switch-back"),
        ("--switch-back -c homeRegion=us-east-1", "--home us-east-1 --switch-back"),
    ],
)
def test_the_home_region_of_args_is_passed_on(arguments: str, told: str) -> None:
    said = subprocess.run(
        ["make", "--dry-run", "destroy", "SUFFIX=one", f"ARGS={arguments}"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    (first,) = [line for line in said.splitlines() if "before_destroy.py" in line]
    assert first.partition("--suffix one")[2].split() == told.split()
    (second,) = [line for line in said.splitlines() if "cdk destroy" in line]
    for word in arguments.split():
        assert (word in second) is (word != "--switch-back")


@pytest.mark.parametrize(
    ("written", "home"),
    [
        ('{"context": {"homeRegion": "us-east-1"}}', "us-east-1"),
        ('{"context": {}}', "ca-central-1"),
        ("{}", "ca-central-1"),
    ],
)
def test_without_an_option_cdks_own_settings_say_it(
    written: str, home: str, tmp_path: Path
) -> None:
    (tmp_path / "cdk.json").write_text(written)
    assert home_of(tmp_path / "cdk.json") == home
    assert CDK_JSON == ROOT / "cdk.json"
