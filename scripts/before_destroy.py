"""What must hold before `cdk destroy`: the global database and the global cache write in the home region.

The recovery region's stacks are destroyed first, since the home region's made the global stores. A member
leaves its global store before it is deleted, and the one that takes the writes may only leave last: after a
failover the destruction would stop half-way. This refuses before anything is gone; `--switch-back` moves the
writes home instead, which loses nothing (a switchover, not a failover).

A promotion past its budget takes the recovery region's cluster out of the global one. Its stack still names
it a member, so that its deletion fails: that is refused, too, with what to type. A secret left by a takeover
is told: `after_destroy.py` deletes it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lifeline.naming import Names
from lifeline.regions import region_named
from lifeline.settings import Settings

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3})
SWITCH_SECONDS = 900
"""A switchover is typically done in 30 s; it waits for the other side to have caught up."""
LOOK_SECONDS = 5
CDK_JSON = Path(__file__).resolve().parents[1] / "cdk.json"


class Store(Protocol):
    """A store with a member in each region, one of which takes the writes."""

    name: str

    def writes_in(self) -> str:
        """The region that takes the writes; empty when there is no global store or no member at home."""

    def switch_back(self) -> None:
        """Ask for the writes to move home. Raises ClientError."""


class Database:
    """The global cluster `name`."""

    def __init__(self, name: str, home: str) -> None:
        self.name = name
        self._home = home
        self._rds: Any = boto3.client("rds", region_name=home, config=CONFIG)

    def writes_in(self) -> str:
        there = self._members()
        if not any(region_of(arn) == self._home for arn in there):
            return ""
        return next((region_of(arn) for arn, writer in there.items() if writer), "")

    def switch_back(self) -> None:
        at_home = next(arn for arn in self._members() if region_of(arn) == self._home)
        self._rds.switchover_global_cluster(
            GlobalClusterIdentifier=self.name, TargetDbClusterIdentifier=at_home
        )

    def _members(self) -> dict[str, bool]:
        try:
            found = self._rds.describe_global_clusters(GlobalClusterIdentifier=self.name)
        except self._rds.exceptions.GlobalClusterNotFoundFault:
            return {}
        return {
            str(member["DBClusterArn"]): bool(member["IsWriter"])
            for cluster in found["GlobalClusters"]
            for member in cluster["GlobalClusterMembers"]
        }


class Cache:
    """The global group that the home region's replication group `name` is in."""

    def __init__(self, name: str, home: str) -> None:
        self.name = name
        self._home = home
        self._cache: Any = boto3.client("elasticache", region_name=home, config=CONFIG)

    def writes_in(self) -> str:
        world = self._world()
        if not world:
            return ""
        found = self._cache.describe_global_replication_groups(
            GlobalReplicationGroupId=world, ShowMemberInfo=True
        )
        return next(
            (
                str(member["ReplicationGroupRegion"])
                for one in found["GlobalReplicationGroups"]
                for member in one["Members"]
                if member["Role"] == "PRIMARY"
            ),
            "",
        )

    def switch_back(self) -> None:
        self._cache.failover_global_replication_group(
            GlobalReplicationGroupId=self._world(),
            PrimaryRegion=self._home,
            PrimaryReplicationGroupId=self.name,
        )

    def _world(self) -> str:
        try:
            found = self._cache.describe_replication_groups(ReplicationGroupId=self.name)
        except self._cache.exceptions.ReplicationGroupNotFoundFault:
            return ""
        info = found["ReplicationGroups"][0].get("GlobalReplicationGroupInfo") or {}
        return str(info.get("GlobalReplicationGroupId") or "")


class RecoveryRegion:
    """What a takeover may have left by itself in the recovery region."""

    def __init__(self, region: str, names: Names, global_cluster: str) -> None:
        self._region, self._names, self._global = region, names, global_cluster
        self._rds: Any = boto3.client("rds", region_name=region, config=CONFIG)
        self._secrets: Any = boto3.client("secretsmanager", region_name=region, config=CONFIG)

    def detached_cluster(self) -> tuple[str, list[str]] | None:
        """The cluster that is in no global one and its instances; None: it is a member, or there is none."""
        name = self._names.cross_region_name("database", "database")
        try:
            (cluster,) = self._rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
        except self._rds.exceptions.DBClusterNotFoundFault:
            return None
        if cluster["DBClusterArn"] in self._members():
            return None
        members = cluster.get("DBClusterMembers", [])
        return name, [str(one["DBInstanceIdentifier"]) for one in members]

    def secret_by_itself(self) -> str:
        """The database admin's secret if it is nobody's replica; else empty."""
        name = self._names.regional_name("database-admin")
        try:
            found = self._secrets.describe_secret(SecretId=name)
        except self._secrets.exceptions.ResourceNotFoundException:
            return ""
        return name if found.get("PrimaryRegion") in (None, self._region) else ""

    def _members(self) -> set[str]:
        try:
            found = self._rds.describe_global_clusters(GlobalClusterIdentifier=self._global)
        except self._rds.exceptions.GlobalClusterNotFoundFault:
            return set()
        return {
            str(member["DBClusterArn"])
            for cluster in found["GlobalClusters"]
            for member in cluster["GlobalClusterMembers"]
        }


