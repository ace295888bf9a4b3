"""Each continuity rule with the smallest environment that breaks it, and the same one mended."""

from __future__ import annotations

import copy
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_secretsmanager as secretsmanager

from lifeline.compliance.acknowledge import acknowledge, expanded
from lifeline.compliance.continuity_pack import attach_continuity
from lifeline.compliance.continuity_policy import ContinuityPolicy
from lifeline.compliance.continuity_rules import CONTINUITY_RULES, rule_id
from lifeline.compliance.synthesized_environment import (
    StackTemplate,
    SynthesizedEnvironment,
    rendered,
)
from lifeline.compliance.tagging import tag_keys, tag_property
from lifeline.settings import Settings
from tests.unit.constructs.conftest import MakeStack

HOME, RECOVERY = "ca-central-1", "ca-west-1"
SETTINGS = Settings(environment_suffix="test")
Resources = dict[str, dict[str, Any]]


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def environment(
    home: Resources, recovery: Resources | None = None, outputs: dict[str, Any] | None = None
) -> SynthesizedEnvironment:
    return SynthesizedEnvironment(
        ContinuityPolicy.of(SETTINGS),
        [
            StackTemplate("Home", HOME, {"Resources": home, "Outputs": outputs or {}}),
            StackTemplate("Recovery", RECOVERY, {"Resources": recovery or {}}),
        ],
    )


def refused(rule: str, checked: SynthesizedEnvironment) -> list[str]:
    """`Stack/LogicalId` of what the rule refuses."""
    (found,) = [one for one in CONTINUITY_RULES if one.name == rule]
    return [f"{one.stack.name}/{one.logical_id}" for one, _ in found.findings(checked)]


GLOBAL = resource("RDS::GlobalCluster", GlobalClusterIdentifier="global-test")
MEMBER = resource("RDS::DBCluster", GlobalClusterIdentifier="global-test")
BY_REFERENCE = resource("RDS::DBCluster", GlobalClusterIdentifier={"Ref": "Global"})
CACHE = resource("ElastiCache::ReplicationGroup", ReplicationGroupId="cache-cac1-test")
CACHE_GROUP = resource(
    "ElastiCache::GlobalReplicationGroup",
    Members=[
        {"ReplicationGroupId": {"Ref": "Cache"}, "ReplicationGroupRegion": HOME, "Role": "PRIMARY"}
    ],
)
JOINED = resource(
    "ElastiCache::ReplicationGroup", GlobalReplicationGroupId={"Fn::GetAtt": ["Facts", "Cache"]}
)
LOG = resource("MSK::Cluster", ClusterName="log-test")
REPLICATOR = resource("MSK::Replicator", ReplicatorName="to-here-test")
MIRROR = resource("ECS::Service", ServiceName="mirror-maker-test")
THERE = f"arn:aws:backup:{RECOVERY}:123456789012:backup-vault:vault-test"
HERE = f"arn:aws:backup:{HOME}:123456789012:backup-vault:vault-test"


def backup(*vaults: str) -> dict[str, Any]:
    copies = [{"DestinationBackupVaultArn": vault} for vault in vaults]
    return resource(
        "Backup::BackupPlan",
        BackupPlan={"BackupPlanRule": [{"RuleName": "daily", "CopyActions": copies}]},
    )


