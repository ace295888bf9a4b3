"""The function behind `Custom::Lab…` resources: makes the API call the real type would make.

It runs in the emulator, one copy a region, and talks to the emulator directly. Properties arrive as
strings (as CloudFormation sends them); each call takes the ones it knows. Idempotent: what is there
already is taken as made.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import boto3
from botocore.exceptions import ClientError

Answer = tuple[str, dict[str, Any]]

CLUSTER_PROPERTIES = (
    "DBClusterIdentifier", "GlobalClusterIdentifier", "Engine", "EngineVersion", "DatabaseName",
    "DBSubnetGroupName", "DBClusterParameterGroupName", "KmsKeyId", "MasterUsername",
    "MasterUserPassword",
)  # fmt: skip
GLOBAL_PROPERTIES = ("GlobalClusterIdentifier", "Engine", "EngineVersion")
INSTANCE_PROPERTIES = (
    "DBInstanceIdentifier", "DBClusterIdentifier", "DBInstanceClass", "Engine",
)  # fmt: skip


def handler(event: dict[str, Any], _context: object) -> None:
    """One CloudFormation event. The outcome goes to the event's ResponseURL."""
    answer: dict[str, Any] = {
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "PhysicalResourceId": event.get("PhysicalResourceId", event["LogicalResourceId"]),
        "Status": "SUCCESS",
    }
    try:
        make, remove = KINDS[event["ResourceType"]]
        if event["RequestType"] == "Delete":
            remove(event["PhysicalResourceId"])
        else:
            answer["PhysicalResourceId"], answer["Data"] = make(event["ResourceProperties"])
    except Exception as error:
        # Whatever it is, CloudFormation must hear of it: silence costs the resource's time-out.
        answer |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"}
    request = urllib.request.Request(
        event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT"
    )
    urllib.request.urlopen(request, timeout=10)


def known(properties: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The named properties that were given."""
    return {name: properties[name] for name in names if properties.get(name)}


def attempt(call: Any, tolerated: str, **arguments: Any) -> None:
    """Make a call; an error whose code contains `tolerated` means it is done already."""
    try:
        call(**arguments)
    except ClientError as error:
        if tolerated not in error.response["Error"]["Code"]:
            raise


def make_global_cluster(properties: dict[str, Any]) -> Answer:
    """`rds:CreateGlobalCluster`."""
    rds = boto3.client("rds")
    given = known(properties, GLOBAL_PROPERTIES)
    source = properties.get("SourceDBClusterIdentifier")
    if source:
        given = {"GlobalClusterIdentifier": given["GlobalClusterIdentifier"],
                 "SourceDBClusterIdentifier": source}  # fmt: skip
    attempt(rds.create_global_cluster, "AlreadyExists", **given)
    return given["GlobalClusterIdentifier"], {}


def make_database_cluster(properties: dict[str, Any]) -> Answer:
    """`rds:CreateDBCluster`, with its membership."""
    rds = boto3.client("rds")
    given = known(properties, CLUSTER_PROPERTIES)
    attempt(rds.create_db_cluster, "AlreadyExists", **given)
    made = rds.describe_db_clusters(DBClusterIdentifier=given["DBClusterIdentifier"])
    cluster = made["DBClusters"][0]
    return cluster["DBClusterIdentifier"], {
        "DBClusterArn": cluster["DBClusterArn"],
        "DBClusterResourceId": cluster.get("DbClusterResourceId", ""),
        "Endpoint": cluster.get("Endpoint", ""),
        "Endpoint.Address": cluster.get("Endpoint", ""),
        "Endpoint.Port": str(cluster.get("Port", 5432)),
        "ReadEndpoint.Address": cluster.get("ReaderEndpoint", ""),
    }


def make_database_instance(properties: dict[str, Any]) -> Answer:
    """`rds:CreateDBInstance`."""
    rds = boto3.client("rds")
    given = known(properties, INSTANCE_PROPERTIES)
    given.setdefault("DBInstanceIdentifier", f"{given['DBClusterIdentifier']}-instance")
    attempt(rds.create_db_instance, "AlreadyExists", **given)
    return given["DBInstanceIdentifier"], {"Endpoint.Port": "5432"}


def make_log_cluster(properties: dict[str, Any]) -> Answer:
    """`kafka:CreateCluster`."""
    kafka = boto3.client("kafka")
    name = properties["ClusterName"]
    group = properties.get("BrokerNodeGroupInfo", {})
    there = [c for c in kafka.list_clusters()["ClusterInfoList"] if c["ClusterName"] == name]
    if not there:
        made = kafka.create_cluster(
            ClusterName=name,
            KafkaVersion=properties["KafkaVersion"],
            NumberOfBrokerNodes=int(properties["NumberOfBrokerNodes"]),
            BrokerNodeGroupInfo={
                "ClientSubnets": group.get("ClientSubnets", []),
                "InstanceType": group.get("InstanceType", "kafka.m5.large"),
            },
        )
        return made["ClusterArn"], {"Arn": made["ClusterArn"]}
    return there[0]["ClusterArn"], {"Arn": there[0]["ClusterArn"]}


def remove_global_cluster(identifier: str) -> None:
    attempt(
        boto3.client("rds").delete_global_cluster, "NotFound", GlobalClusterIdentifier=identifier
    )


def remove_database_cluster(identifier: str) -> None:
    attempt(
        boto3.client("rds").delete_db_cluster, "NotFound",
        DBClusterIdentifier=identifier, SkipFinalSnapshot=True,
    )  # fmt: skip


def remove_database_instance(identifier: str) -> None:
    attempt(
        boto3.client("rds").delete_db_instance, "NotFound",
        DBInstanceIdentifier=identifier, SkipFinalSnapshot=True,
    )  # fmt: skip


def remove_log_cluster(arn: str) -> None:
    attempt(boto3.client("kafka").delete_cluster, "NotFound", ClusterArn=arn)


KINDS = {
    "Custom::LabGlobalCluster": (make_global_cluster, remove_global_cluster),
    "Custom::LabDatabaseCluster": (make_database_cluster, remove_database_cluster),
    "Custom::LabDatabaseInstance": (make_database_instance, remove_database_instance),
    "Custom::LabLogCluster": (make_log_cluster, remove_log_cluster),
}
