"""Probes of what a region offers: zones, versions of engines, classes of instances."""

from __future__ import annotations

from lifeline.preflight.probe import Answers, Ask, Finding, Parameters, Place, Probe

UPGRADE = "choose what both regions offer, in the profile or the construct's property"


def _zones(place: Place) -> int:
    """How many of the region's zones the templates use: the highest index into Fn::GetAZs, and one."""
    indices = [
        int(zone["Fn::Select"][0])
        for subnet in place.wanted("AWS::EC2::Subnet")
        if isinstance(zone := subnet.properties.get("AvailabilityZone"), dict)
        and "Fn::Select" in zone
    ]
    return max(indices, default=-1) + 1


def _open_zones(answers: Answers) -> list[str]:
    zones = answers.items("describe_availability_zones", "AvailabilityZones")
    return sorted(str(one["ZoneName"]) for one in zones if one["State"] == "available")


def _seen_by_cloudformation(answers: Answers) -> list[str]:
    """Fn::GetAZs names the zones with a default subnet, or all when no zone has one."""
    default = {one["AvailabilityZone"] for one in answers.items("describe_subnets", "Subnets")}
    zones = _open_zones(answers)
    return [one for one in zones if one in default] or zones


ZONES = Ask(
    "ec2",
    "describe_availability_zones",
    "ec2:DescribeAvailabilityZones",
    lambda _place, _answers: (
        {"Filters": [{"Name": "zone-type", "Values": ["availability-zone"]}]},
    ),
)
DEFAULT_SUBNETS = Ask(
    "ec2",
    "describe_subnets",
    "ec2:DescribeSubnets",
    lambda _place, _answers: ({"Filters": [{"Name": "default-for-az", "Values": ["true"]}]},),
)


def _enough_zones(place: Place, answers: Answers) -> list[Finding]:
    needed, seen, there = _zones(place), _seen_by_cloudformation(answers), _open_zones(answers)
    if len(seen) >= needed:
        return []
    if len(there) >= needed:
        missing = [one for one in there if one not in seen]
        return [
            Finding(
                f"CloudFormation sees {len(seen)} zones in {place.region} ({', '.join(seen)}), since only "
                f"they have a default subnet; the network needs {needed}",
                "\n".join(
                    f"aws ec2 create-default-subnet --region {place.region} --availability-zone {one}"
                    for one in missing
                ),
            )
        ]
    return [
        Finding(
            f"{place.region} has {len(there)} zones that are available; the network needs {needed}",
            f"aws ec2 describe-availability-zones --region {place.region}     # wait, or another region",
        )
    ]


def _interface_services(place: Place) -> list[str]:
    return sorted(
        one.text("ServiceName")
        for one in place.wanted("AWS::EC2::VPCEndpoint")
        if one.text("VpcEndpointType") == "Interface"
    )


def _endpoint_services(place: Place, _answers: Answers) -> Parameters:
    names = _interface_services(place)
    return [{"Filters": [{"Name": "service-name", "Values": names}]}] if names else []


def _endpoint_zones(place: Place, answers: Answers) -> list[Finding]:
    offered = {
        one["ServiceName"]: set(one["AvailabilityZones"])
        for one in answers.items("describe_vpc_endpoint_services", "ServiceDetails")
    }
    used = _seen_by_cloudformation(answers)[: _zones(place)]
    found = []
    for service in _interface_services(place):
        missing = [one for one in used if one not in offered.get(service, set())]
        if service not in offered:
            sentence = f"{place.region} offers no interface endpoint {service}"
        elif missing:
            sentence = f"the endpoint {service} does not stand in {', '.join(missing)}"
        else:
            continue
        mend = (
            f"aws ec2 describe-vpc-endpoint-services --region {place.region} --service-names {service}\n"
            "# then a profile without interface endpoints, or one without this service or zone"
        )
        found.append(Finding(sentence, mend))
    return found


def _database_versions(place: Place, _answers: Answers) -> Parameters:
    chosen = {
        (one.text("Engine"), one.text("EngineVersion"))
        for one in place.wanted("AWS::RDS::DBCluster")
    }
    return [{"Engine": engine, "EngineVersion": version} for engine, version in sorted(chosen)]


def _database_offered(place: Place, answers: Answers) -> list[Finding]:
    found = []
    for answer in answers.of("describe_db_engine_versions"):
        engine, version = answer.parameters["Engine"], answer.parameters["EngineVersion"]
        listed = (answer.body or {}).get("DBEngineVersions", [])
        if any(one.get("SupportsGlobalDatabases") for one in listed):
            continue
        why = "does not offer it" if not listed else "offers it without global databases"
        found.append(
            Finding(
                f"{engine} {version} is wanted, and {place.region} {why}",
                f"aws rds describe-db-engine-versions --region {place.region} --engine {engine} "
                "--query 'DBEngineVersions[?SupportsGlobalDatabases].EngineVersion'\n# " + UPGRADE,
            )
        )
    return found


