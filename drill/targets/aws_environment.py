"""What the stacks of an environment say of it: where it is, who is active, whether it may be drilled."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drill.targets import TargetError

MARK, ENVIRONMENT = "Drills", "Environment"
"""Tags of the stack `drill-{code}-{suffix}`."""
FREELY, CONFIRMED = "freely", "confirmed"
OUTPUTS = (
    "ApiUrl", "TokenUrl", "UserPoolId", "EdgeClientId", "BreakerArn", "Profile", "Witness",
)  # fmt: skip
DIRECTIONS = {"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw"}
ClientOf = Callable[[str, str], Any]


@dataclass(frozen=True, kw_only=True)
class RegionOutputs:
    """One region, as its stack's outputs and its user pool tell it."""

    api_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    breaker_arn: str
    mark: str


@dataclass(frozen=True, kw_only=True)
class Environment:
    """`active` holds the lease at `epoch`."""

    suffix: str
    profile: str
    active: str
    standby: str
    witness: str
    epoch: int
    regions: Mapping[str, RegionOutputs]

    @property
    def mark(self) -> str:
        """What both regions' stacks say; the more careful one where they differ."""
        marks = {one.mark for one in self.regions.values()}
        return FREELY if marks == {FREELY} else CONFIRMED


def find(suffix: str, regions: tuple[str, str], client: ClientOf) -> Environment:
    """Read it. Raises TargetError with a sentence for what is missing; writes nothing."""
    stacks = {region: _stack(suffix, region, client) for region in regions}
    missing = [region for region, stack in stacks.items() if stack is None]
    if missing:
        raise TargetError(
            f"{suffix} is not marked for drills: no stack {_stack_name(suffix, missing[0])} is in "
            f"{missing[0]}. An environment that may be drilled is deployed with `-c drills=freely` (it "
            f"exists for drills) or `-c drills=confirmed` (its suffix is typed first)."
        )
    found = {region: stack for region, stack in stacks.items() if stack is not None}
    outputs = {region: _outputs(stack) for region, stack in found.items()}
    for region in regions:
        lacking = sorted(set(OUTPUTS) - set(outputs[region]))
        if lacking:
            raise TargetError(
                f"{region}: the stack {_stack_name(suffix, region)} is "
                f"{found[region]['StackStatus']} and has no output {', '.join(lacking)}: deploy it."
            )
    told = {
        region: _region(suffix, region, found[region], outputs[region], client)
        for region in regions
    }
    witness = outputs[regions[0]]["Witness"]
    if witness == "none":
        raise TargetError(
            f"{suffix} has no witness: only a person moves its lease, so a drill that waits for a "
            "failover would wait in vain."
        )
    lease = _lease(suffix, witness, client)
    holder = str(lease.get("holder", {}).get("S", ""))
    if holder not in regions:
        raise TargetError(
            f"No region of {suffix} is active (the lease says {holder or 'nothing'!r}): run "
            f"`lifeline activate --suffix {suffix}` first."
        )
    (standby,) = [region for region in regions if region != holder]
    return Environment(
        suffix=suffix,
        profile=outputs[regions[0]]["Profile"],
        active=holder,
        standby=standby,
        witness=witness,
        epoch=int(lease["epoch"]["N"]),
        regions=told,
    )


def require_may_be_drilled(found: Environment, ask: Callable[[str], str]) -> None:
    """Ask for the suffix where the environment is not a drill's own. Raises TargetError unless it is typed.

    Never by an option: what stands in a script is not typed.
    """
    if found.mark == FREELY:
        return
    question = (
        f"{found.suffix} (profile {found.profile}) is no environment for drills. The drill will cut "
        f"{found.active} off. Type its suffix to go on: "
    )
    try:
        typed = ask(question)
    except EOFError:
        typed = ""
    if typed.strip() != found.suffix:
        raise TargetError(
            f"{found.suffix} is no environment for drills, and its suffix was not typed "
            f"({typed.strip()!r} was): nothing was broken."
        )


def breaker_arn(suffix: str, region: str, client: ClientOf) -> str | None:
    """The state machine that may have broken the region; None where no stack has one."""
    stack = _stack(suffix, region, client)
    return None if stack is None else _outputs(stack).get("BreakerArn")


def _stack_name(suffix: str, region: str) -> str:
    return f"drill-{region_code(region)}-{suffix}"


def region_code(region: str) -> str:
    """As in the stacks' names: `ca-central-1` is `cac1`. Raises TargetError for what names no region."""
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        raise TargetError(f"{region!r} is no region; allowed is a name such as ca-central-1.")
    area, *middle, number = region.split("-")
    return "".join((area, *(DIRECTIONS.get(one, one[:1]) for one in middle), number))


def _stack(suffix: str, region: str, client: ClientOf) -> dict[str, Any] | None:
    name = _stack_name(suffix, region)
    try:
        answer = client("cloudformation", region).describe_stacks(StackName=name)
    except ClientError as error:
        said = error.response["Error"]
        # CloudFormation has no error of its own for a stack that is not there.
        if said["Code"] == "ValidationError" and "does not exist" in said["Message"]:
            return None
        raise TargetError(f"{region}: the stack {name} cannot be read: {error}") from error
    except BotoCoreError as error:
        raise TargetError(f"{region}: the stack {name} cannot be read: {error}") from error
    stack: dict[str, Any] = answer["Stacks"][0]
    return stack


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def _region(
    suffix: str, region: str, stack: Mapping[str, Any], outputs: Mapping[str, str], client: ClientOf
) -> RegionOutputs:
    tags = {one["Key"]: one["Value"] for one in stack.get("Tags", [])}
    if tags.get(ENVIRONMENT) != suffix or tags.get(MARK) not in (FREELY, CONFIRMED):
        raise TargetError(
            f"{region}: the stack {stack['StackName']} is tagged {MARK}={tags.get(MARK)!r} and "
            f"{ENVIRONMENT}={tags.get(ENVIRONMENT)!r}; allowed is {FREELY} or {CONFIRMED}, of {suffix}."
        )
    try:
        described = client("cognito-idp", region).describe_user_pool_client(
            UserPoolId=outputs["UserPoolId"], ClientId=outputs["EdgeClientId"]
        )
    except (BotoCoreError, ClientError) as error:
        raise TargetError(f"{region}: the edges' credentials cannot be read: {error}") from error
    return RegionOutputs(
        api_url=outputs["ApiUrl"],
        token_url=outputs["TokenUrl"],
        client_id=outputs["EdgeClientId"],
        client_secret=described["UserPoolClient"]["ClientSecret"],
        breaker_arn=outputs["BreakerArn"],
        mark=tags[MARK],
    )


def _lease(suffix: str, witness: str, client: ClientOf) -> dict[str, Any]:
    try:
        answer = client("dynamodb", witness).get_item(
            TableName=f"lease-{suffix}", Key={"id": {"S": "lease"}}, ConsistentRead=True
        )
    except (BotoCoreError, ClientError) as error:
        raise TargetError(f"{witness}: the lease of {suffix} cannot be read: {error}") from error
    item: dict[str, Any] = answer.get("Item", {})
    return item