def left_alone(there: RecoveryRegion, region: str) -> int:
    """0 when nothing stands in the way of the destruction; what a takeover left is told."""
    secret = there.secret_by_itself()
    if secret:
        print(f"destroy: {secret} in {region} is nobody's replica: it is deleted last")
    detached = there.detached_cluster()
    if detached is None:
        return 0
    name, instances = detached
    deletions = [
        f"aws rds delete-db-instance --region {region} --db-instance-identifier {one}"
        for one in instances
    ]
    last = f"aws rds delete-db-cluster --region {region} --db-cluster-identifier {name}"
    commands = "\n".join([*deletions, f"{last} --skip-final-snapshot"])
    print(
        f"destroy: {name} in {region} has left its global cluster, and its stack could not delete it. "
        f"What it holds is in no other region. When nobody needs it, type:\n{commands}\n"
        f"and destroy again (docs/runbooks/destroy.md).",
        file=sys.stderr,
    )
    return 1


def region_of(arn: str) -> str:
    """The region in an ARN."""
    return arn.split(":")[3]


def home_of(cdk_json: Path) -> str:
    """The home region that `cdk destroy` takes without an option: the context's, or the settings' own."""
    return str(_context(cdk_json).get("homeRegion") or Settings.home_region)


def recovery_of(cdk_json: Path) -> str:
    """As `home_of`, the recovery region."""
    return str(_context(cdk_json).get("recoveryRegion") or Settings.recovery_region)


def _context(cdk_json: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cdk_json.read_text()).get("context", {})
    return found


def main() -> int:
    """0: destroy may go on. 1, with a sentence on standard error: it may not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suffix", required=True)
    parser.add_argument("--home", default=None, help="else cdk.json's context, else the default")
    parser.add_argument("--recovery", default=None, help="likewise")
    parser.add_argument("--switch-back", action="store_true")
    given = parser.parse_args()
    home = given.home or home_of(CDK_JSON)
    code = region_named(home, role="home").code
    names = Names(suffix=given.suffix, code=code, account="")
    stores: tuple[Store, ...] = (
        Database(names.regional_name("global", "database"), home),
        Cache(names.regional_name("cache", "cache"), home),
    )
    recovery = given.recovery or recovery_of(CDK_JSON)
    there = RecoveryRegion(
        recovery,
        Names(suffix=given.suffix, code=region_named(recovery, role="recovery").code, account=""),
        names.regional_name("global", "database"),
    )
    asked = home
    try:
        at_home = max(ready(store, home, given.switch_back) for store in stores)
        asked = recovery
        return max(at_home, left_alone(there, recovery))
    except (BotoCoreError, ClientError) as error:
        print(f"destroy: {asked} did not answer: {error}", file=sys.stderr)
        return 1


def ready(store: Store, home: str, switch_back: bool) -> int:
    """0 when the store writes at home, or does at last after it was asked to."""
    there = store.writes_in()
    if there in ("", home):
        return 0
    if not switch_back:
        print(
            f"destroy: {store.name} writes in {there}. Destroying would stop half-way: switch back "
            f"first (`make destroy ARGS=--switch-back`, docs/runbooks/destroy.md).",
            file=sys.stderr,
        )
        return 1
    store.switch_back()
    deadline = time.monotonic() + SWITCH_SECONDS
    while store.writes_in() != home:
        if time.monotonic() > deadline:
            late = f"destroy: {store.name} does not write in {home} after {SWITCH_SECONDS} s."
            print(late, file=sys.stderr)
            return 1
        time.sleep(LOOK_SECONDS)
    print(f"destroy: {store.name} writes in {home} again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
