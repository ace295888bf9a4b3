"""What ElastiCache refuses."""

from __future__ import annotations

from lab.refusals.row import Known, On, Row
from lab.refusals.situation import Case

GROUP = "AWS::ElastiCache::ReplicationGroup"
USER = "AWS::ElastiCache::User"
API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference"
GUIDE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Redis-Global-Datastores-Getting-Started.html"
IAM = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html"
INHERITED_NODES = (
    "CacheNodeType",
    "NumNodeGroups",
    "NodeGroupConfiguration",
    "ReplicasPerNodeGroup",
)
INHERITED_ENGINE = ("Engine", "EngineVersion", "CacheParameterGroupName")
INHERITED_ENCRYPTION = ("AtRestEncryptionEnabled", "TransitEncryptionEnabled", "TransitEncryptionMode",
                        "AuthToken")  # fmt: skip
MOST_NODES = 6
SMALL = (".nano", ".micro", ".small", ".medium")
BURSTABLE = ("cache.t", "cache.m4", "cache.r4", "cache.m3", "cache.r3")


def _named(case: Case, *names: str) -> str:
    """Which of the properties a member of a global datastore names."""
    if not case.resource.given("GlobalReplicationGroupId"):
        return ""
    return ", ".join(name for name in names if case.resource.given(name))


def _in_a_datastore(case: Case) -> bool:
    worlds = case.situation.of_type("AWS::ElastiCache::GlobalReplicationGroup")
    return any(world.refers_to(case.resource) for world in worlds)


def _node_type(case: Case) -> object:
    node = case.resource.text("CacheNodeType")
    return _in_a_datastore(case) and (node.startswith(BURSTABLE) or node.endswith(SMALL)) and node


def _too_few_nodes(case: Case) -> bool:
    one = case.resource
    nodes = one.number("NumCacheClusters")
    return (
        one.true("AutomaticFailoverEnabled")
        and not one.given("NumNodeGroups")
        and not one.given("NodeGroupConfiguration")
        and nodes is not None
        and nodes < 2
    )


ROWS = (
    Row(
        id="cache-member-automatic-failover",
        types=(GROUP,),
        refuses=lambda case: _named(case, "AutomaticFailoverEnabled"),
        sentence="A member of a global datastore inherits automatic failover: it may not be passed.",
        source=GUIDE,
    ),
    Row(
        id="cache-member-nodes",
        types=(GROUP,),
        refuses=lambda case: _named(case, *INHERITED_NODES),
        sentence="A member of a global datastore inherits node type and node groups: neither may be passed.",
        source=GUIDE,
    ),
    Row(
        id="cache-member-engine",
        types=(GROUP,),
        refuses=lambda case: _named(case, *INHERITED_ENGINE),
        sentence="A member of a global datastore inherits engine, version and parameters: pass none.",
        source=GUIDE,
    ),
    Row(
        id="cache-member-encryption",
        types=(GROUP,),
        refuses=lambda case: _named(case, *INHERITED_ENCRYPTION),
        sentence="A member of a global datastore inherits encryption: only its key may be passed.",
        source=GUIDE,
        known=Known.INFERRED,
    ),
    Row(
        id="cache-datastore-node-type",
        types=(GROUP,),
        refuses=_node_type,
        sentence="A global datastore takes node types of m5, r5 and later, of size large and bigger.",
        source=GUIDE,
    ),
    Row(
        id="cache-failover-without-replica",
        types=(GROUP,),
        refuses=_too_few_nodes,
        sentence="With automatic failover a replication group has at least 2 nodes.",
        source=f"{API}/API_CreateReplicationGroup.html (NumCacheClusters)",
    ),
    Row(
        id="cache-too-many-nodes",
        types=(GROUP,),
        refuses=lambda case: (case.resource.number("NumCacheClusters") or 0) > MOST_NODES,
        sentence=f"A replication group has at most {MOST_NODES} nodes: a primary and five replicas.",
        source=f"{API}/API_CreateReplicationGroup.html (NumCacheClusters)",
    ),
    Row(
        id="cache-user-with-iam-by-another-name",
        types=(USER,),
        refuses=lambda case: (
            str(case.resource.at("AuthenticationMode.Type")) == "iam"
            and case.resource.text("UserId").lower() != case.resource.text("UserName").lower()
            and case.resource.text("UserId")
            and case.resource.text("UserName")
        ),
        sentence="A user who signs in with IAM has one word for its id and its name.",
        source=IAM,
    ),
    Row(
        id="cache-datastore-deleted-with-members",
        types=("AWS::ElastiCache::GlobalReplicationGroup",),
        on=On.DELETED,
        refuses=lambda case: ", ".join(
            one.path
            for one in case.situation.beside(GROUP)
            if case.resource.text("GlobalReplicationGroupIdSuffix")
            and one.text("GlobalReplicationGroupId").endswith(
                f"-{case.resource.text('GlobalReplicationGroupIdSuffix')}"
            )
        ),
        sentence="A global datastore is deleted when its secondaries are disassociated.",
        source=f"{API}/API_DeleteGlobalReplicationGroup.html",
    ),
)
