"""`lifeline evidence …`: each way in which evidence can be no proof has its sentence."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from drill import archive, evidence
from drill.platform_records import instant_text
from drill.scenarios import SCENARIOS
from lifeline.cli.__main__ import main
from lifeline.cli.judge import FAILS_OVER, Expected, objections
from lifeline.lambdas.adapters import aws
from lifeline.tiers import RecoveryTier
from tests.unit.drill.sample_evidence import START, body

BEFORE = "ab" * 32


def sealed(previous: str | None = BEFORE, **changes: Any) -> dict[str, Any]:
    return evidence.seal(body(**changes), previous)


def expected(**changes: Any) -> Expected:
    given: dict[str, Any] = {
        "scenario": "region-loss",
        "target": "lab",
        "tier": RecoveryTier.CRITICAL,
        "chained": True,
        "previous_sha256": BEFORE,
        "max_age_hours": 12.0,
        "now": datetime.fromtimestamp(START + 3_600, UTC),
    }
    return Expected(**given | changes)


def test_evidence_of_a_good_drill_holds() -> None:
    assert objections(sealed(), expected()) == []


def test_the_first_evidence_follows_nothing() -> None:
    assert objections(sealed(None), expected(previous_sha256=None)) == []


INTEGRITY = {"id": "164.312(c)(1)", "how": "By digest."}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rto_seconds": 300.5}, "the RTO was 300.5 s; the tier CRITICAL allows 300 s."),
        ({"rpo_seconds": 61.0}, "the RPO was 61 s; the tier CRITICAL allows 60 s."),
        ({"rto_seconds": None}, "the RTO is unknown, and unknown is never good."),
        ({"order_violations": 2}, "2 events were applied out of order."),
        ({"verdict": "FAIL"}, "the drill's own verdict is FAIL."),
        ({"objectives_met": {"edges_healthy": False}}, "not met: edges healthy."),
        ({"controls": [INTEGRITY]}, "does not speak to 164.308(a)(7)(ii)(D)"),
        ({"ended_at": instant_text(START - 13 * 3_600)}, "it ended 2025-11-20"),
        ({"ended_at": instant_text(START + 7_200)}, "it ended 2025-11-21"),
    ],
)
def test_what_misses_an_objective_has_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    (said,) = objections(sealed(**changes), expected())
    assert sentence in said


@pytest.mark.parametrize("name", ["lost", "unexpected"])
def test_one_lost_or_unexpected_event_is_enough(name: str) -> None:
    wrong = sealed(events=body()["events"] | {name: 1})
    (said,) = objections(wrong, expected())
    assert said == f"1 events are {name}; allowed is none."


def test_a_run_without_an_accepted_event_proves_nothing() -> None:
    (said,) = objections(sealed(events=body()["events"] | {"accepted": 0}), expected())
    assert "no event was accepted" in said


def test_the_tier_judges_not_the_targets_in_the_file() -> None:
    slow = sealed(rto_seconds=400.0, rto_target_seconds=900.0)
    assert len(objections(slow, expected())) == 1
    assert objections(slow, expected(tier=RecoveryTier.IMPORTANT)) == []


def test_another_scenario_and_a_broken_chain_are_named() -> None:
    said = " ".join(objections(sealed(), expected(scenario="hang", previous_sha256="cd" * 32)))
    assert "it is of the scenario region-loss, asked for was hang." in said
    assert "a run is missing from the chain" in said


def test_a_scenario_that_fails_over_to_nobody_has_no_times() -> None:
    quiet = sealed(scenario="noop", rto_seconds=None, rpo_seconds=None)
    assert objections(quiet, expected(scenario="noop")) == []


def test_one_changed_number_breaks_the_file() -> None:
    (said,) = objections(sealed() | {"rto_seconds": 1.0}, expected())
    assert "sha256 is not the hash of the content" in said
    assert objections([], expected()) == ["the evidence is not an object."]


def test_a_drill_in_the_lab_is_none_on_aws() -> None:
    (said,) = objections(sealed(), expected(target="aws"))
    assert said == "it ran on lab, asked for was aws."
    assert objections(sealed(target="aws"), expected(target="aws")) == []


def test_every_scenario_of_the_drill_is_known_here_too() -> None:
    assert {one.name: one.fails_over for one in SCENARIOS.values()} == FAILS_OVER


def test_what_is_not_asked_for_is_not_judged_but_named() -> None:
    old = sealed(ended_at=instant_text(START - 13 * 3_600))
    asked = Expected(RecoveryTier.CRITICAL, datetime.fromtimestamp(START + 7_200, UTC))
    assert objections(old, asked) == []
    assert len(asked.not_checked()) == 4
    assert expected().not_checked() == []


def written(folder: Path, name: str, **changes: Any) -> Path:
    """A run's folder with evidence that ended a minute ago."""
    made = folder / name
    made.mkdir()
    body = sealed(ended_at=instant_text(time.time() - 60), **changes)
    (made / "evidence.json").write_text(json.dumps(body))
    return made