def _database_classes(place: Place, _answers: Answers) -> Parameters:
    (version,) = {one.text("EngineVersion") for one in place.wanted("AWS::RDS::DBCluster")} or {""}
    chosen = {
        (one.text("Engine"), one.text("DBInstanceClass"))
        for one in place.wanted("AWS::RDS::DBInstance")
    }
    return [
        {"Engine": engine, "EngineVersion": version, "DBInstanceClass": kind}
        for engine, kind in sorted(chosen)
    ]


def _classes_orderable(place: Place, answers: Answers) -> list[Finding]:
    used = set(_seen_by_cloudformation(answers)[: _zones(place)])
    instances = len(place.wanted("AWS::RDS::DBInstance"))
    found = []
    for answer in answers.of("describe_orderable_db_instance_options"):
        zones = {
            zone["Name"]
            for one in (answer.body or {}).get("OrderableDBInstanceOptions", [])
            for zone in one.get("AvailabilityZones", [])
        }
        if len(zones & used) >= min(instances, len(used)):
            continue
        kind, version = answer.parameters["DBInstanceClass"], answer.parameters["EngineVersion"]
        engine = answer.parameters["Engine"]
        found.append(
            Finding(
                f"{kind} with {engine} {version} can be ordered in {len(zones & used)} of the zones that "
                f"are used in {place.region}; {instances} instances are wanted",
                f"aws rds describe-orderable-db-instance-options --region {place.region} --engine {engine} "
                f"--engine-version {version} --query 'OrderableDBInstanceOptions[].DBInstanceClass'\n# "
                + UPGRADE,
            )
        )
    return found


def _kafka_offered(place: Place, answers: Answers) -> list[Finding]:
    active = {
        one["Version"]
        for one in answers.items("list_kafka_versions", "KafkaVersions")
        if one["Status"] == "ACTIVE"
    }
    wanted = {one.text("KafkaVersion") for one in place.wanted("AWS::MSK::Cluster")}
    return [
        Finding(
            f"Kafka {version} is not ACTIVE in {place.region}; it has {', '.join(sorted(active))}",
            f"aws kafka list-kafka-versions --region {place.region}\n# " + UPGRADE,
        )
        for version in sorted(wanted - active)
    ]


def _broker_machines(place: Place) -> list[str]:
    return sorted(
        {
            str(one.properties["BrokerNodeGroupInfo"]["InstanceType"]).removeprefix("kafka.")
            for one in place.wanted("AWS::MSK::Cluster")
        }
    )


def _broker_classes(place: Place, _answers: Answers) -> Parameters:
    return [
        {
            "LocationType": "availability-zone",
            "Filters": [{"Name": "instance-type", "Values": _broker_machines(place)}],
        }
    ]


def _brokers_offered(place: Place, answers: Answers) -> list[Finding]:
    used = _seen_by_cloudformation(answers)[: _zones(place)]
    offered = {
        (one["InstanceType"], one["Location"])
        for one in answers.items("describe_instance_type_offerings", "InstanceTypeOfferings")
    }
    found = []
    for machine in _broker_machines(place):
        missing = [zone for zone in used if (machine, zone) not in offered]
        if missing:
            found.append(
                Finding(
                    f"EC2 has no {machine} in {', '.join(missing)}, so brokers kafka.{machine} are hardly "
                    "offered there",
                    f"aws ec2 describe-instance-type-offerings --region {place.region} --location-type "
                    f"availability-zone --filters Name=instance-type,Values={machine}\n# "
                    + UPGRADE,
                )
            )
    return found


def _cache_versions(place: Place, _answers: Answers) -> Parameters:
    chosen = {
        (one.text("Engine"), one.text("EngineVersion"))
        for one in place.resources
        if one.type == "AWS::ElastiCache::ReplicationGroup" and one.text("EngineVersion")
    }
    return [{"Engine": engine, "EngineVersion": version} for engine, version in sorted(chosen)]


def _cache_offered(place: Place, answers: Answers) -> list[Finding]:
    return [
        Finding(
            f"{answer.parameters['Engine']} {answer.parameters['EngineVersion']} is not offered in "
            f"{place.region}",
            f"aws elasticache describe-cache-engine-versions --region {place.region} "
            f"--engine {answer.parameters['Engine']}\n# " + UPGRADE,
        )
        for answer in answers.of("describe_cache_engine_versions")
        if not (answer.body or {}).get("CacheEngineVersions")
    ]


def _cache_classes(place: Place, _answers: Answers) -> Parameters:
    kinds = {
        one.text("CacheNodeType") for one in place.wanted("AWS::ElastiCache::ReplicationGroup")
    }
    return [{"CacheNodeType": kind} for kind in sorted(kinds - {""})]


def _cache_classes_sold(place: Place, answers: Answers) -> list[Finding]:
    return [
        Finding(
            f"{answer.parameters['CacheNodeType']} is not sold in {place.region}",
            f"aws elasticache describe-reserved-cache-nodes-offerings --region {place.region} "
            "--query 'ReservedCacheNodesOfferings[].CacheNodeType'\n# " + UPGRADE,
        )
        for answer in answers.of("describe_reserved_cache_nodes_offerings")
        if not (answer.body or {}).get("ReservedCacheNodesOfferings")
    ]


