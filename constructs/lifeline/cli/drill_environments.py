"""The drill environments of an account, found by the tags of their stacks; and which of them are over.

Only a suffix of a drill's form counts, and only if every stack of it says when it ends: what is in doubt
is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lifeline.settings import DRILL_ENDS_AT, DRILL_SUFFIX, drill_end

ENVIRONMENT, PROJECT, OURS = "Environment", "Project", "Lifeline"
GOING = "DELETE_IN_PROGRESS"


@dataclass(frozen=True)
class Stack:
    """A stack that is not gone yet."""

    name: str
    region: str
    status: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class DrillEnvironment:
    """All stacks of one suffix. `keep` says why it is kept whatever the time is; empty: it need not be."""

    suffix: str
    stacks: tuple[Stack, ...]
    ends_at: datetime | None
    keep: str

    def is_over(self, now: datetime) -> bool:
        """Whether it may be ended: past its time, and nothing in doubt."""
        return not self.keep and self.ends_at is not None and self.ends_at <= now


def stacks_in(client: Any, region: str) -> tuple[list[Stack], datetime]:
    """Lifeline's stacks of one region, and the service's own time: a laptop's clock may be wrong."""
    found: list[Stack] = []
    now = datetime.now(UTC)
    for page in client.get_paginator("describe_stacks").paginate():
        said = page.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if said:
            now = parsedate_to_datetime(said).astimezone(UTC)
        for one in page["Stacks"]:
            tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
            if tags.get(PROJECT) == OURS and tags.get(ENVIRONMENT):
                found.append(Stack(one["StackName"], region, one["StackStatus"], tags))
    return found, now


def drill_environments(stacks: Iterable[Stack]) -> list[DrillEnvironment]:
    """Every environment whose suffix has a drill's form, in the order of the suffixes."""
    by_suffix: dict[str, list[Stack]] = {}
    for one in stacks:
        if DRILL_SUFFIX.fullmatch(one.tags[ENVIRONMENT]):
            by_suffix.setdefault(one.tags[ENVIRONMENT], []).append(one)
    return [_environment(suffix, tuple(by_suffix[suffix])) for suffix in sorted(by_suffix)]


def _environment(suffix: str, stacks: tuple[Stack, ...]) -> DrillEnvironment:
    ends: list[datetime] = []
    keep = ""
    for one in stacks:
        try:
            ends.append(drill_end(one.tags.get(DRILL_ENDS_AT, "")))
        except ValueError:
            keep = f"{one.name} in {one.region} does not say when it ends"
        if not one.name.endswith(f"-{suffix}"):
            keep = f"{one.name} in {one.region} has not the suffix in its name"
        if one.status == GOING:
            keep = f"{one.name} in {one.region} is being deleted already"
    # The latest: a deployment that failed half-way leaves stacks with the time before.
    return DrillEnvironment(suffix, stacks, max(ends, default=None), keep)