def test_the_command_says_what_holds_and_what_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tmp_path / "before.json"
    before.write_text(json.dumps({"sha256": BEFORE}))
    good = written(tmp_path, "good")
    bad = written(tmp_path, "bad", rto_seconds=1_000.0)
    options = ["--scenario", "region-loss", "--tier", "CRITICAL", "--max-age-hours", "12"]
    chain = ["--previous", str(before)]
    check = ["evidence", "check"]
    assert main([*check, str(good), *options, *chain]) == 0
    assert "RTO 51.2 s of 300 s, RPO 1.4 s of 60 s, 191,210 events" in capsys.readouterr().out
    assert main([*check, str(good / "evidence.json"), *options, *chain]) == 0
    assert main([*check, str(bad), *options, *chain]) == 1
    assert "evidence: the RTO was 1000 s" in capsys.readouterr().err
    assert main([*check, str(good), *options, "--first"]) == 1
    assert "a run is missing from the chain" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["none"], "there is no"),
        (["half"], "cannot be read"),
        (["good", "--tier", "GOLD"], "'GOLD' is no tier: CRITICAL"),
        (["good", "--scenario", "flood"], "'flood' is no scenario: region-loss"),
        (["good", "--previous", "half"], "cannot be read"),
        (["good", "--previous", "empty"], "has no sha256"),
        (["good", "--previous", "empty", "--first"], "--first and --previous"),
    ],
)
def test_what_is_no_evidence_is_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "good")
    (tmp_path / "half").write_text("{")
    (tmp_path / "empty").write_text("{}")
    assert main(["evidence", "check", *given]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err


def test_json_tells_the_judgement_either_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", "check", str(written(tmp_path, "good")), "--json"]) == 0
    good = json.loads(capsys.readouterr().out)
    assert (good["holds"], good["objections"]) == (True, [])
    assert "the journals (the folder holds none)" in good["not_checked"]
    bad = written(tmp_path, "bad", verdict="FAIL")
    assert main(["evidence", "check", str(bad), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["objections"] == ["the drill's own verdict is FAIL."]


def test_journals_that_say_otherwise_break_the_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path, "emptied")
    (folder / archive.JOURNALS).mkdir()
    assert main(["evidence", "check", str(folder)]) == 1
    assert "the journals cannot be checked: FileNotFoundError" in capsys.readouterr().err
    archive.save_stored(folder, [])
    archive.save_letters(folder, [])
    assert main(["evidence", "check", str(folder)]) == 1
    assert "its journals say otherwise: accepted: evidence 191210, now 0" in capsys.readouterr().err


def test_the_times_of_a_failover_become_metrics_of_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    quiet = {"scenario": "noop", "rto_seconds": None, "rpo_seconds": None}
    failed_over, calm = written(tmp_path, "over"), written(tmp_path, "calm", **quiet)
    bad = written(tmp_path, "bad", rto_seconds=1_000.0)
    publish = ["evidence", "publish"]
    aws.client.cache_clear()
    with mock_aws():
        assert main([*publish, str(failed_over), "--suffix", "dry", "--dry-run"]) == 0
        assert "Would publish DrillRtoSeconds 51.2" in capsys.readouterr().out
        assert main([*publish, str(failed_over), "--suffix", "prod"]) == 0
        assert main([*publish, str(calm), "--suffix", "quiet"]) == 0
        assert main([*publish, str(bad), "--suffix", "bad"]) == 1
        client = boto3.client("cloudwatch", region_name="ca-central-1")
        found = {
            (one["MetricName"], *(side["Value"] for side in one["Dimensions"]))
            for one in client.list_metrics(Namespace="Lifeline")["Metrics"]
        }
    aws.client.cache_clear()
    # A lab's figures never pass for AWS's: the target is a dimension (S1).
    assert found == {
        ("DrillRtoSeconds", "prod", "lab"),
        ("DrillRpoSeconds", "prod", "lab"),
    }
