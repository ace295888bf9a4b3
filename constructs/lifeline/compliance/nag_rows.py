"""The nag report as rows: which rule speaks for which HIPAA control, of which resource, and with what result.

Sources: the CDK's `validation-report.json` (findings, and what was acknowledged with its reason), the
construct tree and the templates (what the rules looked at), cdk-nag's own rule texts and our rules
(controls), the settings (tier) and the evidence of the last drill.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from lifeline.compliance.continuity_policy import ContinuityPolicy
from lifeline.compliance.continuity_rules import CONTINUITY_RULES, rule_id
from lifeline.compliance.hipaa import CONTROLS
from lifeline.compliance.pack_names import SHARED
from lifeline.compliance.rule_catalogue import hipaa_rules
from lifeline.compliance.synthesized_environment import SynthesizedEnvironment, read_environment
from lifeline.lambdas.failover.plan import BUDGET_METADATA
from lifeline.settings import Settings

NO_CONTROL = "none"
"""Rules of other packs that no HIPAA control asks for."""
CRITICALITY = "164.308(a)(7)(ii)(E)"
TESTING = "164.308(a)(7)(ii)(D)"


NO_PROMISE = (
    "not promised for the loss of the home region, which whoever chose the strategy accepted: a person "
    "restores copies of up to a day ago into a new environment, which takes hours "
    "(docs/runbooks/region-lost-backup-only.md)."
)
"""What the strategy backup only says of its objectives."""


class Status(StrEnum):
    """What a rule says of a resource."""

    FINDING = "finding"
    ACKNOWLEDGED = "acknowledged"
    COMPLIANT = "compliant"
    NOT_SHOWN = "not shown"
    """No evidence lies here; it is neither a pass nor a finding."""


@dataclass(frozen=True, order=True)
class Row:
    """One line of the report."""

    control: str
    rule: str
    stack: str
    resource: str
    """The construct's path."""
    status: Status
    reason: str
    """Why it is acknowledged, what the finding is, or what shows it."""


@dataclass(frozen=True)
class _Judged:
    """A finding or an acknowledged one, of one rule and one construct, in any of the packs."""

    rule: str
    path: str
    status: Status
    reason: str


class Controls:
    """From a rule to the controls it speaks for."""

    def __init__(self) -> None:
        self.nag = hipaa_rules()
        self.own = {rule_id(rule): rule for rule in CONTINUITY_RULES}

    def of(self, rule: str) -> tuple[str, ...]:
        """The control ids of a rule as the report names it; `none` where HIPAA has none."""
        short = rule.partition("[")[0]
        if short in self.own:
            return self.own[short].controls
        if short in self.nag:
            return self.nag[short].controls
        return (NO_CONTROL,)


def rows_of(folder: Path, settings: Settings, evidence: Path | None = None) -> list[Row]:
    """Every row of the assembly in `folder`, in the order of controls, rules and resources.

    Raises ValueError when a pack itself failed: its silence would read as compliance.
    """
    report = json.loads((folder / "validation-report.json").read_text())
    controls = Controls()
    judged = {(one.rule, one.path): one for one in _judged(report)}
    examined = set(_examined(folder, settings, controls))
    rows = [
        Row(control, one.rule, one.path.split("/")[0], one.path, one.status, one.reason)
        for one in judged.values()
        for control in controls.of(one.rule)
    ]
    broken = {(rule.partition("[")[0], path) for rule, path in judged}
    rows += [
        Row(control, rule, path.split("/")[0], path, Status.COMPLIANT, "")
        for rule, path in examined - broken
        for control in controls.of(rule)
    ]
    rows += objectives(read_environment(folder, ContinuityPolicy.of(settings)), settings)
    rows += _drill(evidence, settings.profile_name)
    return sorted(rows, key=_order)


def _order(row: Row) -> tuple[int, str, int, Row]:
    ids = list(CONTROLS)
    place = ids.index(row.control) if row.control in CONTROLS else len(ids)
    return place, row.control, list(Status).index(row.status), row


def _judged(report: Mapping[str, Any]) -> Iterator[_Judged]:
    """Acknowledged ones first: a finding of any pack outweighs them."""
    for pack in report["pluginReports"]:
        if "error" in (pack.get("metadata") or {}):
            raise ValueError(f"Pack {pack['pluginName']} failed: {pack['metadata']['error']}")
        for one in pack.get("suppressedViolations") or []:
            for path in _paths(one):
                reason = str(one.get("reason", ""))
                yield _Judged(_short(one["ruleName"]), path, Status.ACKNOWLEDGED, reason)
    for pack in report["pluginReports"]:
        for one in pack["violations"]:
            for path in _paths(one):
                yield _Judged(_short(one["ruleName"]), path, Status.FINDING, one["description"])


