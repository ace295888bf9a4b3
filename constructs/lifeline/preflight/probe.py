"""A probe as data: whom it asks, what it expects, what it means if not, and what mends it.

A probe only reads. `Ask` is a call of the AWS API with the permission that it needs; `judge` is a pure
function from the place and the answers to findings. What cannot be asked is UNKNOWN, never OK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lifeline.preflight.assembly import Resource, Stack, of_type


class Verdict(StrEnum):
    """What became of a probe in one place."""

    OK = "ok"
    WRONG = "wrong"
    """It must be mended before a deployment."""
    UNKNOWN = "unknown"
    """Nobody answered, or not to these credentials."""
    SKIPPED = "skipped"
    """A person said so."""


class Scope(StrEnum):
    """How often a probe asks."""

    ACCOUNT = "account"
    """Once, in the home region: what it asks is global, or the account's."""
    REGION = "region"
    """In each region that gets a resource that the probe is about."""


@dataclass(frozen=True)
class Finding:
    """What is wrong, in a sentence, and the command (or the step in the console) that mends it."""

    sentence: str
    mend: str


@dataclass(frozen=True)
class Answer:
    """One call's answer; `body` is None where AWS said that there is no such thing."""

    parameters: Mapping[str, Any]
    body: Mapping[str, Any] | None


@dataclass(frozen=True)
class Certificate:
    """A certificate authority in the bundle that the images trust: its SHA-1 and when it ends."""

    subject: str
    sha1: str
    not_after: float


@dataclass(frozen=True)
class Place:
    """Where a probe asks, and what the deployment would make there: in one region, or (`Scope.ACCOUNT`,
    asked in the home region) everywhere.

    `bundle` holds the certificates of the bundle that the images trust; None: none was named. `profile`
    is the one that was named, for commands that mend.
    """

    region: str
    home: str
    suffix: str
    account: str
    stacks: tuple[Stack, ...]
    resources: tuple[Resource, ...]
    now: float
    bundle: tuple[Certificate, ...] | None = None
    profile: str = ""

    def wanted(self, *types: str) -> list[Resource]:
        """What the templates hold of these types."""
        return of_type(self.resources, *types)

    def new(self, answers: Answers, *types: str) -> list[Resource]:
        """Those of them that do not stand yet: an update of an environment makes only these."""
        standing = {
            (str(answer.parameters["StackName"]), str(one["LogicalResourceId"]))
            for answer in answers.of("list_stack_resources")
            for one in (answer.body or {}).get("StackResourceSummaries", [])
            if one["ResourceStatus"] != "DELETE_COMPLETE"
        }
        return [one for one in self.wanted(*types) if (one.stack, one.logical_id) not in standing]


@dataclass(frozen=True)
class Answers:
    """What a probe's calls answered, by the call's name in boto3."""

    by_operation: Mapping[str, Sequence[Answer]] = field(default_factory=dict)

    def of(self, operation: str) -> Sequence[Answer]:
        """The answers of one call."""
        return self.by_operation.get(operation, ())

    def body(self, operation: str) -> Mapping[str, Any]:
        """The only answer's body; empty when there is no such thing."""
        return next((answer.body or {} for answer in self.of(operation)), {})

    def items(self, operation: str, key: str) -> list[Any]:
        """The list `key` of every answer, joined."""
        return [one for answer in self.of(operation) for one in (answer.body or {}).get(key, [])]


Parameters = Iterable[Mapping[str, Any]]
IN_REGION = "@region"
"""Among a call's parameters: the region that it goes to. No parameter of AWS's begins with an @."""


def once(_place: Place, _answers: Answers) -> Parameters:
    """One call without parameters."""
    return ({},)


@dataclass(frozen=True)
class Ask:
    """A call: `each` says with which parameters, once for each; it may look at the answers before it.

    `permission` is the IAM action; `absent` are the error codes that mean "there is none", `taken` those
    that mean "there is one, and it is not yours". The call goes to the place's region, or to `region`, or
    to the one that the parameters name as `IN_REGION`.
    """

    service: str
    operation: str
    permission: str
    each: Callable[[Place, Answers], Parameters] = once
    absent: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    region: str = ""


Judge = Callable[[Place, Answers], list[Finding]]


@dataclass(frozen=True)
class Probe:
    """One fact that the design rests on. `source` is where AWS says so.

    `types`: the probe asks where the templates hold one of them; empty: everywhere.
    """

    id: str
    fact: str
    asks: tuple[Ask, ...]
    expects: str
    if_not: str
    mend: str
    judge: Judge
    source: str
    types: tuple[str, ...] = ()
    scope: Scope = Scope.REGION

    def applies(self, place: Place) -> bool:
        """Whether the deployment makes anything in `place` that the probe is about."""
        if self.scope is Scope.ACCOUNT and place.region != place.home:
            return False
        return not self.types or bool(place.wanted(*self.types))


@dataclass(frozen=True)
class Result:
    """One probe in one place."""

    probe: str
    region: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()


def each_stack(place: Place, _answers: Answers) -> Parameters:
    """The place's stacks, by name."""
    return [{"StackName": stack.name, IN_REGION: stack.region} for stack in place.stacks]


STANDING = Ask(
    "cloudformation",
    "list_stack_resources",
    "cloudformation:ListStackResources",
    each_stack,
    absent=frozenset({"ValidationError"}),
)
"""What of the environment stands already. CloudFormation answers ValidationError for a stack that is not."""