@pytest.mark.parametrize(
    ("rule", "broken", "mended", "by"),
    [
        (
            "DatabaseWithoutSecondMember",
            environment({"Global": GLOBAL, "Member": BY_REFERENCE}),
            environment({"Global": GLOBAL, "Member": MEMBER}, {"Member": MEMBER}),
            ["Home/Global"],
        ),
        (
            "DatabaseWithoutSecondMember",
            environment({"Alone": resource("RDS::DBCluster", Engine="aurora-postgresql")}),
            environment({"Member": MEMBER}, {"Member": MEMBER}),
            ["Home/Alone"],
        ),
        (
            "CacheWithoutSecondMember",
            environment({"Cache": CACHE, "Group": CACHE_GROUP}),
            environment({"Cache": CACHE, "Group": CACHE_GROUP}, {"Cache": JOINED}),
            ["Home/Group"],
        ),
        (
            "CacheWithoutSecondMember",
            environment({"Cache": CACHE}),
            environment({"Cache": CACHE, "Group": CACHE_GROUP}, {"Cache": JOINED}),
            ["Home/Cache"],
        ),
        (
            "SecretWithoutReplica",
            environment({"Secret": resource("SecretsManager::Secret")}),
            environment(
                {
                    "Secret": resource(
                        "SecretsManager::Secret", ReplicaRegions=[{"Region": RECOVERY}]
                    )
                }
            ),
            ["Home/Secret"],
        ),
        (
            "SecretWithoutReplica",
            environment(
                {"Secret": resource("SecretsManager::Secret", ReplicaRegions=[{"Region": HOME}])}
            ),
            environment({}),
            ["Home/Secret"],
        ),
        (
            "ReplicatorInOneDirection",
            environment({"Log": LOG, "Copy": REPLICATOR}, {"Log": LOG}),
            environment({"Log": LOG, "Copy": REPLICATOR}, {"Log": LOG, "Copy": REPLICATOR}),
            ["Recovery/Log"],
        ),
        (
            "ReplicatorInOneDirection",
            environment({"Log": LOG}, {"Log": LOG, "Copy": MIRROR}),
            environment({"Log": LOG, "Copy": MIRROR}, {"Log": LOG, "Copy": MIRROR}),
            ["Home/Log"],
        ),
        (
            "BackupWithoutCopy",
            environment({"Plan": backup(HERE)}),
            environment({"Plan": backup(HERE, THERE)}),
            ["Home/Plan"],
        ),
        (
            "RestoreUntested",
            environment({"Plan": backup(THERE)}, {"Test": resource("Backup::RestoreTestingPlan")}),
            environment({"Plan": backup(THERE), "T": resource("Backup::RestoreTestingPlan")}),
            ["Home/Plan"],
        ),
        (
            "DrillsUnwatched",
            environment(
                {
                    "Plan": resource(
                        "StepFunctions::StateMachine", StateMachineName="failover-plan-a"
                    )
                }
            ),
            environment(
                {
                    "Plan": resource(
                        "StepFunctions::StateMachine", StateMachineName="failover-plan-a"
                    ),
                    "Alarm": resource("CloudWatch::Alarm", MetricName="DaysSinceDrill"),
                }
            ),
            ["Home/Plan"],
        ),
        (
            "KeyOfAnotherRegion",
            environment(
                {"Topic": resource("SNS::Topic", KmsMasterKeyId=f"arn:aws:kms:{RECOVERY}:1:key/a")}
            ),
            environment(
                {"Topic": resource("SNS::Topic", KmsMasterKeyId=f"arn:aws:kms:{HOME}:1:key/a")}
            ),
            ["Home/Topic"],
        ),
        (
            "KeyOfAnotherRegion",
            environment(
                {
                    "Secret": resource(
                        "SecretsManager::Secret",
                        ReplicaRegions=[
                            {"Region": RECOVERY, "KmsKeyId": f"arn:aws:kms:{HOME}:1:key/a"}
                        ],
                    )
                }
            ),
            environment(
                {
                    "Secret": resource(
                        "SecretsManager::Secret",
                        ReplicaRegions=[
                            {"Region": RECOVERY, "KmsKeyId": f"arn:aws:kms:{RECOVERY}:1:key/a"}
                        ],
                    )
                }
            ),
            ["Home/Secret"],
        ),
        (
            "ReferenceIntoAnotherRegion",
            environment(
                {},
                {"Role": resource("IAM::Role", X={"Fn::ImportValue": "Home:Out"})},
                {"O": {"Value": 1, "Export": {"Name": "Home:Out"}}},
            ),
            environment(
                {"Role": resource("IAM::Role", X={"Fn::ImportValue": "Home:Out"})},
                {},
                {"O": {"Value": 1, "Export": {"Name": "Home:Out"}}},
            ),
            ["Recovery/Role"],
        ),
        (
            "ReferenceIntoAnotherRegion",
            environment({"Reader": {"Type": "Custom::CrossRegionExportReader", "Properties": {}}}),
            environment({"Reader": {"Type": "Custom::PeerAttribute", "Properties": {}}}),
            ["Home/Reader"],
        ),
        (
            "ReferenceIntoAnotherRegion",
            environment({"Role": resource("IAM::Role", X="{{resolve:ssm:/cdk/exports/a}}")}),
            environment({"Role": resource("IAM::Role", X="{{resolve:ssm:/lifeline/a}}")}),
            ["Home/Role"],
        ),
        (
            "ReferenceIntoAnotherRegion",
            environment(
                {
                    "Role": resource(
                        "IAM::Role",
                        X="{{resolve:secretsmanager:arn:aws:secretsmanager:"
                        f"{RECOVERY}:1:secret:a:SecretString}}}}",
                    )
                }
            ),
            environment(
                {
                    "Role": resource(
                        "IAM::Role",
                        X="{{resolve:secretsmanager:arn:aws:secretsmanager:"
                        f"{HOME}:1:secret:a:SecretString}}}}",
                    )
                }
            ),
            ["Home/Role"],
        ),
        (
            "LagAlarmIgnoresMissingData",
            environment(
                {
                    "Lag": resource(
                        "CloudWatch::Alarm",
                        MetricName="ReplicationLagSeconds",
                        TreatMissingData="notBreaching",
                    )
                }
            ),
            environment(
                {
                    "Lag": resource(
                        "CloudWatch::Alarm",
                        MetricName="ReplicationLagSeconds",
                        TreatMissingData="breaching",
                    )
                }
            ),
            ["Home/Lag"],
        ),
        (
            "LagAlarmIgnoresMissingData",
            environment(
                {
                    "Lag": resource(
                        "CloudWatch::Alarm",
                        Metrics=[
                            {"Id": "m", "MetricStat": {"Metric": {"MetricName": "KeeperHeartbeat"}}}
                        ],
                    )
                }
            ),
            environment({"Cpu": resource("CloudWatch::Alarm", MetricName="CPUUtilization")}),
            ["Home/Lag"],
        ),
        (
            "LagAlarmIgnoresMissingData",
            environment(
                {
                    "Lag": resource(
                        "CloudWatch::Alarm",
                        Metrics=[
                            {
                                "Id": "m",
                                "Expression": {
                                    "Fn::Join": [
                                        "",
                                        ["SELECT MAX(TimeSinceLastSync) WHERE Id = ", {"Ref": "F"}],
                                    ]
                                },
                            }
                        ],
                    )
                }
            ),
            environment(
                {
                    "Disk": resource(
                        "CloudWatch::Alarm",
                        Metrics=[{"Id": "m", "Expression": "SELECT MAX(KafkaDataLogsDiskUsed)"}],
                    )
                }
            ),
            ["Home/Lag"],
        ),
        (
            "KeptAfterDelete",
            environment(
                {
                    "Table": {
                        **resource("DynamoDB::Table"),
                        "DeletionPolicy": "Retain",
                        "UpdateReplacePolicy": "Delete",
                    }
                }
            ),
            environment(
                {
                    "Table": {
                        **resource("DynamoDB::Table"),
                        "DeletionPolicy": "Delete",
                        "UpdateReplacePolicy": "Delete",
                    }
                }
            ),
            ["Home/Table"],
        ),
        (
            "KeptAfterDelete",
            environment({"Role": {**resource("IAM::Role"), "UpdateReplacePolicy": "Snapshot"}}),
            environment({"Role": resource("IAM::Role")}),
            ["Home/Role"],
        ),
        (
            "NameWithoutSuffix",
            environment({"Role": resource("IAM::Role", RoleName="keeper-cac1-other")}),
            environment({"Role": resource("IAM::Role", RoleName="keeper-cac1-test")}),
            ["Home/Role"],
        ),
        (
            "NameWithoutSuffix",
            environment(
                {
                    "Bucket": resource(
                        "S3::Bucket",
                        BucketName={"Fn::Join": ["", ["audit-", {"Ref": "AWS::AccountId"}]]},
                    )
                }
            ),
            environment(
                {
                    "Bucket": resource(
                        "S3::Bucket",
                        BucketName={
                            "Fn::Join": ["", ["audit-", {"Ref": "AWS::AccountId"}, "-test"]]
                        },
                    )
                }
            ),
            ["Home/Bucket"],
        ),
    ],
)
def test_a_rule_refuses_what_is_broken_and_nothing_else(
    rule: str, broken: SynthesizedEnvironment, mended: SynthesizedEnvironment, by: list[str]
) -> None:
    assert refused(rule, broken) == by
    assert refused(rule, mended) == []


