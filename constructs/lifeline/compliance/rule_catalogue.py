"""What cdk-nag's HIPAA rules say and which resources they look at, read from the package itself.

cdk-nag reports findings only. To say of which resources a rule had nothing to complain, the report must
know what the rule examines: its source asks `node instanceof aws_rds_1.CfnDBCluster`, which is the type's
name in the construct tree too.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass

from lifeline.compliance.hipaa import controls_in
from lifeline.compliance.installed import folder_of

PACKAGE = folder_of("cdk_nag") / "_jsii"
PACK_SOURCE = "package/lib/packs/hipaa-security.js"
RULE_SOURCE = re.compile(r"package/lib/rules/\w+/(?P<rule>\w+)\.js")
APPLIED = re.compile(r"applyRule\(\{(?P<body>.*?)\n\s*\}\);", re.DOTALL)
INFO = re.compile(r"""info: (?P<quote>['"`])(?P<text>.*?)(?P=quote),\n""", re.DOTALL)
RULE_NAME = re.compile(r"rule: \w+\.(?P<rule>\w+)")
EXAMINED = re.compile(r"node instanceof (?P<module>aws_\w+)_1\.(?P<construct>Cfn\w+)")


@dataclass(frozen=True)
class NagRule:
    """One HIPAA rule of cdk-nag."""

    name: str
    description: str
    controls: tuple[str, ...]
    examines: frozenset[str]
    """Constructs by their full name, such as `aws-cdk-lib.aws_rds.CfnDBCluster`."""


def hipaa_rules() -> dict[str, NagRule]:
    """Every rule of the HIPAA pack by its short name. Raises ValueError if the package is laid out anew."""
    sources = _sources()
    found: dict[str, NagRule] = {}
    for applied in APPLIED.finditer(sources.get("", "")):
        name, info = RULE_NAME.search(applied["body"]), INFO.search(applied["body"])
        if name is None or info is None:
            raise ValueError("cdk-nag writes its packs in another way; read them anew here.")
        rule = name["rule"]
        examined = frozenset(
            f"aws-cdk-lib.{one['module']}.{one['construct']}"
            for one in EXAMINED.finditer(sources.get(rule, ""))
        )
        found[rule] = NagRule(rule, info["text"], controls_in(info["text"]), examined)
    if not found:
        raise ValueError("cdk-nag has its HIPAA pack elsewhere; look for it anew here.")
    return found


def _sources() -> dict[str, str]:
    """The source of each rule by its name, and under the empty name the HIPAA pack's."""
    found: dict[str, str] = {}
    (archive,) = PACKAGE.glob("*.jsii.tgz")
    with tarfile.open(archive) as packed:
        for member in packed:
            rule = RULE_SOURCE.fullmatch(member.name)
            if rule is None and member.name != PACK_SOURCE:
                continue
            source = packed.extractfile(member)
            if source is not None:
                found[rule["rule"] if rule else ""] = source.read().decode()
    return found
