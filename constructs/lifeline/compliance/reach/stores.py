"""What listens where: database, log, cache and query API, as a caller's variables name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lifeline.compliance.reach.groups import group_of
from lifeline.compliance.reach.network import Store
from lifeline.compliance.reach.world import Found, World

DATABASE, LOG_CLUSTER = "AWS::RDS::DBCluster", "AWS::MSK::Cluster"


def database(world: World, given: Mapping[str, str]) -> Found | None:
    """The cluster that DATABASE_HOST names."""
    return _of(world, given.get("DATABASE_HOST", "").partition(",")[0], DATABASE)


def other_database(world: World, given: Mapping[str, str], region: str) -> Found | None:
    """The member of the same global cluster in `region`."""
    own = database(world, given)
    name = own.properties.get("GlobalClusterIdentifier") if own else None
    every = world.of_type(DATABASE, region=region)
    return next(
        (one for one in every if one.properties.get("GlobalClusterIdentifier") == name), None
    )


def log_cluster(world: World, bootstrap: str, region: str) -> Found | None:
    """The log that a bootstrap address belongs to; its look-up's ARN, or the cluster it was asked of."""
    asked = world.by_token(bootstrap)
    arn = str(asked.properties.get("ClusterArn", "")) if asked else bootstrap
    found = world.by_arn(arn)
    return found if found and found.type == LOG_CLUSTER and found.region == region else None


def cache(world: World, given: Mapping[str, str], region: str) -> Found | None:
    """The replication group that CACHE_GROUP names, of `region`."""
    for one in world.of_type("AWS::ElastiCache::ReplicationGroup", region=region):
        if one.properties.get("ReplicationGroupId") == given.get("CACHE_GROUP"):
            return one
    return None


def store_of(world: World, found: Found, port: int) -> Store:
    """Where a database, a log, a cache or a balancer listens: its subnets, groups and port."""
    given = found.properties
    if found.type == LOG_CLUSTER:
        nodes = given["BrokerNodeGroupInfo"]
        return _store(found, nodes["ClientSubnets"], nodes["SecurityGroups"], port)
    if found.type == DATABASE:
        subnets = _subnets(world, given["DBSubnetGroupName"])
        return _store(found, subnets, given["VpcSecurityGroupIds"], int(given.get("Port", port)))
    if found.type == "AWS::ElastiCache::ReplicationGroup":
        subnets = _subnets(world, given["CacheSubnetGroupName"])
        return _store(found, subnets, given["SecurityGroupIds"], int(given.get("Port", port)))
    return _store(found, given["Subnets"], given.get("SecurityGroups", []), port)


def balancer(world: World, url: str) -> tuple[Found, int] | None:
    """The load balancer that a URL in the network names, and the port."""
    host, _, port = url.partition("://")[2].partition("/")[0].rpartition(":")
    found = _of(world, host, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    return (found, int(port)) if found else None


def behind(world: World, found: Found, port: int) -> list[Store]:
    """What a load balancer forwards to from a port: the tasks of each service behind its listener."""
    made = []
    for listener in world.of_type("AWS::ElasticLoadBalancingV2::Listener", region=found.region):
        if listener.properties["LoadBalancerArn"] not in (found.token, world.arn(found.place)):
            continue
        if int(listener.properties.get("Port", port)) != port:
            continue
        groups = {str(one.get("TargetGroupArn")) for one in listener.properties["DefaultActions"]}
        for service in world.of_type("AWS::ECS::Service", region=found.region):
            for attached in service.properties.get("LoadBalancers", []):
                if str(attached["TargetGroupArn"]) in groups:
                    place = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]
                    listens = int(attached["ContainerPort"])
                    made.append(_store(service, place["Subnets"], place["SecurityGroups"], listens))
    return made


def _of(world: World, token: str, kind: str) -> Found | None:
    found = world.by_token(token)
    return found if found and found.type == kind else None


def _subnets(world: World, group: object) -> list[str]:
    found = world.by_token(str(group))
    return [str(one) for one in found.properties["SubnetIds"]] if found else []


def _store(found: Found, subnets: Iterable[object], groups: Iterable[object], port: int) -> Store:
    return Store(
        found.token,
        tuple(str(one) for one in subnets),
        frozenset(group_of(one) for one in groups),
        port,
    )