def test_an_absent_policy_is_refused_on_state_only() -> None:
    found = environment({"Cluster": MEMBER, "Role": resource("IAM::Role")})
    assert refused("KeptAfterDelete", found) == ["Home/Cluster", "Home/Cluster"]


@pytest.mark.parametrize(("hours", "by"), [(1, ["Home/Stream"]), (2, []), (None, [])])
def test_the_stream_outlasts_rto_and_detection(hours: int | None, by: list[str]) -> None:
    slow = Settings(environment_suffix="test", tier=SETTINGS.tier.STANDARD)
    given = {} if hours is None else {"RetentionPeriodHours": hours}
    stack = StackTemplate(
        "Home", HOME, {"Resources": {"Stream": resource("Kinesis::Stream", **given)}}
    )
    assert (
        refused(
            "StreamRetentionTooShort", SynthesizedEnvironment(ContinuityPolicy.of(slow), [stack])
        )
        == by
    )


@pytest.mark.parametrize(
    ("statement", "refusals"),
    [
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, 1),
        ({"Effect": "Allow", "Action": ["s3:GetObject", "kms:*"], "Resource": "a"}, 1),
        ({"Effect": "Allow", "NotAction": "iam:PassRole", "Resource": "*"}, 1),
        ({"Effect": "Allow", "Action": "s3:GetObject*", "Resource": "a"}, 0),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, 0),
    ],
)
def test_no_identity_may_do_all_of_a_service(statement: dict[str, Any], refusals: int) -> None:
    document = {"PolicyDocument": {"Statement": [statement]}}
    managed = environment({"Policy": resource("IAM::ManagedPolicy", **document)})
    inline = environment({"Policy": resource("IAM::Role", Policies=[document])})
    assert len(refused("WholeServiceAllowed", managed)) == refusals
    assert len(refused("WholeServiceAllowed", inline)) == refusals