OFFER_PROBES = (
    Probe(
        id="zones",
        fact="The network stands in three zones, as CloudFormation counts them.",
        asks=(ZONES, DEFAULT_SUBNETS),
        expects="as many zones as the templates index, each with a default subnet, or none with one",
        if_not="the network's stack fails: Fn::Select cannot select an element",
        mend="`aws ec2 create-default-subnet`",
        judge=_enough_zones,
        source="AWS CloudFormation Template Reference, Fn::GetAZs",
        types=("AWS::EC2::Subnet",),
    ),
    Probe(
        id="endpoint-zones",
        fact="An interface endpoint stands only in the zones that its service offers it in.",
        asks=(
            ZONES,
            DEFAULT_SUBNETS,
            Ask(
                "ec2",
                "describe_vpc_endpoint_services",
                "ec2:DescribeVpcEndpointServices",
                _endpoint_services,
            ),
        ),
        expects="each service of the templates in each zone of the network",
        if_not="the endpoint is refused: the service does not support the subnet's zone",
        mend="a profile without interface endpoints, or other zones",
        judge=_endpoint_zones,
        source="Amazon EC2 API Reference, DescribeVpcEndpointServices; AWS PrivateLink Guide",
        types=("AWS::EC2::VPCEndpoint",),
    ),
    Probe(
        id="database-version",
        fact="Both regions offer the engine's version, with global databases.",
        asks=(
            Ask(
                "rds",
                "describe_db_engine_versions",
                "rds:DescribeDBEngineVersions",
                _database_versions,
            ),
        ),
        expects="the version, with SupportsGlobalDatabases",
        if_not="the cluster is refused: Cannot find version",
        mend="another version, the same in both regions",
        judge=_database_offered,
        source="Amazon RDS API Reference, DescribeDBEngineVersions",
        types=("AWS::RDS::DBCluster",),
    ),
    Probe(
        id="database-class",
        fact="Both regions offer the instances' class in the zones that are used.",
        asks=(
            ZONES,
            DEFAULT_SUBNETS,
            Ask(
                "rds",
                "describe_orderable_db_instance_options",
                "rds:DescribeOrderableDBInstanceOptions",
                _database_classes,
            ),
        ),
        expects="a zone for each instance",
        if_not="the instance is refused",
        mend="another class",
        judge=_classes_orderable,
        source="Amazon RDS API Reference, DescribeOrderableDBInstanceOptions",
        types=("AWS::RDS::DBInstance",),
    ),
    Probe(
        id="kafka-version",
        fact="Both regions offer the log's version of Apache Kafka.",
        asks=(Ask("kafka", "list_kafka_versions", "kafka:ListKafkaVersions"),),
        expects="the version, ACTIVE",
        if_not="the cluster is refused: Unsupported KafkaVersion",
        mend="another version, the same in both regions",
        judge=_kafka_offered,
        source="Amazon MSK API Reference, kafka-versions",
        types=("AWS::MSK::Cluster",),
    ),
    Probe(
        id="broker-class",
        fact="Both regions offer the brokers' class. MSK lists no classes; EC2's machine is a sign of it.",
        asks=(
            ZONES,
            DEFAULT_SUBNETS,
            Ask(
                "ec2",
                "describe_instance_type_offerings",
                "ec2:DescribeInstanceTypeOfferings",
                _broker_classes,
            ),
        ),
        expects="the EC2 type of the same name in each zone that is used",
        if_not="the cluster is refused: Unsupported InstanceType",
        mend="another class",
        judge=_brokers_offered,
        source="inferred: Amazon EC2 API Reference, DescribeInstanceTypeOfferings",
        types=("AWS::MSK::Cluster",),
    ),
    Probe(
        id="cache-version",
        fact="Both regions offer the cache's engine in its version.",
        asks=(
            Ask(
                "elasticache",
                "describe_cache_engine_versions",
                "elasticache:DescribeCacheEngineVersions",
                _cache_versions,
            ),
        ),
        expects="the version",
        if_not="the replication group is refused",
        mend="another version",
        judge=_cache_offered,
        source="Amazon ElastiCache API Reference, DescribeCacheEngineVersions",
        types=("AWS::ElastiCache::ReplicationGroup",),
    ),
    Probe(
        id="cache-class",
        fact="Both regions offer the cache's node type. A type with reservations is sold there.",
        asks=(
            Ask(
                "elasticache",
                "describe_reserved_cache_nodes_offerings",
                "elasticache:DescribeReservedCacheNodesOfferings",
                _cache_classes,
            ),
        ),
        expects="an offering",
        if_not="the replication group is refused",
        mend="another node type",
        judge=_cache_classes_sold,
        source="inferred: Amazon ElastiCache API Reference, DescribeReservedCacheNodesOfferings",
        types=("AWS::ElastiCache::ReplicationGroup",),
    ),
)
