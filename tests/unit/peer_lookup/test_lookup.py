"""The peer's attributes as the function finds and keeps them; the services are moto's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.lambdas.peer_lookup.handler import provide
from lifeline.lambdas.peer_lookup.lookup import NotFound, Question, look_up

HOME, RECOVERY = "ca-central-1", "ca-west-1"
SUFFIX = "test"
NOBODY = "http://127.0.0.1:9"
"""An address where nothing listens: what a lost region looks like to a client."""


def client(service: str, region: str) -> Any:
    make: Any = boto3.client
    return make(service, region_name=region)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", RECOVERY)
    with mock_aws():
        yield


def request(kind: str, attribute: str, name: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResourceProperties": {
            "Attribute": attribute,
            "Name": name,
            "PeerRegion": HOME,
            "Parameter": f"/lifeline/{SUFFIX}/peer/{attribute}",
        },
    }


def make_log(name: str, region: str = HOME) -> str:
    answer = client("kafka", region).create_cluster_v2(
        ClusterName=name,
        Provisioned={
            "BrokerNodeGroupInfo": {
                "ClientSubnets": ["subnet-a", "subnet-b"],
                "InstanceType": "kafka.m5.large",
                "SecurityGroups": ["sg-1"],
            },
            "KafkaVersion": "3.8.x",
            "NumberOfBrokerNodes": 3,
        },
    )
    return str(answer["ClusterArn"])


def kept(attribute: str) -> str:
    answer = client("ssm", RECOVERY).get_parameter(Name=f"/lifeline/{SUFFIX}/peer/{attribute}")
    return str(answer["Parameter"]["Value"])


def test_the_log_is_found_by_its_whole_name_and_kept() -> None:
    arn = make_log("log-test")
    make_log("log-test2")
    make_log("log-test", RECOVERY)
    _, found = provide(request("Create", "log-cluster-arn", "log-test"))
    assert found == {"Value": arn}
    assert kept("log-cluster-arn") == arn


def test_an_update_with_the_peer_dead_answers_from_the_own_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arn = make_log("log-test")
    created, _ = provide(request("Create", "log-cluster-arn", "log-test"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_KAFKA", NOBODY)
    updated, found = provide(request("Update", "log-cluster-arn", "log-test"))
    assert (updated, found) == (created, {"Value": arn})
    deleted, _ = provide(
        {**request("Delete", "log-cluster-arn", "log-test"), "PhysicalResourceId": created}
    )
    assert deleted == created
    with pytest.raises(client("ssm", RECOVERY).exceptions.ParameterNotFound):
        kept("log-cluster-arn")


def test_an_update_that_finds_nothing_kept_looks_up_and_fails_with_the_peer_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arn = make_log("log-test")
    _, found = provide(request("Update", "log-cluster-arn", "log-test"))
    assert found == {"Value": arn} == {"Value": kept("log-cluster-arn")}
    provide(request("Delete", "log-cluster-arn", "log-test"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_KAFKA", NOBODY)
    with pytest.raises(Exception, match="Could not connect"):
        provide(request("Update", "log-cluster-arn", "log-test"))


def test_a_delete_of_what_was_never_kept_succeeds() -> None:
    provide(request("Delete", "network-id", "network-test"))


def test_nothing_and_two_of_a_name_are_refused() -> None:
    ec2 = client("ec2", HOME)
    with pytest.raises(NotFound, match=r"no network network-test .* deploy that region's stacks"):
        provide(request("Create", "network-id", "network-test"))
    for block in ("10.1.0.0/16", "10.2.0.0/16"):
        vpc = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "network-test"}])
    with pytest.raises(NotFound, match="there are 2 of network network-test"):
        provide(request("Create", "network-id", "network-test"))


def test_files_are_found_by_their_name() -> None:
    efs = client("efs", HOME)
    made = {
        name: efs.create_file_system(CreationToken=name, Tags=[{"Key": "Name", "Value": name}])[
            "FileSystemId"
        ]
        for name in ("files-test", "files-test2")
    }
    _, found = provide(request("Create", "file-system-id", "files-test"))
    assert found == {"Value": made["files-test"]}


def test_the_peering_is_found_from_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = {}
    for region, block in ((HOME, "10.1.0.0/16"), (RECOVERY, "10.2.0.0/16")):
        ec2 = client("ec2", region)
        networks[region] = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
        tag = {"Key": "Name", "Value": "network-test"}
        ec2.create_tags(Resources=[networks[region]], Tags=[tag])
    with pytest.raises(NotFound, match="no peering connection"):
        provide(request("Create", "peering-id", "network-test"))
    made = client("ec2", HOME).create_vpc_peering_connection(
        VpcId=networks[HOME], PeerVpcId=networks[RECOVERY], PeerRegion=RECOVERY
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    _, found = provide(request("Create", "peering-id", "network-test"))
    assert found == {"Value": made}
    monkeypatch.setenv("AWS_REGION", HOME)
    asked = request("Create", "peering-id", "network-test")
    asked["ResourceProperties"]["PeerRegion"] = RECOVERY
    assert provide(asked)[1] == {"Value": made}


def test_brokers_come_from_the_log_that_was_found() -> None:
    arn = make_log("log-test")
    kafka = client("kafka", HOME)
    question = Question("log-bootstrap", "log-test", HOME, RECOVERY)
    with Stubber(kafka) as answers:
        # moto does not answer this call; the stub checks it against the service's own model.
        listed = [{"ClusterArn": arn, "ClusterName": "log-test", "State": "ACTIVE"}]
        answers.add_response("list_clusters_v2", {"ClusterInfoList": listed})
        brokers = {"BootstrapBrokerStringSaslIam": "b-1:9098,b-2:9098"}
        answers.add_response("get_bootstrap_brokers", brokers, {"ClusterArn": arn})
        assert look_up(question, lambda *_: kafka) == "b-1:9098,b-2:9098"


def test_the_global_cache_is_found_by_its_member() -> None:
    cache = client("elasticache", HOME)
    question = Question("cache-global-id", "cache-test", HOME, RECOVERY)
    for info, said in (
        ({"GlobalReplicationGroupId": "sgaui-global"}, "sgaui-global"),
        ({}, ""),
    ):
        with Stubber(cache) as answers:
            member = {"ReplicationGroupId": "cache-test", "GlobalReplicationGroupInfo": info}
            answers.add_response(
                "describe_replication_groups",
                {"ReplicationGroups": [member]},
                {"ReplicationGroupId": "cache-test"},
            )
            if said:
                assert look_up(question, lambda *_: cache) == said
            else:
                with pytest.raises(NotFound, match="no global cache with the member cache-test"):
                    look_up(question, lambda *_: cache)


@pytest.mark.parametrize(
    ("attribute", "said"), [("log-subnets", "subnet-a,subnet-b"), ("log-groups", "sg-1")]
)
def test_the_places_of_the_peers_brokers_are_joined(attribute: str, said: str) -> None:
    make_log("log-test")
    make_log("log-testing")
    question = Question(attribute, "log-test", HOME, RECOVERY)
    assert look_up(question, client) == said


def test_the_database_is_found_by_its_identifier_and_named_by_rdss_own_id() -> None:
    """What `rds-db:connect` names is made up by RDS (A8: the fence signs in to the peer's cluster)."""
    rds = client("rds", HOME)
    for name in ("database-cac1-test", "database-cac1-test2"):
        rds.create_db_cluster(
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            MasterUsername="admin1",
            MasterUserPassword="not-a-secret-1",
        )
    said = rds.describe_db_clusters(DBClusterIdentifier="database-cac1-test")["DBClusters"][0]
    _, found = provide(request("Create", "database-resource-id", "database-cac1-test"))
    assert found == {"Value": said["DbClusterResourceId"]}
    assert kept("database-resource-id") == found["Value"]
