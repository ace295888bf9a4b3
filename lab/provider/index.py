"""The function behind `Custom::Lab…` resources: makes the API calls the real type would make.

It runs in the emulator, one copy a region, and calls as its region does. Properties arrive as strings (as
CloudFormation sends them); each call takes those it knows. Making is idempotent: what is there already is
taken as made. A change calls what changes it, and one that no call makes here fails: a stack that reports
an update of a store which did not happen would be a lie.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError

Answer = tuple[str, dict[str, Any]]
Properties = dict[str, Any]

NOT_THE_TYPES = ("ServiceToken", "ServiceTimeout")
CALL = {
    "Custom::LabGlobalCluster": ("GlobalClusterIdentifier", "GlobalCluster"),
    "Custom::LabDatabaseCluster": ("DBClusterIdentifier", "DBCluster"),
    "Custom::LabDatabaseInstance": ("DBInstanceIdentifier", "DBInstance"),
}
"""For each of RDS's: the property that names it, and what follows Create, Modify and Delete."""


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
        answer["PhysicalResourceId"], answer["Data"] = provide(event)
    except Exception as error:
        # Whatever it is, CloudFormation must hear of it: silence costs the resource's time-out.
        answer |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"}
    request = urllib.request.Request(
        event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT"
    )
    urllib.request.urlopen(request, timeout=10)


def provide(event: dict[str, Any]) -> Answer:
    """Do what the event asks; the physical id and the attributes."""
    kind, properties = event["ResourceType"], event["ResourceProperties"]
    if event["RequestType"] == "Delete":
        there = event["PhysicalResourceId"]
        remove = REMOVE.get(kind)
        if remove is None:
            remove_database_part(kind, there, properties)
        else:
            remove(there)
        return there, {}
    old = event.get("OldResourceProperties") if event["RequestType"] == "Update" else None
    make = MAKE.get(kind)
    return database_part(kind, properties, old) if make is None else make(properties, old)


def changed_names(old: Properties, new: Properties) -> set[str]:
    """The properties that differ."""
    return {name for name in {*old, *new} - {*NOT_THE_TYPES} if old.get(name) != new.get(name)}


def typed(shape: Any, value: Any) -> Any:
    """A property's text as the type that the call takes."""
    match shape.type_name:
        case "integer" | "long":
            return int(value)
        case "float" | "double":
            return float(value)
        case "boolean":
            return str(value).lower() == "true"
        case "list":
            return [typed(shape.member, each) for each in value]
        case "structure":
            members = shape.members
            return {name: typed(members[name], each) for name, each in value.items()}
    return value


def arguments(client: Any, operation: str, properties: Properties) -> dict[str, Any]:
    """The properties that the operation takes, typed."""
    members = client.meta.service_model.operation_model(operation).input_shape.members
    return {
        name: typed(members[name], value) for name, value in properties.items() if name in members
    }


def attempt(call: Callable[..., Any], tolerated: str, **given: Any) -> None:
    """Make a call; an error whose code contains `tolerated` means it is done already."""
    try:
        call(**given)
    except ClientError as error:
        if tolerated not in error.response["Error"]["Code"]:
            raise


def database_part(kind: str, properties: Properties, old: Properties | None) -> Answer:
    """A global cluster, a cluster or an instance: made, or changed in place."""
    rds = boto3.client("rds")
    name, noun = CALL[kind]
    identifier = properties.setdefault(
        name, f"{properties.get('DBClusterIdentifier', 'lab')}-instance"
    )
    if old is None or old.get(name, identifier) != identifier:
        given = arguments(rds, f"Create{noun}", properties)
        if given.get("SourceDBClusterIdentifier"):
            # Everything else follows from the source, and may not be said.
            given = {key: given[key] for key in (name, "SourceDBClusterIdentifier")}
        attempt(getattr(rds, _method("create", noun)), "AlreadyExists", **given)
    else:
        _modify(rds, kind, properties, changed_names(old, properties))
    return identifier, _attributes(rds, noun, identifier)


