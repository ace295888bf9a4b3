"""Evidence and its page: sealed, chained, self-contained; and the verdict's objectives."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drill import __main__ as command
from drill import evidence, report
from drill.platform_records import instant_text, plain
from drill.scenarios import SCENARIOS
from drill.verdict import EFFECT, Seen, objectives, verdict
from tests.unit.drill.sample_evidence import body
from tests.unit.drill.seen_runs import CLEAN, DECISIONS, LOSS, QUIET


def test_sealed_evidence_is_valid_and_any_change_shows() -> None:
    sealed = evidence.seal(body(), None)
    evidence.validate(sealed)
    for change in ({"verdict": "FAIL"}, {"rto_seconds": 1.0}, {"previous_sha256": "0" * 64}):
        with pytest.raises(evidence.EvidenceError, match="not the hash"):
            evidence.validate(sealed | change)


def test_a_missing_or_unknown_field_is_refused() -> None:
    incomplete = body()
    del incomplete["epochs"]
    with pytest.raises(evidence.EvidenceError, match="epochs"):
        evidence.seal(incomplete, None)
    with pytest.raises(evidence.EvidenceError):
        evidence.seal(body(scenario="tuesday"), None)


def rehashed(sealed: dict[str, Any]) -> dict[str, Any]:
    """As another release would have sealed it: the hash is right."""
    return sealed | {"sha256": evidence.sha256_of(sealed)}


def test_evidence_of_this_format_or_the_one_before_is_read() -> None:
    sealed = evidence.seal(body(), None)
    assert sealed["format"] == 3
    before = {key: value for key, value in sealed.items() if key != "format"}
    evidence.validate(rehashed(before))
    evidence.validate(rehashed(sealed | {"format": 1}))


@pytest.mark.parametrize("number", [0, 4, "2", None, True])
def test_evidence_of_another_format_is_refused_in_words(number: object) -> None:
    sealed = evidence.seal(body(), None)
    said = re.escape(f"the evidence is of format {number!r}; this code reads 1, 2 and 3")
    with pytest.raises(evidence.EvidenceError, match=said):
        evidence.validate(rehashed(sealed | {"format": number}))


def test_runs_are_chained(tmp_path: Path) -> None:
    assert evidence.previous_sha256(tmp_path) is None
    hashes: list[str | None] = [None]
    for number in range(3):
        sealed = evidence.seal(body(id=f"run-{number}"), evidence.previous_sha256(tmp_path))
        assert sealed["previous_sha256"] == hashes[-1]
        folder = tmp_path / f"run-{number}"
        evidence.write(sealed, folder)
        evidence.publish(folder, tmp_path)
        hashes.append(sealed["sha256"])
        evidence.validate(json.loads((folder / evidence.FILE).read_text()))


def test_the_page_is_self_contained_and_says_the_numbers() -> None:
    page = report.render(evidence.seal(body(), None))
    assert not re.search(r"(src|href)=|@import|url\((?!#)|<script", page)
    for word in ("191,210", "51.2 s", "start promotion", "164.308(a)(7)(ii)(D)", "epoch 2"):
        assert word in page


def test_the_page_escapes_what_it_is_given() -> None:
    hostile = [{"at": instant_text(1.0), "action": "hold", "reason": "<script>alert(1)</script>"}]
    page = report.render(evidence.seal(body(decisions=hostile), None))
    assert "<script>" not in page


def test_a_clean_loss_passes_and_each_fault_fails_it() -> None:
    scenario = SCENARIOS["region-loss"]
    assert verdict(objectives(scenario, LOSS)) == "PASS"
    wrong = {
        "no_accepted_event_lost": replace(LOSS, findings=replace(CLEAN, lost=1)),
        "nothing_unexpected": replace(LOSS, findings=replace(CLEAN, unexpected=1)),
        "order_kept": replace(LOSS, findings=replace(CLEAN, order_violations=1)),
        "every_event_answered": replace(LOSS, findings=replace(CLEAN, unaccepted=1)),
        "events_flowed": replace(LOSS, findings=replace(CLEAN, stored=0)),
        "probes_explained": replace(LOSS, findings=replace(CLEAN, platform_probes=3)),
        "nothing_rejected": replace(LOSS, findings=replace(CLEAN, rejected=1)),
        "epochs_as_expected": replace(LOSS, epochs=[1, 2, 3]),
        "recovered_in_time": replace(LOSS, rto_seconds=120.0),
        "rpo_within_target": replace(LOSS, rpo_seconds=None),
        "held_before_promotion": replace(LOSS, decisions=DECISIONS[1:]),
        "some_events_were_called_safe": replace(LOSS, findings=replace(CLEAN, safe=0)),
        "what_was_called_safe_is_in_the_other_log": replace(
            LOSS, findings=replace(CLEAN, not_in_the_log=1)
        ),
        "nothing_called_safe_was_needed_again": replace(
            LOSS, findings=replace(CLEAN, recovered_though_safe=1)
        ),
        "edges_healthy": replace(LOSS, failures=["edge-1: JournalFull"]),
    }
    for name, seen in wrong.items():
        met = objectives(scenario, seen)
        assert [key for key, good in met.items() if not good] == [name]
    assert objectives(scenario, replace(LOSS, rto_seconds=None))["recovered_in_time"] is False


def claimed(scenario: str, seen: Seen) -> set[str]:
    met = objectives(SCENARIOS[scenario], seen)
    return {one["id"] for one in evidence.controls(scenario, verdict(met), met)}


def test_a_run_claims_only_what_it_did_and_found() -> None:
    """E3: every run listed the same six controls, one that broke nothing or failed, too."""
    every = {control for control, _, _ in evidence.CONTROLS} | {evidence.TESTING}
    assert claimed("region-loss", LOSS) == every
    quiet = QUIET
    assert claimed("noop", quiet) == {
        "164.308(a)(7)(ii)(A)", "164.308(a)(7)(ii)(D)", "164.312(c)(1)",
    }  # fmt: skip
    lost = replace(LOSS, findings=replace(CLEAN, lost=1))
    assert claimed("region-loss", lost) == {"164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(D)"}
    unproven = replace(LOSS, findings=replace(CLEAN, not_in_the_log=1))
    assert every - claimed("region-loss", unproven) == {"164.308(a)(7)(ii)(A)"}
    standing = objectives(SCENARIOS["noop"], replace(quiet, findings=CLEAN))
    assert [name for name, good in standing.items() if not good] == ["everything_became_safe"]
    differing = replace(quiet, findings=replace(CLEAN, safe=10, log_differences=1))
    assert not objectives(SCENARIOS["noop"], differing)["both_logs_hold_the_same"]
    late = replace(LOSS, rto_seconds=None)
    assert claimed("region-loss", late) == claimed("noop", quiet)


def test_what_a_run_claims_names_its_scenario_and_its_end() -> None:
    said = {one["id"]: one["how"] for one in evidence.controls("hang", "FAIL", {EFFECT: True})}
    assert list(said) == [evidence.TESTING]
    assert "scenario hang and ended FAIL" in said[evidence.TESTING]


def test_where_nothing_may_fail_over_a_take_fails() -> None:
    quiet = replace(
        LOSS,
        epochs=[1],
        decisions=DECISIONS[:1],
        findings=replace(CLEAN, platform_probes=0),
        timeline=(),
    )
    assert verdict(objectives(SCENARIOS["link-cut"], quiet)) == "PASS"
    met = objectives(SCENARIOS["link-cut"], replace(quiet, decisions=DECISIONS))
    assert met["nobody_took_the_lease"] is False


def test_bad_events_must_each_have_their_reason() -> None:
    rejects = [
        ("malformed", "malformed", ""),
        ("unknown-type", "unknown-type", "a"),
        ("wrong-version", "wrong-version", "b"),
        ("bad-time", "bad-time", "c"),
        ("oversize", "refused 413", "d"),
    ]
    found = replace(CLEAN, rejected=4, refused=1, rejects=rejects)
    seen = replace(LOSS, findings=found, bad_events=True)
    assert objectives(SCENARIOS["region-loss"], seen)["bad_events_refused_with_reason"]
    unlabelled = replace(seen, findings=replace(found, unlabelled_rejects=1))
    assert not objectives(SCENARIOS["region-loss"], unlabelled)["nothing_else_rejected"]
    for missing in range(5):
        kept = rejects[:missing] + rejects[missing + 1 :]
        one = replace(seen, findings=replace(found, rejects=kept))
        assert not objectives(SCENARIOS["region-loss"], one)["bad_events_refused_with_reason"]


@pytest.mark.parametrize(
    "value", [1763700000, 1763700000000, "2025-11-21T04:40:00Z", "1763700000.0"]
)
def test_instants_come_in_many_forms_and_leave_in_one(value: object) -> None:
    assert instant_text(value) == "2025-11-21T04:40:00.000Z"


def test_dynamodb_values_become_plain() -> None:
    value = {
        "M": {"a": {"N": "1"}, "b": {"N": "1.5"}, "c": {"L": [{"BOOL": True}, {"NULL": True}]}}
    }
    assert plain(value) == {"a": 1, "b": 1.5, "c": [True, None]}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "noop", "--rate", "0"], "the rate must be from 1 to"),
        (["run", "noop", "--rate", "fast"], "must be a number"),
        (["run", "noop", "--kill-apply", "-1"], "whole number"),
        (["run", "earthquake"], "is no scenario"),
        ([], "required"),
    ],
)
def test_bad_input_is_told_in_words(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == 2
    assert word in capsys.readouterr().err


def test_check_of_a_folder_without_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["check", str(tmp_path)]) == 2
    assert "not the folder of a finished run" in capsys.readouterr().err
    (tmp_path / "evidence.json").write_text("{")
    assert command.main(["check", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_run_outside_of_its_checkout_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.main(["run", "noop"]) == 2
    assert "run it in" in capsys.readouterr().err
