"""Every rule of the continuity pack, in the order of the report."""

from __future__ import annotations

from lifeline.compliance.continuity_rule import ContinuityRule
from lifeline.compliance.isolation_rules import ISOLATION_RULES
from lifeline.compliance.keeping_rules import KEEPING_RULES
from lifeline.compliance.pack_names import CONTINUITY
from lifeline.compliance.pairing_rules import PAIRING_RULES

CONTINUITY_RULES: tuple[ContinuityRule, ...] = (*PAIRING_RULES, *ISOLATION_RULES, *KEEPING_RULES)


def rule_id(rule: ContinuityRule) -> str:
    """The rule's id in reports and acknowledgements."""
    return f"{CONTINUITY}-{rule.name}"
