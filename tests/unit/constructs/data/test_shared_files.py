"""Shared files: mounted over TLS by named roles through one access point; replication from home only."""

from __future__ import annotations

import pytest
from aws_cdk import aws_iam as iam

from lifeline.data.backups import Backups
from lifeline.data.file_replication import FileReplication
from lifeline.data.shared_files import SharedFiles
from lifeline.foundation.closed_default_group import ClosedDefaultGroup
from lifeline.tiers import RecoveryTier
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

FILE_SYSTEM = "AWS::EFS::FileSystem"


def files(made: StackUnderTest) -> SharedFiles:
    return SharedFiles(made.stack, "Files", site=made.site, vpc=made.network().vpc, keys=made.keys)


def test_the_file_system_is_encrypted_elastic_and_found_by_its_name(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    files(made)
    (found,) = made.resources(FILE_SYSTEM)
    properties = found["Properties"]
    assert properties["Encrypted"] is True
    assert properties["ThroughputMode"] == "elastic"
    assert properties["BackupPolicy"] == {"Status": "DISABLED"}
    assert {"Key": "Name", "Value": "files-test"} in properties["FileSystemTags"]
    assert len(properties["LifecyclePolicies"]) == 3


def test_nothing_in_the_template_touches_replication(make_stack: MakeStack) -> None:
    """Protection and replication change at run time: a deploy must have nothing to say about them."""
    for region in ("ca-central-1", "ca-west-1"):
        made = make_stack(region)
        files(made)
        (found,) = made.resources(FILE_SYSTEM)
        assert "FileSystemProtection" not in found["Properties"]
        assert "ReplicationConfiguration" not in found["Properties"]


def test_root_plain_text_and_direct_mounts_are_refused(make_stack: MakeStack) -> None:
    made = make_stack()
    files(made)
    (found,) = made.resources(FILE_SYSTEM)
    statements = found["Properties"]["FileSystemPolicy"]["Statement"]
    assert {one["Effect"] for one in statements} == {"Deny"}
    by_name = {one["Sid"]: one for one in statements}
    assert by_name["TlsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert by_name["NobodyIsRoot"]["Action"] == "elasticfilesystem:ClientRootAccess"
    assert by_name["ThroughAccessPointsOnly"]["Condition"] == {
        "Null": {"elasticfilesystem:AccessPointArn": "true"}
    }


def test_a_mount_target_stands_in_each_zones_isolated_subnet(make_stack: MakeStack) -> None:
    made = make_stack()
    files(made)
    subnets = [
        one["Properties"]["SubnetId"]["Ref"] for one in made.resources("AWS::EFS::MountTarget")
    ]
    assert len(set(subnets)) == 3
    assert all("StoreSubnet" in one for one in subnets)


def test_workloads_own_one_folder_and_are_nobody_special(make_stack: MakeStack) -> None:
    made = make_stack()
    files(made)
    (point,) = made.resources("AWS::EFS::AccessPoint")
    assert point["Properties"]["PosixUser"] == {"Uid": "1000", "Gid": "1000"}
    assert point["Properties"]["RootDirectory"]["Path"] == "/lifeline"
    assert point["Properties"]["RootDirectory"]["CreationInfo"]["Permissions"] == "0750"


def test_mounting_is_allowed_through_the_access_point_only(make_stack: MakeStack) -> None:
    made = make_stack()
    policy = iam.ManagedPolicy(made.stack, "Policy")
    files(made).grant_mount(policy)
    (found,) = [
        one
        for name, one in made.template().find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("Policy")
    ]
    (statement,) = found["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == [
        "elasticfilesystem:ClientMount",
        "elasticfilesystem:ClientWrite",
    ]
    ((condition, value),) = statement["Condition"]["StringEquals"].items()
    assert condition == "elasticfilesystem:AccessPointArn"
    assert value["Fn::GetAtt"][0].startswith("FilesWorkloads")


def test_every_resource_of_the_service_is_deleted_with_its_stack(make_stack: MakeStack) -> None:
    made = make_stack()
    files(made)
    resources = made.template().to_json()["Resources"].values()
    found = [one for one in resources if one["Type"].startswith("AWS::EFS::")]
    assert len(found) == 5
    assert {one["DeletionPolicy"] for one in found} == {"Delete"}
    assert {one["UpdateReplacePolicy"] for one in found} == {"Delete"}


def test_the_time_since_the_last_sync_needs_no_peers_id(make_stack: MakeStack) -> None:
    made = make_stack()
    metric = files(made).metric_time_since_last_sync().to_metric_config()
    assert metric.math_expression is not None
    assert metric.math_expression.expression.startswith("SELECT MAX(TimeSinceLastSync)")


def test_replication_names_both_file_systems_and_nothing_else(make_stack: MakeStack) -> None:
    made = make_stack()
    FileReplication(
        made.stack,
        "Replication",
        site=made.site,
        keys=made.keys,
        source_id="fs-11111111",
        destination_id="fs-22222222",
    )
    template = made.template()
    template.has_resource_properties(
        "Custom::FileReplication",
        {
            "SourceId": "fs-11111111",
            "SourceRegion": "ca-central-1",
            "DestinationId": "fs-22222222",
            "DestinationRegion": "ca-west-1",
        },
    )
    (policy,) = template.find_resources("AWS::IAM::ManagedPolicy").values()
    both = [
        "arn:aws:elasticfilesystem:ca-central-1:123456789012:file-system/fs-11111111",
        "arn:aws:elasticfilesystem:ca-west-1:123456789012:file-system/fs-22222222",
    ]
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        if "elasticfilesystem" in str(statement["Action"]):
            assert statement["Resource"] == both


def test_replication_starts_at_home_only(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    with pytest.raises(ValueError, match="ca-west-1 is the recovery region"):
        FileReplication(
            made.stack, "R", site=made.site, keys=made.keys, source_id="fs-1", destination_id="fs-2"
        )


def test_no_finding_is_left(make_stack: MakeStack) -> None:
    made = make_stack(profile="prod", nag=True)
    network = made.network()
    ClosedDefaultGroup(made.stack, "Closed", site=made.site, vpc=network.vpc, keys=made.keys)
    store = SharedFiles(made.stack, "Files", site=made.site, vpc=network.vpc, keys=made.keys)
    Backups(
        made.stack,
        "Backups",
        site=made.site,
        keys=made.keys,
        tier=RecoveryTier.CRITICAL,
        stores=[store.protected],
    )
    FileReplication(
        made.stack,
        "Replication",
        site=made.site,
        keys=made.keys,
        source_id=store.file_system_id,
        destination_id="fs-22222222",
    )
    assert made.template().find_resources(FILE_SYSTEM)


def test_a_restore_test_overrides_the_one_key_that_may_be(make_stack: MakeStack) -> None:
    """The service infers the rest, with its own key; every other name is refused."""
    made = make_stack()
    store = files(made)
    Backups(
        made.stack,
        "Backups",
        site=made.site,
        keys=made.keys,
        tier=RecoveryTier.CRITICAL,
        stores=[store.protected],
    )
    (tested,) = made.resources("AWS::Backup::RestoreTestingSelection")
    (file_system,) = made.resources(FILE_SYSTEM)
    assert tested["Properties"]["RestoreMetadataOverrides"] == {
        "kmskeyid": file_system["Properties"]["KmsKeyId"]
    }
