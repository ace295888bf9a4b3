"""What the lab adds to the emulator: global caches, MSK's second API version, who may make a log group."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab import Lab, toolkit
from lab.places import ACCOUNT, HOME, RECOVERY
from lab.toolkit import ROOT

SUFFIX = "caches"
GROUP = f"cache-{SUFFIX}"

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with Lab(suffix=SUFFIX, workdir=folder, control_plane_only=True) as started:
        yield started


def test_an_image_that_is_missing_is_refused_and_one_that_is_there_is_not_being_copied(
    lab: Lab,
) -> None:
    ecr = lab.observer("ecr", HOME)
    ecr.create_repository(repositoryName="images")
    image = {"imageTag": "1"}
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        ecr.describe_images(repositoryName="images", imageIds=[image])
    ecr.put_image(repositoryName="images", imageTag="1", imageManifest="{}")
    (there,) = ecr.describe_images(repositoryName="images", imageIds=[image])["imageDetails"]
    assert there["imageTags"] == ["1"]
    status = ecr.describe_image_replication_status(repositoryName="images", imageId=image)
    assert status["replicationStatuses"] == []


@pytest.fixture
def global_cache(lab: Lab) -> Iterator[str]:
    """A global cache with its primary at home and a secondary in the recovery region."""
    home, recovery = lab.observer("elasticache", HOME), lab.observer("elasticache", RECOVERY)
    home.create_replication_group(
        ReplicationGroupId=GROUP, ReplicationGroupDescription="primary", Engine="valkey"
    )
    made = home.create_global_replication_group(
        GlobalReplicationGroupIdSuffix=GROUP, PrimaryReplicationGroupId=GROUP
    )
    identifier = str(made["GlobalReplicationGroup"]["GlobalReplicationGroupId"])
    recovery.create_replication_group(
        ReplicationGroupId=GROUP, ReplicationGroupDescription="secondary",
        GlobalReplicationGroupId=identifier,
    )  # fmt: skip
    yield identifier
    if role(lab, RECOVERY) == "PRIMARY":
        fail_over(lab, identifier, HOME)
    if role(lab, RECOVERY) == "SECONDARY":
        disassociate(lab, identifier)
    recovery.delete_replication_group(ReplicationGroupId=GROUP)
    home.delete_global_replication_group(
        GlobalReplicationGroupId=identifier, RetainPrimaryReplicationGroup=True
    )
    home.delete_replication_group(ReplicationGroupId=GROUP)


def role(lab: Lab, region: str) -> str:
    cache = lab.observer("elasticache", region)
    (group,) = cache.describe_replication_groups(ReplicationGroupId=GROUP)["ReplicationGroups"]
    return str(group.get("GlobalReplicationGroupInfo", {}).get("GlobalReplicationGroupMemberRole"))


def fail_over(lab: Lab, global_cache: str, region: str) -> None:
    lab.observer("elasticache", region).failover_global_replication_group(
        GlobalReplicationGroupId=global_cache, PrimaryRegion=region, PrimaryReplicationGroupId=GROUP
    )


def disassociate(lab: Lab, global_cache: str) -> None:
    lab.observer("elasticache", RECOVERY).disassociate_global_replication_group(
        GlobalReplicationGroupId=global_cache, ReplicationGroupId=GROUP,
        ReplicationGroupRegion=RECOVERY,
    )  # fmt: skip


def before_destroy(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "scripts" / "before_destroy.py")
    return subprocess.run(
        [sys.executable, script, "--suffix", SUFFIX, *arguments], text=True, capture_output=True,
        env=toolkit.environment(lab.places), timeout=60, check=False, cwd=Path(ROOT),
    )  # fmt: skip


def refused(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return str(caught.value.response["Error"]["Code"])


def test_a_failover_moves_the_primary_and_keeps_both_members(lab: Lab, global_cache: str) -> None:
    assert (role(lab, HOME), role(lab, RECOVERY)) == ("PRIMARY", "SECONDARY")
    fail_over(lab, global_cache, RECOVERY)
    assert (role(lab, HOME), role(lab, RECOVERY)) == ("SECONDARY", "PRIMARY")


def test_the_primary_is_not_deleted_and_not_let_go(lab: Lab, global_cache: str) -> None:
    home = lab.observer("elasticache", HOME)
    code = refused(home.delete_replication_group, ReplicationGroupId=GROUP)
    assert code == "InvalidReplicationGroupState"
    code = refused(
        home.disassociate_global_replication_group, GlobalReplicationGroupId=global_cache,
        ReplicationGroupId=GROUP, ReplicationGroupRegion=HOME,
    )  # fmt: skip
    assert code == "InvalidParameterValue"


def test_a_secondary_is_not_deleted_before_it_left(lab: Lab, global_cache: str) -> None:
    recovery = lab.observer("elasticache", RECOVERY)
    code = refused(recovery.delete_replication_group, ReplicationGroupId=GROUP)
    assert code == "InvalidReplicationGroupState"
    assert role(lab, RECOVERY) == "SECONDARY"


def test_a_secondary_that_left_is_in_no_global_cache(lab: Lab, global_cache: str) -> None:
    disassociate(lab, global_cache)
    assert (role(lab, HOME), role(lab, RECOVERY)) == ("PRIMARY", "None")


def test_destroying_is_refused_until_the_cache_writes_at_home(lab: Lab, global_cache: str) -> None:
    assert before_destroy(lab).returncode == 0
    fail_over(lab, global_cache, RECOVERY)
    outcome = before_destroy(lab)
    assert (outcome.returncode, f"{GROUP} writes in {RECOVERY}" in outcome.stderr) == (1, True)
    assert before_destroy(lab, "--switch-back").returncode == 0
    assert role(lab, HOME) == "PRIMARY"


def test_the_second_version_of_the_logs_api_shows_the_same_clusters(lab: Lab) -> None:
    kafka = lab.observer("kafka", HOME)
    arn = kafka.create_cluster(
        ClusterName="log-caches", KafkaVersion="3.8.x", NumberOfBrokerNodes=3,
        BrokerNodeGroupInfo={"ClientSubnets": ["subnet-1"], "InstanceType": "kafka.m5.large"},
    )["ClusterArn"]  # fmt: skip
    (listed,) = kafka.list_clusters_v2(ClusterNameFilter="log-")["ClusterInfoList"]
    assert (listed["ClusterName"], listed["ClusterArn"]) == ("log-caches", arn)
    version = kafka.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]["CurrentVersion"]
    iam = {"ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}}}
    kafka.update_connectivity(
        ClusterArn=arn, CurrentVersion=version, ConnectivityInfo={"VpcConnectivity": iam}
    )
    shown = kafka.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]["Provisioned"]
    assert shown["BrokerNodeGroupInfo"]["ConnectivityInfo"] == {"VpcConnectivity": iam}
    assert kafka.list_clusters_v2(ClusterNameFilter="other")["ClusterInfoList"] == []
    kafka.delete_cluster(ClusterArn=arn)


OUTLIVES_ITS_GROUP = """
import boto3