def _paths(violation: Mapping[str, Any]) -> list[str]:
    return [str(one["constructPath"]) for one in violation["violatingConstructs"]]


def _short(rule: str) -> str:
    """A rule that HIPAA, NIST and PCI share is one rule: without the pack's name."""
    for pack in SHARED:
        rule = rule.removeprefix(f"{pack}-")
    return rule


def _examined(folder: Path, settings: Settings, controls: Controls) -> Iterator[tuple[str, str]]:
    """Every rule that maps to a control with every construct it looked at."""
    by_name: dict[str, list[str]] = {}
    by_id: dict[tuple[str, str], str] = {}
    for node in _nodes(json.loads((folder / "tree.json").read_text())["tree"]):
        attributes = node.get("attributes", {})
        if "aws:cdk:cloudformation:type" not in attributes:
            continue
        path = str(node["path"])
        by_name.setdefault(str(node.get("constructInfo", {}).get("fqn")), []).append(path)
        logical_id = attributes.get("aws:cdk:cloudformation:logicalId")
        by_id[path.split("/")[0], str(logical_id)] = path
    for nag_rule in controls.nag.values():
        for name in nag_rule.examines:
            for path in by_name.get(name, []):
                yield nag_rule.name, path
    environment = read_environment(folder, ContinuityPolicy.of(settings))
    for rule in CONTINUITY_RULES:
        for resource in rule.examines(environment):
            stack = resource.stack.name
            path = by_id.get((stack, resource.logical_id), f"{stack}/{resource.logical_id}")
            yield rule_id(rule), path


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("children", {}).values():
        yield from _nodes(child)


def objectives(environment: SynthesizedEnvironment, settings: Settings) -> list[Row]:
    """The criticality analysis: what the plans in the templates may take, against what the tier promises."""
    tier = settings.tier
    budgets = [
        int(one.body["Metadata"][BUDGET_METADATA])
        for one in environment.of_type("AWS::StepFunctions::StateMachine")
        if BUDGET_METADATA in one.body.get("Metadata", {})
    ]
    if not budgets:
        status, found = Status.NOT_SHOWN, "no failover plan says what it takes"
    elif not settings.has_standby:
        status = Status.ACKNOWLEDGED
        found = NO_PROMISE
    else:
        longest = max(budgets)
        status = Status.COMPLIANT if longest <= tier.rto_seconds else Status.FINDING
        found = f"the failover plan's budgets add up to {longest} s"
    shown = (
        f"Strategy {settings.strategy}, tier {tier.name}: RTO {tier.rto_seconds} s, "
        f"RPO {tier.rpo_seconds} s; "
    )
    if settings.has_standby:
        shown += (
            f"{found}, lag alarms ring at {settings.lag_alarm_seconds} s. What misses its tier is refused at "
            "synth."
        )
    else:
        shown += found
    return [Row(CRITICALITY, "RecoveryTier", "settings", "settings", status, shown)]


def _drill(evidence: Path | None, profile: str) -> list[Row]:
    """What the last drill showed, for the controls that its evidence names.

    It shows something of this profile alone, and only where a region was lost and the other one took over.
    """
    if evidence is None or not evidence.is_file():
        missing = "No evidence of a drill lies here; `make drill` writes build/drill/latest."
        return [Row(TESTING, "DrillEvidence", "drill", "drill", Status.NOT_SHOWN, missing)]
    found = json.loads(evidence.read_text())
    times = "".join(
        f"{name.upper()} {found[f'{name}_seconds']} s, "
        for name in ("rto", "rpo")
        if found[f"{name}_seconds"] is not None
    )
    where = "on AWS" if found["target"] == "aws" else "in the emulated lab, not on AWS"
    measured = (
        f"{found['id']} ({found.get('profile', 'of no profile')}, {where}) ended {found['verdict']}: "
        f"{times}lost {found['events']['lost']}."
    )
    lacking = _not_shown_by(found, profile)
    status = Status.NOT_SHOWN if lacking else Status.COMPLIANT
    return [
        Row(one["id"], "DrillEvidence", "drill", "drill", status,
            f"{lacking or one['how']} {measured}")
        for one in found["controls"]
    ]  # fmt: skip


def _not_shown_by(evidence: Mapping[str, Any], profile: str) -> str:
    """Why the evidence shows nothing of the profile; empty when it does."""
    if evidence["verdict"] != "PASS":
        return "The last drill did not pass."
    if evidence["rto_seconds"] is None:
        return "In the last drill nothing had to fail over."
    if evidence.get("profile") != profile:
        return f"The last drill was of another profile than {profile}."
    return ""
