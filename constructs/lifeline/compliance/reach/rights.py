"""The questions that an IAM evaluator is asked, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lifeline.compliance.reach.policies import Policies, same_account
from lifeline.compliance.reach.world import ACCOUNT, World

REGISTRY_ACCOUNT = "999999999999"
"""Stands for the account of the registry, which signs the addresses of image layers."""


@dataclass(frozen=True)
class Ask:
    """One question: may `principal` do `action` on `resource`."""

    principal: str
    action: str
    resource: str
    context: tuple[tuple[str, str | tuple[str, ...]], ...]
    identity: tuple[str, ...]
    policy: str
    endpoint: tuple[str, ...]
    boundary: tuple[str, ...] = ()
    """Permissions boundaries of the principal."""

    @property
    def account(self) -> str:
        """The account of the resource."""
        return self.principal.split(":")[4] if self.foreign else same_account(self.resource)

    @property
    def foreign(self) -> bool:
        """Whether the principal is of another account."""
        return f":{REGISTRY_ACCOUNT}:" in self.principal

    @property
    def documents(self) -> tuple[str, ...]:
        """Every document that judges the question."""
        own = (*self.identity, *((self.policy,) if self.policy else ()), *self.endpoint)
        return (*own, *self.boundary)


@dataclass(frozen=True)
class Answer:
    """What the evaluator says: allowed or not, and by which statements (document, number)."""

    allowed: bool
    by: tuple[tuple[str, int], ...] = ()
    against: tuple[tuple[str, int], ...] = ()
    reason: str = ""


Evaluate = Callable[[Mapping[str, object], Sequence[Ask]], list[Answer]]
"""From documents by key, and questions, to the answers in the same order."""


def ask(
    world: World,
    policies: Policies,
    *,
    principal: str,
    action: str,
    resource: str,
    region: str,
    endpoint: str = "",
    context: Mapping[str, str | tuple[str, ...]] | None = None,
) -> Ask:
    """The question with all that AWS would look at."""
    return Ask(
        principal,
        action,
        resource,
        tuple(sorted({**_context(world, principal, resource, region), **(context or {})}.items())),
        policies.of_role(principal) if principal.startswith("arn:") else (),
        policies.of_resource(resource),
        policies.of_endpoint(endpoint),
    )


def _context(world: World, principal: str, resource: str, region: str) -> Mapping[str, str]:
    """The condition keys that every signed request carries, and the tags of what is called."""
    found = {
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": region,
        "aws:ResourceAccount": same_account(resource),
    }
    if principal.startswith("arn:"):
        found |= {"aws:PrincipalArn": principal, "aws:PrincipalAccount": same_account(principal)}
    else:
        found["aws:SourceAccount"] = ACCOUNT
    target = world.by_arn(resource.partition("/")[0] if ":s3:::" in resource else resource)
    for tag in _tags(target.properties if target else {}):
        found[f"aws:ResourceTag/{tag['Key']}"] = str(tag["Value"])
    return found


def _tags(properties: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for name in ("Tags", "FileSystemTags", "HostedZoneTags"):
        listed = properties.get(name, [])
        if isinstance(listed, list):
            yield from (one for one in listed if "Key" in one)