def test_tags_are_asked_of_what_takes_them() -> None:
    tags = [{"Key": key, "Value": "x"} for key in ("Environment", "Project", "Compliance")]
    as_map = {one["Key"]: "x" for one in tags}
    checked = environment(
        {
            "Tagged": resource("S3::Bucket", Tags=tags),
            "Mapped": resource("MSK::Cluster", Tags=as_map),
            "Untagged": resource("S3::Bucket"),
            "Partly": resource("MSK::Cluster", Tags={"Project": "x"}),
            "TakesNone": resource("MSK::Topic"),
        }
    )
    assert refused("WithoutTags", checked) == ["Home/Untagged", "Home/Partly"]
    assert tag_property("AWS::Cognito::UserPool", HOME) == "UserPoolTags"
    assert tag_keys(as_map) == tag_keys(tags)


def test_a_hashed_name_counts_as_the_environments() -> None:
    named = environment({"A": resource("SNS::Topic", TopicName="a-long-resource-type-0f3a9b1c")})
    assert refused("NameWithoutSuffix", named) == []


def test_joins_and_references_are_written_out() -> None:
    value = {"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}, {"Fn::GetAtt": ["B", "Arn"]}]]}
    assert rendered(value) == "a-${AWS::Region}-${B.Arn}"


def test_a_rule_does_not_change_what_it_reads() -> None:
    checked = environment({"Cache": copy.deepcopy(CACHE), "Group": copy.deepcopy(CACHE_GROUP)})
    for rule in CONTINUITY_RULES:
        list(rule.findings(checked))
    assert checked.stacks[0].template["Resources"] == {"Cache": CACHE, "Group": CACHE_GROUP}


def test_every_rule_has_a_control_and_a_name_of_its_own() -> None:
    assert len({one.name for one in CONTINUITY_RULES}) == len(CONTINUITY_RULES)
    for rule in CONTINUITY_RULES:
        assert all(control.startswith("164.3") for control in rule.controls), rule.name
        assert rule.controls


def test_a_shared_rule_is_acknowledged_for_each_pack() -> None:
    wanted = [
        "HIPAA.Security::HIPAA.Security-LambdaDLQ",
        "NIST.800.53.R5::NIST.800.53.R5-LambdaDLQ",
        "PCI.DSS.321::PCI.DSS.321-LambdaDLQ",
    ]
    assert expanded(["LambdaDLQ"]) == expanded(["NIST.800.53.R5-LambdaDLQ"]) == wanted
    assert expanded(["AwsSolutions-IAM5[Resource::*]"]) == [
        "AwsSolutions::AwsSolutions-IAM5[Resource::*]"
    ]
    assert expanded(["CloudFormation-Validate::F3002"]) == ["CloudFormation-Validate::F3002"]


def test_the_plugin_fails_a_synth_until_the_finding_is_acknowledged(make_stack: MakeStack) -> None:
    refusing, accepting = make_stack(), make_stack()
    for made in (refusing, accepting):
        secret = secretsmanager.CfnSecret(made.stack, "Secret", name="local-test")
        secret.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        attach_continuity(made.app, ContinuityPolicy.of(made.site.settings))
    acknowledge(secret, "LifelineContinuity-SecretWithoutReplica", reason="Of this region only.")
    with pytest.raises(RuntimeError, match="SecretWithoutReplica"):
        refusing.template()
    accepting.template()


def test_ids_are_stable() -> None:
    assert sorted(rule_id(one) for one in CONTINUITY_RULES) == [
        "LifelineContinuity-BackupWithoutCopy",
        "LifelineContinuity-CacheWithoutSecondMember",
        "LifelineContinuity-DatabaseWithoutSecondMember",
        "LifelineContinuity-DrillsUnwatched",
        "LifelineContinuity-KeptAfterDelete",
        "LifelineContinuity-KeyOfAnotherRegion",
        "LifelineContinuity-LagAlarmIgnoresMissingData",
        "LifelineContinuity-NameWithoutSuffix",
        "LifelineContinuity-ReferenceIntoAnotherRegion",
        "LifelineContinuity-ReplicatorInOneDirection",
        "LifelineContinuity-RestoreUntested",
        "LifelineContinuity-SecretWithoutReplica",
        "LifelineContinuity-StreamRetentionTooShort",
        "LifelineContinuity-WholeServiceAllowed",
        "LifelineContinuity-WithoutTags",
    ]
