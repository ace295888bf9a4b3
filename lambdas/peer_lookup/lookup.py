"""One function an attribute: ask the peer's services by a deterministic name for what they made up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

GONE = frozenset({"deleted", "deleting", "rejected", "failed", "expired"})
"""What is in one of these states carries nothing, and may stay listed for hours."""

ClientOf = Callable[[str, str], Any]
"""From (service, region) to a client."""


class NotFound(ValueError):
    """Nothing, or more than one thing, answers to the name."""


@dataclass(frozen=True)
class Question:
    """Which attribute, by which name, between which regions."""

    attribute: str
    name: str
    peer_region: str
    own_region: str


def look_up(question: Question, client_of: ClientOf) -> str:
    """The attribute. Raises NotFound with a sentence, ValueError for an attribute there is no lookup for."""
    if question.attribute not in LOOKUPS:
        known = ", ".join(sorted(LOOKUPS))
        raise ValueError(
            f"there is no attribute {question.attribute!r}; the attributes are {known}"
        )
    return LOOKUPS[question.attribute](question, client_of)


def _only(found: Iterable[str], what: str, question: Question) -> str:
    values = sorted(found)
    if len(values) == 1:
        return values[0]
    where = f"{what} {question.name} as seen for {question.peer_region}"
    if not values:
        raise NotFound(f"there is no {where}: deploy that region's stacks first")
    raise NotFound(f"there are {len(values)} of {where}, which must be one: {', '.join(values)}")


def _logs(question: Question, client_of: ClientOf) -> dict[str, Any]:
    """The peer's clusters of that name, by ARN."""
    kafka = client_of("kafka", question.peer_region)
    pages = kafka.get_paginator("list_clusters_v2").paginate(ClusterNameFilter=question.name)
    # The filter is a prefix: log-a also lists log-ab.
    return {
        str(one["ClusterArn"]): one
        for page in pages
        for one in page["ClusterInfoList"]
        if one["ClusterName"] == question.name and one.get("State") != "DELETING"
    }


def _log_cluster_arn(question: Question, client_of: ClientOf) -> str:
    return _only(_logs(question, client_of), "log", question)


def _log_placement(part: str) -> Callable[[Question, ClientOf], str]:
    """Where the peer's brokers are, as the list `part` of their cluster, joined by commas."""

    def found(question: Question, client_of: ClientOf) -> str:
        logs = _logs(question, client_of)
        brokers = logs[_only(logs, "log", question)]["Provisioned"]["BrokerNodeGroupInfo"]
        return ",".join(str(one) for one in brokers[part])

    return found


def _log_bootstrap(question: Question, client_of: ClientOf) -> str:
    arn = _log_cluster_arn(question, client_of)
    answer = client_of("kafka", question.peer_region).get_bootstrap_brokers(ClusterArn=arn)
    brokers = str(answer.get("BootstrapBrokerStringSaslIam", ""))
    if not brokers:
        raise NotFound(f"the log {question.name} of {question.peer_region} has no IAM brokers yet")
    return brokers


def _file_system_id(question: Question, client_of: ClientOf) -> str:
    efs = client_of("efs", question.peer_region)
    found = [
        str(one["FileSystemId"])
        for page in efs.get_paginator("describe_file_systems").paginate()
        for one in page["FileSystems"]
        if one.get("Name") == question.name and one["LifeCycleState"] not in GONE
    ]
    return _only(found, "file system", question)


def _cache_global_id(question: Question, client_of: ClientOf) -> str:
    cache = client_of("elasticache", question.peer_region)
    groups = cache.describe_replication_groups(ReplicationGroupId=question.name)
    found = [
        str(one.get("GlobalReplicationGroupInfo", {}).get("GlobalReplicationGroupId", ""))
        for one in groups["ReplicationGroups"]
    ]
    return _only([one for one in found if one], "global cache with the member", question)


def _database_resource_id(question: Question, client_of: ClientOf) -> str:
    """RDS's own id of the cluster, which `rds-db:connect` names in place of the identifier."""
    rds = client_of("rds", question.peer_region)
    found = rds.describe_db_clusters(DBClusterIdentifier=question.name)["DBClusters"]
    return _only([str(one["DbClusterResourceId"]) for one in found], "database", question)


def _network_id_in(region: str, question: Question, client_of: ClientOf) -> str:
    answer = client_of("ec2", region).describe_vpcs(
        Filters=[{"Name": "tag:Name", "Values": [question.name]}]
    )
    return _only([str(one["VpcId"]) for one in answer["Vpcs"]], "network", question)


def _network_id(question: Question, client_of: ClientOf) -> str:
    return _network_id_in(question.peer_region, question, client_of)


def _peering_id(question: Question, client_of: ClientOf) -> str:
    """In the own region: either side sees the connection, whoever asked for it."""
    own = _network_id_in(question.own_region, question, client_of)
    found: set[str] = set()
    for side, other in (("requester", "Accepter"), ("accepter", "Requester")):
        answer = client_of("ec2", question.own_region).describe_vpc_peering_connections(
            Filters=[{"Name": f"{side}-vpc-info.vpc-id", "Values": [own]}]
        )
        found |= {
            str(one["VpcPeeringConnectionId"])
            for one in answer["VpcPeeringConnections"]
            if one[f"{side.capitalize()}VpcInfo"].get("VpcId") == own
            and one[f"{other}VpcInfo"].get("Region") == question.peer_region
            and one["Status"]["Code"] not in GONE
        }
    return _only(found, "peering connection of the network", question)


LOOKUPS: dict[str, Callable[[Question, ClientOf], str]] = {
    "log-cluster-arn": _log_cluster_arn,
    "log-bootstrap": _log_bootstrap,
    "log-groups": _log_placement("SecurityGroups"),
    "log-subnets": _log_placement("ClientSubnets"),
    "file-system-id": _file_system_id,
    "cache-global-id": _cache_global_id,
    "database-resource-id": _database_resource_id,
    "network-id": _network_id,
    "peering-id": _peering_id,
}
