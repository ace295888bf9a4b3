"""HIPAA Security, AWS Solutions, NIST 800-53 R5, PCI DSS and continuity: no finding in any profile."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path
from typing import Any

import pytest

from lifeline.compliance.dead_acknowledgements import dead_acknowledgements
from lifeline.compliance.hipaa import CONTROLS
from lifeline.compliance.nag_rows import CRITICALITY, TESTING, Row, Status, rows_of
from lifeline.compliance.rule_catalogue import hipaa_rules
from lifeline.settings import Settings
from scripts.nag_report import write_csv, write_html
from tests.nag.conftest import PROFILES, SUFFIX, Checked

pytestmark = [pytest.mark.synth, pytest.mark.slow]


def settings_of(profile: str, account: str | None) -> Settings:
    return Settings(environment_suffix=SUFFIX, profile_name=profile, account=account)


@pytest.mark.parametrize(("profile", "account"), PROFILES)
def test_no_finding_is_left(checked: Checked, profile: str, account: str | None) -> None:
    assembly = checked(profile, account)
    left = [
        f"{one.rule}  {one.resource}: {one.reason}"
        for one in rows_of(assembly.folder, settings_of(profile, account))
        if one.status is Status.FINDING
    ]
    assert not left, "\n".join(dict.fromkeys(left))
    assert assembly.exit_code == 0, assembly.said[-4_000:]


def test_every_acknowledgement_answers_a_finding(checked: Checked) -> None:
    """S13: one that answers none hides that its finding is gone, or will hide the next one."""
    dead = dead_acknowledgements(
        (checked(profile, account).folder, account) for profile, account in PROFILES
    )
    assert not dead, "\n".join(f"{one.path}: {one.rule}" for one in dead)


@pytest.fixture(scope="session")
def rows(checked: Checked) -> list[Row]:
    """The rows of the dev profile, without a drill."""
    return rows_of(checked("dev", None).folder, settings_of("dev", None))


def test_every_pack_reported(checked: Checked) -> None:
    """A pack that was not attached finds nothing either: each is known by what is acknowledged."""
    report = json.loads((checked("dev", None).folder / "validation-report.json").read_text())
    packs = {
        one["pluginName"] for one in report["pluginReports"] if one.get("suppressedViolations")
    }
    assert packs >= {"HIPAA.Security", "AwsSolutions", "NIST.800.53.R5", "PCI.DSS.321"}


def test_an_acknowledged_finding_has_its_reason(rows: list[Row]) -> None:
    found = [one for one in rows if one.status is Status.ACKNOWLEDGED]
    assert len(found) > 50
    assert [one for one in found if len(one.reason) < 20] == []


def test_every_control_in_the_report_has_a_title(rows: list[Row]) -> None:
    assert {one.control for one in rows} - set(CONTROLS) == {"none"}
    assert {CRITICALITY, TESTING} <= {one.control for one in rows}


def test_a_rule_is_compliant_where_it_looked_and_refused_nothing(
    rows: list[Row], checked: Checked
) -> None:
    encrypted = [one for one in rows if one.rule == "CloudWatchLogGroupEncrypted"]
    assert {one.status for one in encrypted} == {Status.COMPLIANT}
    assert {one.control for one in encrypted} == {"164.312(a)(2)(iv)", "164.312(e)(2)(ii)"}
    assembly = checked("dev", None)
    groups = [
        one for s in assembly.stacks() for one in assembly.resources(s, "AWS::Logs::LogGroup")
    ]
    assert len({one.resource for one in encrypted}) == len(groups)
    pairs = [(one.control, one.rule, one.resource) for one in rows if one.rule != "DrillEvidence"]
    judged = {(one.control, one.rule.partition("[")[0], one.resource) for one in rows if one.reason}
    spared = {
        (one.control, one.rule, one.resource)
        for one in rows
        if one.status is Status.COMPLIANT and not one.reason
    }
    assert len(pairs) == len(set(pairs))
    assert judged & spared == set()


def test_the_catalogue_knows_every_hipaa_rule() -> None:
    found = hipaa_rules()
    assert len(found) == 90
    assert [name for name, one in found.items() if not one.controls or not one.examines] == []
    assert found["RDSInBackupPlan"].examines == {"aws-cdk-lib.aws_rds.CfnDBInstance"}


def report_of(folder: Path, **violation: Any) -> Path:
    """A tiny assembly folder with one violation of one pack."""
    plugin = violation.pop("plugin", "PCI.DSS.321")
    metadata = violation.pop("metadata", None)
    violations = [violation] if violation else []
    folder.mkdir()
    (folder / "manifest.json").write_text('{"artifacts": {}}')
    (folder / "tree.json").write_text('{"tree": {"path": ""}}')
    (folder / "validation-report.json").write_text(
        json.dumps(
            {
                "pluginReports": [
                    {"pluginName": plugin, "violations": violations, "metadata": metadata}
                ]
            }
        )
    )
    return folder


def test_a_finding_of_another_pack_stands_under_hipaas_control(tmp_path: Path) -> None:
    folder = report_of(
        tmp_path / "a",
        ruleName="PCI.DSS.321-LambdaInsideVPC",
        description="said",
        violatingConstructs=[{"constructPath": "Data-cac1/A"}],
    )
    found = rows_of(folder, settings_of("dev", None))
    findings = [one for one in found if one.status is Status.FINDING]
    assert {one.control for one in findings} == set(hipaa_rules()["LambdaInsideVPC"].controls)
    assert {(one.rule, one.stack, one.reason) for one in findings} == {
        ("LambdaInsideVPC", "Data-cac1", "said")
    }


def test_a_pack_that_failed_is_not_silent(tmp_path: Path) -> None:
    folder = report_of(tmp_path / "a", plugin="LifelineContinuity", metadata={"error": "broke"})
    with pytest.raises(ValueError, match="LifelineContinuity failed: broke"):
        rows_of(folder, settings_of("dev", None))


DRILL = {
    "id": "one", "target": "lab", "profile": "dev", "verdict": "PASS", "rto_seconds": 46.0,
    "rpo_seconds": 3.8, "events": {"lost": 0},
    "controls": [{"id": TESTING, "how": "This drill is the periodic test."}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        (
            {},
            Status.COMPLIANT,
            "This drill is the periodic test. one (dev, in the emulated lab, not on AWS)",
        ),
        ({"target": "aws"}, Status.COMPLIANT, "This drill is the periodic test. one (dev, on AWS)"),
        ({"verdict": "FAIL"}, Status.NOT_SHOWN, "The last drill did not pass."),
        ({"verdict": "INVALID"}, Status.NOT_SHOWN, "The last drill did not pass."),
        ({"rto_seconds": None}, Status.NOT_SHOWN, "In the last drill nothing had to fail over."),
        ({"profile": "prod"}, Status.NOT_SHOWN, "The last drill was of another profile than dev."),
        ({"profile": None}, Status.NOT_SHOWN, "The last drill was of another profile than dev."),
    ],
)
def test_a_drill_is_evidence_only_of_a_failover_of_its_profile_that_passed(
    changed: dict[str, Any], status: Status, said: str, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence.json"
    evidence.write_text(json.dumps({**DRILL, **changed}))
    found = rows_of(report_of(tmp_path / "a"), settings_of("dev", None), evidence)
    (drill,) = [one for one in found if one.rule == "DrillEvidence"]
    assert (drill.control, drill.status) == (TESTING, status)
    assert drill.reason.startswith(said)
    assert "RTO None" not in drill.reason


def test_without_a_drill_nothing_is_shown(tmp_path: Path) -> None:
    found = rows_of(report_of(tmp_path / "a"), settings_of("dev", None))
    (missing,) = [one for one in found if one.rule == "DrillEvidence"]
    assert missing.status is Status.NOT_SHOWN


def test_the_page_has_one_row_a_reason_and_says_what_is_not_shown(
    rows: list[Row], tmp_path: Path
) -> None:
    write_html(tmp_path / "page.html", rows, settings_of("dev", None))
    page = html.unescape((tmp_path / "page.html").read_text())
    acknowledged = [one for one in rows if one.status is Status.ACKNOWLEDGED]
    reasons = {one.reason for one in acknowledged}
    assert len(reasons) < 70 < len(acknowledged)
    for reason in reasons:
        assert page.count(f"<td>{reason}</td>") == 1, reason
    for one in acknowledged:
        assert f"<li>{one.resource}</li>" in page
    unspoken = {one.control for one in rows if one.status is Status.NOT_SHOWN}
    unspoken |= set(CONTROLS) - {one.control for one in rows}
    assert TESTING in unspoken
    shown = page[page.index('id="not-shown"') : page.index('id="acknowledged"')]
    assert {one for one in CONTROLS if f"<td>{one}</td>" in shown} == unspoken


def test_the_report_is_the_same_twice_and_names_each_row(rows: list[Row], tmp_path: Path) -> None:
    pages = []
    for name in ("first", "second"):
        write_html(tmp_path / f"{name}.html", rows, settings_of("dev", None))
        write_csv(tmp_path / f"{name}.csv", rows)
        pages.append((tmp_path / f"{name}.html").read_text())
    assert pages[0] == pages[1]
    assert "http" not in pages[0].replace("https://docs.aws", "")
    with (tmp_path / "first.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == len(rows)
    assert [one["resource"] for one in written] == [one.resource for one in rows]