def handler(event, context):
    boto3.client("logs").delete_log_group(logGroupName=event["group"])
    print("the run goes on")
"""
"""A run that is under way while `cdk destroy` deletes its log group: no clock decides the order."""
WRITE_LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]


@pytest.mark.parametrize(
    ("actions", "left"), [(WRITE_LOGS, False), ([*WRITE_LOGS, "logs:CreateLogGroup"], True)]
)
def test_a_run_makes_its_log_group_anew_only_if_its_role_may(
    lab: Lab, actions: list[str], left: bool
) -> None:
    name = f"may-create-{SUFFIX}" if left else f"may-write-{SUFFIX}"
    group = f"/aws/lambda/{name}"
    logs = lab.observer("logs", HOME)
    logs.create_log_group(logGroupName=group)
    made_function(lab, name, OUTLIVES_ITS_GROUP, actions)
    event = json.dumps({"group": group})
    # The answer comes after the run's log was written.
    answer = lab.observer("lambda", HOME).invoke(FunctionName=name, Payload=event)
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert groups(lab, name) == ([group] if left else [])


def test_a_role_that_is_gone_makes_no_log_group(lab: Lab) -> None:
    name = f"no-role-{SUFFIX}"
    made_function(lab, name, "def handler(event, context):\n    print('said')\n", None)
    functions = lab.observer("lambda", HOME)
    assert functions.invoke(FunctionName=name)["StatusCode"] == 200
    assert groups(lab, name) == []
    lab.observer("logs", HOME).create_log_group(logGroupName=f"/aws/lambda/{name}")
    assert functions.invoke(FunctionName=name)["StatusCode"] == 200
    written = lab.observer("logs", HOME).filter_log_events(logGroupName=f"/aws/lambda/{name}")
    assert "said" in [one["message"] for one in written["events"]]


def made_function(lab: Lab, name: str, code: str, actions: list[str] | None) -> None:
    """A function and its role with these actions on everything; None: no role."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", code)
    if actions is not None:
        iam = lab.observer("iam", HOME)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="logs", PolicyDocument=document)
    lab.observer("lambda", HOME).create_function(
        FunctionName=name, Runtime="python3.14", Handler="index.handler", Timeout=30,
        Role=f"arn:aws:iam::{ACCOUNT}:role/{name}", Code={"ZipFile": packed.getvalue()},
    )  # fmt: skip


def groups(lab: Lab, name: str) -> list[str]:
    found = lab.observer("logs", HOME).describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")
    return [str(one["logGroupName"]) for one in found["logGroups"]]
