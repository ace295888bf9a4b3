"""Which resource types take tags, asked of the CloudFormation schemas that cfn-lint ships for each region.

Only a nag build needs them: nothing here is imported by a plain synth.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from lifeline.compliance.installed import folder_of

SCHEMAS = folder_of("cfnlint") / "data" / "schemas"
NEWEST_REGION = "us-east-1"
"""Asked about a type that a region's own list lacks."""

NOT_YET = frozenset({"AWS::ElastiCache::GlobalReplicationGroup"})
"""Types whose newest schema takes tags, but the one that the CDK checks templates with refuses them: its
warning at every synth would hide others. Its members, where the data are, carry the tags."""


@cache
def _listed(region: str) -> dict[str, str]:
    path = SCHEMAS / "providers" / f"{region}.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}
    return found


@cache
def tag_property(resource_type: str, region: str) -> str | None:
    """The name of the property that takes the type's tags; None where the type takes none."""
    entry = _listed(region).get(resource_type) or _listed(NEWEST_REGION).get(resource_type)
    if entry is None or resource_type in NOT_YET:
        return None
    schema: dict[str, Any] = json.loads((SCHEMAS / "resources" / f"{entry}.json").read_text())
    tagging = schema.get("tagging", {})
    if not tagging.get("taggable", schema.get("taggable", False)):
        return None
    name = str(tagging.get("tagProperty", "/properties/Tags")).rsplit("/", 1)[-1]
    return name if name in schema.get("properties", {}) else None


def tag_keys(tags: Any) -> set[str]:
    """The keys of a template's tags, written as a list of key and value or as a map."""
    if isinstance(tags, dict):
        return set(tags)
    return {str(one.get("Key")) for one in tags or [] if isinstance(one, dict)}