def _modify(rds: Any, kind: str, properties: Properties, names: set[str]) -> None:
    name, noun = CALL[kind]
    identifier = properties[name]
    if "Tags" in names:
        described = _described(rds, noun, identifier)
        rds.add_tags_to_resource(
            ResourceName=described[f"{noun}Arn"], Tags=properties.get("Tags", [])
        )
    rest = names - {"Tags"}
    given = arguments(rds, f"Modify{noun}", {key: properties[key] for key in rest & {*properties}})
    if set(given) != rest:
        missed = ", ".join(sorted(rest - {*given}))
        raise ValueError(f"The lab cannot change {missed} of {identifier}: decide in lab/provider.")
    if given:
        now = {} if noun == "GlobalCluster" else {"ApplyImmediately": True}
        getattr(rds, _method("modify", noun))(**{name: identifier}, **given, **now)


def _method(verb: str, noun: str) -> str:
    words = {
        "GlobalCluster": "global_cluster",
        "DBCluster": "db_cluster",
        "DBInstance": "db_instance",
    }
    return f"{verb}_{words[noun]}"


def _described(rds: Any, noun: str, identifier: str) -> dict[str, Any]:
    answer = getattr(rds, _method("describe", noun) + "s")(**{f"{noun}Identifier": identifier})
    found: dict[str, Any] = answer[f"{noun}s"][0]
    return found


def _attributes(rds: Any, noun: str, identifier: str) -> dict[str, Any]:
    if noun == "GlobalCluster":
        return {}
    if noun == "DBInstance":
        return {"Endpoint.Port": "5432"}
    cluster = _described(rds, noun, identifier)
    return {
        "DBClusterArn": cluster["DBClusterArn"],
        "DBClusterResourceId": cluster.get("DbClusterResourceId", ""),
        "Endpoint": cluster.get("Endpoint", ""),
        "Endpoint.Address": cluster.get("Endpoint", ""),
        "Endpoint.Port": str(cluster.get("Port", 5432)),
        "ReadEndpoint.Address": cluster.get("ReaderEndpoint", ""),
    }


def remove_database_part(kind: str, identifier: str, properties: Properties) -> None:
    """Delete a part of the database; one that is gone is deleted."""
    rds = boto3.client("rds")
    name, noun = CALL[kind]
    given: dict[str, Any] = {name: identifier}
    if noun != "GlobalCluster":
        given["SkipFinalSnapshot"] = True
    global_cluster = properties.get("GlobalClusterIdentifier")
    if noun == "DBCluster" and global_cluster:
        # As CloudFormation: a member leaves its global cluster before it is deleted.
        members = rds.describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"]
        attempt(rds.remove_from_global_cluster, "NotFound", GlobalClusterIdentifier=global_cluster,
                DbClusterIdentifier=members[0]["DBClusterArn"])  # fmt: skip
    attempt(getattr(rds, _method("delete", noun)), "NotFound", **given)


def only_tags(name: str, old: Properties | None, new: Properties) -> bool:
    """Whether an update changes the tags, which is all it may change. Raises ValueError."""
    names = changed_names(old, new) if old is not None else set()
    missed = ", ".join(sorted(names - {"Tags"}))
    if missed:
        raise ValueError(f"The lab cannot change {missed} of {name}: decide in lab/provider.")
    return "Tags" in names


def log_cluster(properties: Properties, old: Properties | None) -> Answer:
    """`kafka:CreateCluster`; in place only its tags can be changed here."""
    kafka = boto3.client("kafka")
    name = properties["ClusterName"]
    there = [c for c in kafka.list_clusters()["ClusterInfoList"] if c["ClusterName"] == name]
    if there:
        arn = there[0]["ClusterArn"]
        if only_tags(name, old, properties):
            kafka.tag_resource(ResourceArn=arn, Tags=properties.get("Tags", {}))
        return arn, {"Arn": arn}
    group = properties.get("BrokerNodeGroupInfo", {})
    made = kafka.create_cluster(
        ClusterName=name,
        KafkaVersion=properties["KafkaVersion"],
        NumberOfBrokerNodes=int(properties["NumberOfBrokerNodes"]),
        BrokerNodeGroupInfo={
            "ClientSubnets": group.get("ClientSubnets", []),
            "InstanceType": group.get("InstanceType", "kafka.m5.large"),
        },
        Tags=properties.get("Tags", {}),
    )
    return made["ClusterArn"], {"Arn": made["ClusterArn"]}


