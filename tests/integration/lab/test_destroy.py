"""A deployed environment's life in the regions' APIs: beside another one, failed over, updated, destroyed.

One lab, its control plane only, for all of it. The stages follow each other once (the fixture), and each
test holds one stage against what must be true of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab import Lab, inventory, toolkit
from lab.assembly import PROVIDER_NAME, Template
from lab.emulated_rollback import REFUSED, UNSTABLE
from lab.inventory import Inventory
from lab.places import HOME, RECOVERY
from lab.stacks import Stacks
from lab.store_watch import StoreChange
from lab.toolkit import ROOT
from lab.waiting import LabError

FIRST, SECOND = "alfa", "bravo"
PLANTED = (
    ("Foundation-cac1", "Custom::ClosedDefaultGroup", UNSTABLE),
    ("Witness-use2", "AWS::Lambda::EventInvokeConfig", REFUSED),
)
"""What fails before the first deployment. Each stack's turn: `test_failed_creates.py` (`make soak`)."""

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]


@dataclass
class Life:
    """What was seen at each stage."""

    empty: Inventory = field(default_factory=dict)
    rolled_back: Inventory = field(default_factory=dict)
    both: Inventory = field(default_factory=dict)
    second_alone: Inventory = field(default_factory=dict)
    after: Inventory = field(default_factory=dict)
    changes: dict[str, list[StoreChange]] = field(default_factory=dict)
    touched: dict[str, set[str]] = field(default_factory=dict)
    writers: dict[str, str] = field(default_factory=dict)
    caches: dict[str, dict[str, str]] = field(default_factory=dict)
    before_destroy: list[subprocess.CompletedProcess[str]] = field(default_factory=list)
    stack_states: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp("lab")
    with Lab(suffix=FIRST, workdir=folder, control_plane_only=True) as lab:
        yield _live(lab)


def _live(lab: Lab) -> Life:
    seen = Life()
    first, second = lab.stacks(), lab.stacks(SECOND)
    with ThreadPoolExecutor(2) as beside:
        prepared = beside.submit(lab.prepare_regions)
        for stacks in (first, second):
            stacks.synthesize()
            stacks.rewrite()
        prepared.result()
        seen.empty = inventory.take(lab.observer)
        _fail_in_two_stacks(lab, first, seen)
        list(beside.map(Stacks.deploy, (first, second)))
    seen.both = inventory.take(lab.observer)

    _fail_over(lab)
    seen.caches["failed over"] = _caches(lab)
    _deploy(lab, first, seen, "unchanged")
    first.synthesize({"imageTag": "another"})
    first.rewrite()
    _deploy(lab, first, seen, "image")
    first.rewrite(_shorter_backups)
    _deploy(lab, first, seen, "backups")
    _update_with_the_home_region_lost(lab, first, seen)

    seen.before_destroy = [_before_destroy(lab), _before_destroy(lab, "--switch-back")]
    seen.writers["switched back"] = _writer(lab)
    first.destroy()
    seen.second_alone = inventory.take(lab.observer)
    second.destroy()
    seen.after = inventory.take(lab.observer)
    return seen


def _fail_in_two_stacks(lab: Lab, stacks: Stacks, seen: Life) -> None:
    """One that is refused, one that is made and is not stable. Both stacks deploy afterwards."""
    lab.plant(
        {f"{name.lower()}-{FIRST}": _last(stacks, name, kind, how) for name, kind, how in PLANTED}
    )
    names = [name for name, _kind, _how in PLANTED]
    with pytest.raises(LabError, match="planted"):
        stacks.deploy(only=names)
    seen.rolled_back = inventory.take(lab.observer)
    lab.plant({})


def _last(stacks: Stacks, stack: str, kind: str, how: str) -> dict[str, str]:
    """The last resource of the type in the stack: the most is there when it fails."""
    template = json.loads((stacks.assembly / f"{stack}.template.json").read_text())
    return {[one for one, r in template["Resources"].items() if r["Type"] == kind][-1]: how}


def _deploy(lab: Lab, stacks: Stacks, seen: Life, stage: str) -> None:
    watch = lab.watch()
    stacks.deploy()
    seen.changes[stage] = watch.changes()
    seen.touched[stage] = watch.touched_stacks()
    seen.writers[stage] = _writer(lab)
    seen.caches[stage] = _caches(lab)


def _update_with_the_home_region_lost(lab: Lab, stacks: Stacks, seen: Life) -> None:
    stacks.rewrite(_one_more_tag)
    lab.lose(HOME)
    watch = lab.watch()
    stacks.deploy(only=stacks.of_region(RECOVERY), region=RECOVERY)
    seen.touched["lost"] = watch.touched_stacks()
    cloudformation = lab.client("cloudformation", RECOVERY)
    for name in stacks.names(RECOVERY):
        described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        seen.stack_states[name] = described["StackStatus"]
    lab.heal()


def _global_cluster(lab: Lab) -> dict[str, Any]:
    rds = lab.observer("rds", RECOVERY)
    found: dict[str, Any] = rds.describe_global_clusters(GlobalClusterIdentifier=f"global-{FIRST}")
    cluster: dict[str, Any] = found["GlobalClusters"][0]
    return cluster


def _writer(lab: Lab) -> str:
    members = _global_cluster(lab)["GlobalClusterMembers"]
    return next(str(m["DBClusterArn"]).split(":")[3] for m in members if m["IsWriter"])


def _member(lab: Lab, region: str) -> str:
    members = _global_cluster(lab)["GlobalClusterMembers"]
    return next(str(m["DBClusterArn"]) for m in members if f":{region}:" in m["DBClusterArn"])


