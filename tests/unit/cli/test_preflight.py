"""`lifeline preflight`: exit codes that a pipeline can use, what is skipped, what is read of arguments."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from moto import mock_aws

from lifeline.cli import preflight as command
from lifeline.cli.__main__ import main
from lifeline.cli.failure import BadInput, Refused
from lifeline.cli.output import Output
from lifeline.preflight.probe import Finding, Result, Verdict
from lifeline.preflight.probes import PROBES, permissions
from tests.conftest import Assembly

FINDING = Finding(
    "ca-west-1 is DISABLED", "aws account enable-region --region-name ca-west-1\nwait"
)


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def all_but(*asked: str) -> list[str]:
    """The options that leave only these probes to ask."""
    return [word for one in PROBES if one.id not in asked for word in ("--skip", one.id)]


@mock_aws
@pytest.mark.usefixtures("signed_in")
def test_an_account_that_is_ready_ends_with_0(
    assembly_of: Callable[..., Assembly], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--suffix", "test", "--assembly", str(assembly_of("prod").folder), "--json"]
    assert main(["preflight", *given, *all_but("credentials")]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert (said["command"], said["ready"]) == ("preflight", True)
    assert [(one["probe"], one["verdict"]) for one in said["results"]] == [("credentials", "ok")]
    assert len(said["skipped"]) == len(PROBES) - 1
    assert "preflight: skipped, and not asked: bootstrap: The CDK deploys" in err
    assert "1 ok, 0 wrong, 0 unknown" in err


def test_without_credentials_it_ends_with_1_and_a_sentence(
    assembly_of: Callable[..., Assembly],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    given = ["--suffix", "test", "--assembly", str(assembly_of("prod").folder)]
    assert main(["preflight", *given]) == 1
    assert "nobody is signed in" in capsys.readouterr().err


@pytest.mark.parametrize("verdict", [Verdict.WRONG, Verdict.UNKNOWN])
def test_what_is_wrong_or_unknown_ends_with_1(
    verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    """UNKNOWN is never ok."""
    results = [
        Result("credentials", "ca-central-1", Verdict.OK),
        Result("region-enabled", "ca-west-1", verdict, (FINDING,)),
    ]
    with pytest.raises(Refused, match="1 ok, "):
        command._tell(results, "dev", [], Output(as_json=True))
    out, err = capsys.readouterr()
    assert json.loads(out)["ready"] is False
    assert f"{verdict.value.upper():8}region-enabled  ca-west-1" in err
    assert "        $ aws account enable-region --region-name ca-west-1\n        $ wait" in err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--suffix", "Bad"], "is no suffix"),
        (["--suffix", "dev", "--skip", "imagse"], "there is no such probe; there are credentials,"),
        (["--suffix", "dev", "--assembly", "/nowhere"], "/nowhere holds no assembly"),
        (["--suffix", "dev", "--", "-c", "profile"], "a setting is key=value"),
    ],
)
def test_bad_input_ends_with_2_and_a_sentence(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preflight", *given]) == 2
    assert said in capsys.readouterr().err


def test_skipping_all_asks_nobody_and_says_what_was_not_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["preflight", "--suffix", "dev", "--skip", "all"]) == 0
    out = capsys.readouterr().out
    assert out.count("preflight: skipped, and not asked: ") == len(PROBES)
    assert f"{len(PROBES)} probes skipped" in out


def test_the_policy_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "--suffix", "dev", "--policy"]) == 0
    assert json.loads(capsys.readouterr().out)["Statement"][0]["Action"] == permissions()


def test_the_settings_are_read_from_what_cdk_gets() -> None:
    words = ["--exclusively", "Data-cac1", "-c", "imageTag=0.2.0", "--context", "homeRegion=x",
             "--context=pageEmail=a=b", "--require-approval", "never"]  # fmt: skip
    assert command.context_settings(words, None) == {
        "imageTag": "0.2.0",
        "homeRegion": "x",
        "pageEmail": "a=b",
    }
    assert command.context_settings([], "ca-west-1") == {"homeRegion": "ca-west-1"}
    with pytest.raises(BadInput):
        command.context_settings(["-c", "x"], None)


def test_make_deploy_asks_first() -> None:
    root = Path(__file__).resolve().parents[3]
    _, _, rest = (root / "Makefile").read_text().partition("\ndeploy: setup")
    recipe = rest.partition("\n\n")[0].partition("\n")[2]
    assert 0 < recipe.index("lifeline.cli preflight") < recipe.index("cdk deploy --all")