def remove_log_cluster(arn: str) -> None:
    """`kafka:DeleteCluster`."""
    attempt(boto3.client("kafka").delete_cluster, "NotFound", ClusterArn=arn)


def global_cache(properties: Properties, old: Properties | None) -> Answer:
    """`elasticache:CreateGlobalReplicationGroup`; here it can only be made."""
    cache = boto3.client("elasticache")
    suffix = properties["GlobalReplicationGroupIdSuffix"]
    primary = next(
        member["ReplicationGroupId"]
        for member in properties["Members"]
        if member.get("Role", "PRIMARY") == "PRIMARY"
    )
    if old is None:
        made = cache.create_global_replication_group(
            GlobalReplicationGroupIdSuffix=suffix, PrimaryReplicationGroupId=primary,
            GlobalReplicationGroupDescription=properties.get(
                "GlobalReplicationGroupDescription", suffix
            ),
        )  # fmt: skip
        identifier = made["GlobalReplicationGroup"]["GlobalReplicationGroupId"]
    else:
        only_tags(suffix, old, properties)
        global_groups = cache.describe_global_replication_groups()["GlobalReplicationGroups"]
        identifier = next(
            one["GlobalReplicationGroupId"]
            for one in global_groups
            if one["GlobalReplicationGroupId"].endswith(f"-{suffix}")
        )
    return identifier, {"GlobalReplicationGroupId": identifier, "Status": "available"}


def remove_global_cache(identifier: str) -> None:
    """`elasticache:DeleteGlobalReplicationGroup`; the primary stays and is deleted by itself."""
    attempt(
        boto3.client("elasticache").delete_global_replication_group, "NotFound",
        GlobalReplicationGroupId=identifier, RetainPrimaryReplicationGroup=True,
    )  # fmt: skip


def peering(properties: Properties, old: Properties | None) -> Answer:
    """`ec2:CreateVpcPeeringConnection`, accepted at once as CloudFormation does in one account."""
    ec2 = boto3.client("ec2")
    given = {name: properties[name] for name in ("VpcId", "PeerVpcId", "PeerRegion")}
    if old is not None and not only_tags(given["PeerVpcId"], old, properties):
        raise ValueError("There is nothing to change.")
    found = ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
    there = [
        one["VpcPeeringConnectionId"]
        for one in found
        if one["RequesterVpcInfo"]["VpcId"] == given["VpcId"]
        and one["AccepterVpcInfo"]["VpcId"] == given["PeerVpcId"]
        and one["Status"]["Code"] not in ("deleted", "rejected")
    ]
    if not there:
        made = ec2.create_vpc_peering_connection(**given)["VpcPeeringConnection"]
        there = [made["VpcPeeringConnectionId"]]
        boto3.client("ec2", region_name=given["PeerRegion"]).accept_vpc_peering_connection(
            VpcPeeringConnectionId=there[0]
        )
    if properties.get("Tags"):
        ec2.create_tags(Resources=there, Tags=properties["Tags"])
    return there[0], {"Id": there[0]}


def remove_peering(identifier: str) -> None:
    """`ec2:DeleteVpcPeeringConnection`."""
    attempt(
        boto3.client("ec2").delete_vpc_peering_connection, "NotFound",
        VpcPeeringConnectionId=identifier,
    )  # fmt: skip


MAKE: dict[str, Callable[[Properties, Properties | None], Answer]] = {
    "Custom::LabLogCluster": log_cluster,
    "Custom::LabGlobalCache": global_cache,
    "Custom::LabPeering": peering,
}
REMOVE: dict[str, Callable[[str], None]] = {
    "Custom::LabLogCluster": remove_log_cluster,
    "Custom::LabGlobalCache": remove_global_cache,
    "Custom::LabPeering": remove_peering,
}
"""The database's parts are in neither: `database_part` and `remove_database_part` are theirs."""