def _fail_over(lab: Lab) -> None:
    lab.client("rds", RECOVERY).failover_global_cluster(
        GlobalClusterIdentifier=f"global-{FIRST}",
        TargetDbClusterIdentifier=_member(lab, RECOVERY), AllowDataLoss=True,
    )  # fmt: skip

    cache = lab.client("elasticache", RECOVERY)
    for global_cache in _global_caches(lab):
        for member in global_cache["Members"]:
            if member["ReplicationGroupRegion"] == RECOVERY:
                cache.failover_global_replication_group(
                    GlobalReplicationGroupId=global_cache["GlobalReplicationGroupId"],
                    PrimaryRegion=RECOVERY,
                    PrimaryReplicationGroupId=member["ReplicationGroupId"],
                )


def _global_caches(lab: Lab) -> list[dict[str, Any]]:
    cache = lab.observer("elasticache", RECOVERY)
    found: list[dict[str, Any]] = cache.describe_global_replication_groups(ShowMemberInfo=True)[
        "GlobalReplicationGroups"
    ]
    return [one for one in found if one["GlobalReplicationGroupId"].endswith(f"-{FIRST}")]


def _caches(lab: Lab) -> dict[str, str]:
    """The members of the global cache, and what each one is."""
    return {
        member["ReplicationGroupRegion"]: member["Role"]
        for global_cache in _global_caches(lab)
        for member in global_cache["Members"]
    }


def _before_destroy(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `make destroy` runs first."""
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "before_destroy.py"), "--suffix", FIRST, *arguments],
        env=toolkit.environment(lab.places), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def _shorter_backups(template: Template) -> Template:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::RDS::DBCluster":
            resource["Properties"]["BackupRetentionPeriod"] = 34
        if resource["Type"] == "AWS::Kinesis::Stream":
            resource["Properties"]["RetentionPeriodHours"] = 96
    return template


def _one_more_tag(template: Template) -> Template:
    """As `Tags.of(app).add("Reviewed", "yes")` would: a change of every resource that has tags."""
    for resource in template["Resources"].values():
        tags = resource.get("Properties", {}).get("Tags")
        if isinstance(tags, list):
            tags.append({"Key": "Reviewed", "Value": "yes"})
        elif isinstance(tags, dict):
            tags["Reviewed"] = "yes"
    return template


def _without_the_labs_own(found: Inventory) -> set[str]:
    return {key for key in found if PROVIDER_NAME not in key}


def test_the_rollback_of_a_failed_creation_leaves_nothing(life: Life) -> None:
    """But the stacks' own lines, without a resource."""
    left = sorted(set(life.rolled_back) - set(life.empty))
    assert [one.rsplit(" ", 1)[1] for one in left] == ["foundation-cac1-alfa", "witness-use2-alfa"]
    states = [json.loads(life.rolled_back[one])["StackStatus"] for one in left]
    assert states == ["ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE"]


def test_two_environments_stand_side_by_side(life: Life) -> None:
    of_first = inventory.of_suffix(life.both, FIRST)
    of_second = inventory.of_suffix(life.both, SECOND)
    assert min(len(of_first), len(of_second)) > 200
    assert sorted(set(of_first) & set(of_second)) == []


def test_a_deployment_after_a_failover_changes_no_store(life: Life) -> None:
    assert life.changes["unchanged"] == []
    assert life.touched["unchanged"] == set()
    assert life.writers["unchanged"] == RECOVERY


def test_a_new_image_after_a_failover_changes_services_and_no_store(life: Life) -> None:
    assert {"application-cac1-alfa", "application-caw1-alfa"} <= life.touched["image"]
    assert life.changes["image"] == []
    assert life.writers["image"] == RECOVERY
    assert life.caches["image"] == {RECOVERY: "PRIMARY", HOME: "SECONDARY"}


def test_the_witnesses_see_a_change_of_a_store(life: Life) -> None:
    """If they were blind, the two tests before would mean nothing."""
    seen = {(change.by, change.region, change.what) for change in life.changes["backups"]}
    for source, region in (("cac1", HOME), ("caw1", RECOVERY)):
        assert (source, region, "ModifyDBCluster") in seen
        assert ("cloudformation", region, "update RetentionPeriodHours") in seen
    assert life.writers["backups"] == RECOVERY


def test_the_recovery_regions_stacks_are_updated_while_the_home_region_is_lost(life: Life) -> None:
    assert set(life.stack_states.values()) == {"UPDATE_COMPLETE"}
    assert life.touched["lost"] == set(life.stack_states)
    assert len(life.stack_states) >= 5


def test_nothing_is_destroyed_while_the_writer_is_in_the_recovery_region(life: Life) -> None:
    """The writer leaves the global cluster last, and the recovery region's stacks go first."""
    refused, switched = life.before_destroy
    assert refused.returncode == 1
    assert "switch back first" in refused.stderr
    assert switched.returncode == 0, switched.stderr
    assert life.writers["switched back"] == HOME


def test_destroying_one_leaves_nothing_of_it_and_the_other_whole(life: Life) -> None:
    assert inventory.of_suffix(life.second_alone, FIRST) == []
    assert inventory.of_suffix(life.second_alone, SECOND) == inventory.of_suffix(life.both, SECOND)


def test_destroying_both_leaves_what_stood_before(life: Life) -> None:
    """Also what carries no suffix: keys, default groups, main route tables."""
    assert sorted(_without_the_labs_own(life.after) - set(life.empty)) == []
    assert sorted(set(life.empty) - set(life.after)) == []
