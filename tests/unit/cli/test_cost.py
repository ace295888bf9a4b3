"""`lifeline cost`: quantities always, prices with a source, and never a zero for what is unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lifeline.cli.__main__ import main
from tests.conftest import Assembly
from tests.unit.cost.cost_parts import assembly, price_list, product

DASHBOARD = {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {}}}
KEY = {"Key": {"Type": "AWS::KMS::Key", "Properties": {}}}


def test_without_a_price_the_quantity_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = assembly(tmp_path / "a", DASHBOARD)
    assert main(["cost", "--assembly", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "warm-standby, profile dev: unknown a month" in said
    assert "dashboard: 1 dashboard-months, price unknown" in said
    assert "0.00" not in said


def test_a_price_that_can_be_cited_is_counted_with_its_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = assembly(tmp_path / "a", KEY)
    assert main(["cost", "--assembly", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "warm-standby, profile dev: 1.00 USD a month" in said
    assert "https://aws.amazon.com/kms/pricing/" in said


def test_a_file_gives_the_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = assembly(tmp_path / "a", KEY)
    prices = price_list(tmp_path, product("awskms", "ca-central-1-KMS-Keys", "1.0000000000"))
    assert main(["cost", "--assembly", str(folder), "--prices", str(prices), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["strategies"]
    assert (found["usd_known"], found["unknown_prices"]) == (1.0, 0)
    assert found["lines"][0]["source"] == "AWS Price List, SKU WQGC34PB2AWS8R4U"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--prices", "no-such-file"], "no-such-file cannot be read"),
        (["--assembly", "no-such-folder"], "no-such-folder holds no assembly"),
        (["--profile", "huge"], "Unknown profile 'huge'"),
        (["--", "-c", "strategy=cold"], "Unknown strategy 'cold'"),
    ],
)
def test_bad_input_gets_a_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.synth
@pytest.mark.slow
def test_a_pilot_light_stands_for_less(
    assembly_of: Callable[..., Assembly], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["strategy=pilot-light", "tier=IMPORTANT", "nag=true"]
    cold = assembly_of("dev", "test", *settings)
    chosen = [word for one in settings for word in ("-c", one)]
    cpu = {}
    for name, folder, rest in (
        ("warm", assembly_of("dev").folder, []),
        ("cold", cold.folder, ["--", *chosen]),
    ):
        assert main(["cost", "--suffix", "test", "--assembly", str(folder), "--json", *rest]) == 0
        (found,) = json.loads(capsys.readouterr().out)["strategies"]
        cpu[name] = sum(one["amount"] for one in found["lines"] if one["item"] == "fargate-cpu")
    # Two whole tasks less in the standby, and half a task more in each region.
    assert cpu["warm"] - cpu["cold"] == 730 * (2 - 2 * 0.5)
