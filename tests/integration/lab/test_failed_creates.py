"""A creation fails in every stack: what was made is taken back, and the repaired stack deploys.

One lab, its control plane only. The stacks are deployed in the order of their dependencies; in each one
first a planted resource fails. At the end all of them are destroyed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab import Lab, inventory
from lab.emulated_rollback import REFUSED, UNSTABLE
from lab.places import RECOVERY
from lab.stacks import Stacks
from lab.waiting import LabError

SUFFIX = "torn"
PLANTED = {
    "Foundation-cac1": ("Custom::ClosedDefaultGroup", UNSTABLE),
    "Foundation-caw1": ("AWS::EC2::VPCEndpoint", REFUSED),
    "Witness-use2": ("AWS::Lambda::EventInvokeConfig", REFUSED),
    "Data-cac1": ("Custom::EmptyVault", UNSTABLE),
    "Data-caw1": ("Custom::LabDatabaseInstance", UNSTABLE),
    "Streaming-cac1": ("AWS::Lambda::EventSourceMapping", UNSTABLE),
    "Streaming-caw1": ("Custom::LabLogCluster", UNSTABLE),
    "Application-cac1": ("AWS::ECS::Service", UNSTABLE),
    "Application-caw1": ("AWS::ApiGateway::Stage", REFUSED),
    "Failover-cac1": ("AWS::StepFunctions::StateMachine", UNSTABLE),
    "Failover-caw1": ("Custom::EmptyBucket", UNSTABLE),
    "Replication-cac1": ("Custom::FileReplication", UNSTABLE),
    "Replication-caw1": ("Custom::CacheMembership", UNSTABLE),
    "Observability-cac1": ("AWS::CloudWatch::Dashboard", UNSTABLE),
    "Observability-caw1": ("AWS::CloudWatch::Alarm", REFUSED),
}
"""By stack: the type of the resource that fails, and how."""
MEMBER = ("AWS::ElastiCache::ReplicationGroup", UNSTABLE)
"""Of the stack that holds the second member of the global cache: it fails a second time, by itself."""
MEMBERS_STACK = "Replication-caw1"

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(1200)]


@dataclass
class Attempts:
    """What was seen of each stack, by its id."""

    failed: dict[str, str] = field(default_factory=dict)
    """The stack's state after the failure."""
    repaired: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """What the failed stacks left."""
    half_a_member: str = ""
    """The state of its stack after a member of the global cache failed in its own creation."""
    after: list[str] = field(default_factory=list)
    """What stands after the destruction and did not before the first deployment."""


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attempts]:
    folder = tmp_path_factory.mktemp("lab")
    with Lab(suffix=SUFFIX, workdir=folder, control_plane_only=True) as lab:
        yield _fail_and_repair(lab)


def _fail_and_repair(lab: Lab) -> Attempts:
    seen, stacks = Attempts(), lab.stacks()
    stacks.synthesize()
    stacks.rewrite()
    lab.prepare_regions()
    empty = inventory.take(lab.observer)
    artifacts = _artifacts(stacks)
    for wave in _waves(artifacts):
        names = {_name(artifacts[one]) for one in wave}
        lab.plant({_name(artifacts[one]): _planted(stacks, one, PLANTED[one]) for one in wave})
        before = inventory.take(lab.observer)
        with pytest.raises(LabError, match="planted"):
            stacks.deploy(only=wave)
        new = set(inventory.take(lab.observer)) - set(before)
        # A stack stays in the list, without a resource, after its rollback.
        seen.left += sorted(key for key in new if key.rsplit(" ", 1)[1] not in names)
        seen.failed |= {one: _status(lab, artifacts[one]) for one in wave}
        if MEMBERS_STACK in wave:
            seen.half_a_member = _fail_the_member(lab, stacks, artifacts[MEMBERS_STACK])
        lab.plant({})
        stacks.deploy(only=wave)
        seen.repaired |= {one: _status(lab, artifacts[one]) for one in wave}
    stacks.destroy()
    seen.after = sorted(set(inventory.take(lab.observer)) - set(empty))
    return seen


def _fail_the_member(lab: Lab, stacks: Stacks, artifact: dict[str, Any]) -> str:
    """Then mend it as docs/runbooks/destroy.md says."""
    lab.plant({_name(artifact): _planted(stacks, MEMBERS_STACK, MEMBER)})
    with pytest.raises(LabError, match="planted"):
        stacks.deploy(only=[MEMBERS_STACK])
    found = _status(lab, artifact)
    cache = lab.observer("elasticache", RECOVERY)
    (datastore,) = cache.describe_global_replication_groups(ShowMemberInfo=True)[
        "GlobalReplicationGroups"
    ]
    (member,) = [one for one in datastore["Members"] if one["Role"] == "SECONDARY"]
    cache.disassociate_global_replication_group(
        GlobalReplicationGroupId=datastore["GlobalReplicationGroupId"],
        ReplicationGroupId=member["ReplicationGroupId"],
        ReplicationGroupRegion=RECOVERY,
    )
    return found


def _artifacts(stacks: Stacks) -> dict[str, Any]:
    manifest = json.loads((stacks.assembly / "manifest.json").read_text())
    return {
        name: artifact
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }


def _waves(artifacts: dict[str, Any]) -> Iterator[list[str]]:
    """The stacks, those first that depend on none of the rest."""
    left = set(artifacts)
    while left:
        wave = sorted(one for one in left if not left & set(artifacts[one]["dependencies"]))
        yield wave
        left -= set(wave)


def _planted(stacks: Stacks, stack: str, planted: tuple[str, str]) -> dict[str, str]:
    kind, how = planted
    template = json.loads((stacks.assembly / f"{stack}.template.json").read_text())
    of_kind = [one for one, made in template["Resources"].items() if made["Type"] == kind]
    return {of_kind[-1]: how}


def _name(artifact: dict[str, Any]) -> str:
    return str(artifact["properties"]["stackName"])


def _status(lab: Lab, artifact: dict[str, Any]) -> str:
    cloudformation = lab.observer("cloudformation", artifact["environment"].rsplit("/", 1)[1])
    described = cloudformation.describe_stacks(StackName=_name(artifact))["Stacks"][0]
    return f"{described['StackStatus']} {described.get('StackStatusReason', '')}".strip()


def test_a_failed_creation_is_rolled_back_in_every_stack(attempts: Attempts) -> None:
    assert attempts.failed == dict.fromkeys(PLANTED, "ROLLBACK_COMPLETE")


def test_the_rollback_leaves_nothing(attempts: Attempts) -> None:
    assert attempts.left == []


def test_a_member_that_failed_half_way_keeps_its_stack(attempts: Attempts) -> None:
    """ElastiCache deletes no member of a global datastore: once it is disassociated, the stack deploys."""
    assert attempts.half_a_member.startswith("ROLLBACK_FAILED")


def test_the_repaired_stack_deploys(attempts: Attempts) -> None:
    assert attempts.repaired == dict.fromkeys(PLANTED, "CREATE_COMPLETE")


def test_destroying_all_leaves_what_stood_before(attempts: Attempts) -> None:
    """Rolled back and made again: nothing of the first attempt is left over either."""
    assert attempts.after == []
