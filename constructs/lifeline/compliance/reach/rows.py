"""One row for each call: how it travels, what it asks of IAM, and the regions it rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from lifeline.compliance.reach import stores
from lifeline.compliance.reach.callers import DOOR, LAYERS, QUERY_API, Caller, callers
from lifeline.compliance.reach.network import HTTPS, Network, Route
from lifeline.compliance.reach.policies import Policies
from lifeline.compliance.reach.record_callers import record_callers
from lifeline.compliance.reach.rights import REGISTRY_ACCOUNT, Ask, ask
from lifeline.compliance.reach.service_callers import service_callers
from lifeline.compliance.reach.targets import (
    EVERYTHING,
    aliases_of,
    key_uses,
    log_rights,
    targets,
    variables_of,
)
from lifeline.compliance.reach.world import ACCOUNT, ARN, Found, World
from lifeline.lambdas.contracts.contract import AwsCall, Call, HostCall, RegionRole
from lifeline.lambdas.failover.protocol import NO_STANDBY

GLOBAL_REGION = "us-east-1"
"""Where the control planes of the global services are (AWS Fault Isolation Boundaries)."""
ENDPOINTS = {"kinesis": "kinesis-streams", "ecr": "ecr.dkr"}
"""Services whose endpoint has another name than their IAM prefix."""
WITHOUT_A_ROUTE = {"rds-db": "The token is signed in the process; the database itself judges it."}
OTHER_DATABASE = "the other region's database"
AWS_NETWORK = "AWS's own network"
WITHOUT_A_WITNESS = {("failover_step", "dynamodb:UpdateItem", RegionRole.PEER)}
"""Calls that are made only where no witness has the lease, and a person makes a region active."""
REGISTRY_DOCUMENT = "registry"
REGISTRY = f"{ARN}iam::{REGISTRY_ACCOUNT}:role/registry"
PUBLIC = {
    "public API",
    "token endpoint",
    "the user pool's keys",
    "control target",
    "the answer to CloudFormation, a presigned address of S3",
}
"""Hosts with public names and no policy of ours."""


@dataclass(frozen=True)
class Regions:
    """The regions of an environment; `witness` is empty without one.

    `copies`: where only copies of home's backups are kept, instead of a standby; then `standby` is empty.
    """

    home: str
    standby: str
    witness: str
    copies: str = ""


@dataclass(frozen=True)
class Row:
    """One call of one caller."""

    caller: Caller
    declared: Call
    call: str
    where: RegionRole
    target_region: str
    regions: frozenset[str]
    route: Route
    asks: tuple[Ask, ...] = ()
    not_made: str = ""
    """Why this caller does not make the call in this environment; empty: it does."""
    missing: tuple[str, ...] = field(default=())


def regions_of(world: World) -> Regions:
    """Home has the global cluster; the witness is where keepers look for the lease, if it is neither."""
    keepers = [one for one in callers(world) if one.reader == "keeper"]
    homes = [one.region for one in world.of_type("AWS::RDS::GlobalCluster")]
    home = homes[0] if homes else next((one.region for one in keepers), "")
    standby = next((one.region for one in keepers if one.region != home), "")
    witness = next((one.variables[0].get("WITNESS_REGION", "") for one in keepers), "")
    vaults = [one.region for one in world.of_type("AWS::Backup::BackupVault")]
    copies = "" if standby else next((one for one in vaults if one != home), "")
    return Regions(home, standby, "" if witness in (home, standby) else witness, copies)


class Rows:
    """All rows of a world."""

    def __init__(self, world: World, regions: Regions) -> None:
        self._world, self._regions = world, regions
        self.network, self.policies = Network(world), Policies(world)
        self.policies.documents[REGISTRY_DOCUMENT] = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
        }

    def every(self) -> list[Row]:
        """A row for each call of each caller, in the callers' order."""
        world = self._world
        found = [*callers(world), *service_callers(world), *record_callers(world)]
        return [row for caller in found for row in self.of(caller)]

    def of(self, caller: Caller) -> Iterator[Row]:
        """The rows of one caller: one for each of its calls and each region that the call goes to."""
        for call in caller.calls:
            for region in self._where(caller, call):
                yield self._row(caller, call, region)

    def again(self, row: Row) -> Row:
        """The same call in this world."""
        return self._row(row.caller, row.declared, row.target_region)

    def _where(self, caller: Caller, call: Call) -> list[str]:
        if call.region is RegionRole.OWN:
            return (
                [caller.variables[0].get("IMAGE_REGION", caller.region)]
                if _pulls(call)
                else [caller.region]
            )
        if call.region is RegionRole.WITNESS:
            return [caller.variables[0].get("WITNESS_REGION", self._regions.witness)]
        if call.region is RegionRole.GLOBAL:
            return [GLOBAL_REGION]
        probed = caller.variables[0].get("PROBE_REGIONS") if caller.variables else None
        if probed:
            return [str(one) for one in json.loads(probed)]
        if any(one.get("PEER_REGION") == NO_STANDBY for one in caller.variables):
            return []
        regions = self._regions
        both = {regions.home, regions.standby or regions.copies} - {caller.region}
        return sorted(both)[:1]

    def _row(self, caller: Caller, call: Call, region: str) -> Row:
        text = call.action if isinstance(call, AwsCall) else call.what
        made = Row(caller, call, text, call.region, region, frozenset(), Route(""))
        if not region:
            return replace(made, not_made="there is no witness")
        if self._regions.witness and (caller.reader, text, call.region) in WITHOUT_A_WITNESS:
            return replace(made, not_made="the witness has the lease")
        if isinstance(call, AwsCall):
            return self._service_call(made, call)
        return self._connection(made, call)

    # Calls of AWS's APIs

    def _service_call(self, row: Row, call: AwsCall) -> Row:
        service = call.action.partition(":")[0]
        found = list[Ask]()
        for given in row.caller.variables:
            values = variables_of(self._world, given)
            named = targets(call.action, call.region, row.target_region, values)
            if named is None:
                sentence = (
                    f"nothing says on which resource {call.action} is called; add it to TARGETS"
                )
                return replace(row, missing=(sentence,))
            for target in dict.fromkeys(named):
                found += self._asks(row, call, target, service)
        if not found:
            return replace(row, not_made="the caller was told of nothing that it could call it on")
        asks = tuple(dict.fromkeys(found))
        keys = {one.resource.split(":")[3] for one in asks if one.action.startswith("kms:")}
        regions = frozenset({row.caller.region, row.target_region} | keys)
        return replace(row, regions=regions, route=self._route(row, service), asks=asks)

    def _asks(self, row: Row, call: AwsCall, target: str, service: str) -> Iterator[Ask]:
        action = call.action
        route = self._route(row, service)
        region = row.target_region
        extra: dict[str, str | tuple[str, ...]] = {}
        extra |= dict(row.caller.context)
        extra |= dict(call.context)
        if row.caller.source.startswith("arn:"):
            extra["aws:SourceArn"] = row.caller.source
        yield self._ask(row, action, target, region, route.endpoint, extra)
        if target == EVERYTHING:
            return
        for use in key_uses(self._world, action, target):
            via: dict[str, str | tuple[str, ...]] = {
                "kms:ViaService": f"{use.service}.{use.region}.amazonaws.com",
                "kms:CallerAccount": ACCOUNT,
                "kms:ResourceAliases": aliases_of(self._world, use.key),
            }
            yield self._ask(row, use.action, use.key, region, "", {**extra, **via})

    def _ask(
        self,
        row: Row,
        action: str,
        resource: str,
        region: str,
        endpoint: str,
        context: Mapping[str, str | tuple[str, ...]],
    ) -> Ask:
        return ask(
            self._world,
            self.policies,
            principal=row.caller.role,
            action=action,
            resource=resource,
            region=region,
            endpoint=endpoint,
            context=context,
        )

    def _route(self, row: Row, service: str) -> Route:
        placement, region = row.caller.placement, row.target_region
        if placement is None or service in WITHOUT_A_ROUTE:
            return Route(AWS_NETWORK if placement is None else "none needed")
        what = f"{service} in {region}"
        if region != row.caller.region:
            return self.network.to_the_internet(placement, HTTPS, what)
        if row.call == "ecr:GetAuthorizationToken":
            return self.network.to_service(placement, "ecr.api", what)
        return self.network.to_service(placement, ENDPOINTS.get(service, service), what)

    # Connections to hosts

    def _connection(self, row: Row, call: HostCall) -> Row:
        caller, region = row.caller, row.target_region
        row = replace(row, regions=frozenset({caller.region, region}))
        given = variables_of(self._world, caller.variables[0]) if caller.variables else {}
        if call.what == LAYERS.what:
            return self._layers(row)
        if call.what == OTHER_DATABASE and not self._regions.witness:
            return replace(row, not_made="without a witness no directory says where it is")
        if call.what in PUBLIC:
            if caller.placement is None:
                return replace(row, route=Route(AWS_NETWORK))
            way = self.network.to_the_internet(caller.placement, call.port or HTTPS, call.what)
            return replace(row, route=way)
        if call.what == QUERY_API.what:
            return self._query_api(row, given)
        target = self._store(call, given, region)
        if target is None:
            if call.what == "cache" and not given.get("CACHE_GROUP"):
                return replace(row, not_made="the caller was told of no cache")
            sentence = f"no template has {call.what} where {caller.name} is told to look for it"
            return replace(row, missing=(sentence,))
        if caller.placement is None:
            sentence = f"{caller.name} has no network, and {call.what} is inside one; give it one"
            return replace(row, missing=(sentence,))
        store = stores.store_of(self._world, target, call.port or 0)
        asks: tuple[Ask, ...] = ()
        if target.type == stores.LOG_CLUSTER:
            asks = self._of_the_log(row, call, target, given)
        elif call.what == OTHER_DATABASE:
            asks = (self._sign_in(row, target, given),)
        elif call.what == "cache":
            named = targets("elasticache:Connect", call.region, region, given) or []
            action = "elasticache:Connect"
            asks = tuple(self._ask(row, action, one, region, "", {}) for one in named)
        return replace(row, route=self.network.to_store(caller.placement, store), asks=asks)

    def _of_the_log(
        self, row: Row, call: HostCall, cluster: Found, given: Mapping[str, str]
    ) -> tuple[Ask, ...]:
        arn, peer = self._world.arn(cluster.place), call.region is RegionRole.PEER
        wanted = log_rights(row.caller.reader, arn, given, peer=peer)
        return tuple(self._ask(row, action, one, cluster.region, "", {}) for action, one in wanted)

    def _sign_in(self, row: Row, database: Found, given: Mapping[str, str]) -> Ask:
        """With a token for the other region's cluster, which the role there has no part in."""
        user = given.get("DATABASE_USER", "")
        resource = f"{database.token}.DBClusterResourceId/{user}"
        arn = f"{ARN}rds-db:{database.region}:{ACCOUNT}:dbuser:{resource}"
        return self._ask(row, "rds-db:connect", arn, database.region, "", {})

    def _store(self, call: HostCall, given: Mapping[str, str], region: str) -> Found | None:
        if call.what == "the region's database":
            return stores.database(self._world, given)
        if call.what == OTHER_DATABASE:
            return stores.other_database(self._world, given, region)
        if call.what in ("the region's log", "the peer's log"):
            own = given.get("KAFKA_BOOTSTRAP") or given.get("OWN_BOOTSTRAP", "")
            named = given.get("PEER_BOOTSTRAP", "") if call.region is RegionRole.PEER else own
            return stores.log_cluster(self._world, named, region)
        if call.what == "cache":
            return stores.cache(self._world, given, region)
        return None

    def _query_api(self, row: Row, given: Mapping[str, str]) -> Row:
        if "QUERY_API_URL" not in given:
            return replace(row, not_made="the caller was told of no query API")
        found = stores.balancer(self._world, given["QUERY_API_URL"])
        if found is None:
            return replace(row, missing=("QUERY_API_URL names no load balancer of the templates",))
        front = stores.store_of(self._world, *found)
        if row.caller.reader == DOOR:
            route = self._by_link(row.caller.source, found[0])
        elif row.caller.placement is None:
            return replace(row, missing=(f"{row.caller.name} has no network; give it one",))
        else:
            route = self.network.to_store(row.caller.placement, front)
        behind = stores.behind(self._world, *found)
        if not behind:
            return replace(row, missing=(f"nothing listens behind {found[0].token}",))
        for store in behind:
            # A balancer without groups passes connections on from its own addresses.
            hop = self.network.groups.passage(
                self.network.side(front.name, front.subnets, front.groups),
                self.network.side(store.name, store.subnets, store.groups),
                store.port,
            )
            route = route.joined(Route("", hop[0], tuple(hop[1])))
        return replace(row, route=route)

    def _by_link(self, link: str, balancer: Found) -> Route:
        found = self._world.by_token(link)
        leads = [str(one) for one in found.properties["TargetArns"]] if found else []
        if not {balancer.token, self._world.arn(balancer.place)} & set(leads):
            said = f"{link} is no VPC link to {balancer.token}; make one, or let the link name it"
            return Route("VPC link", missing=(said,))
        return Route("VPC link", frozenset({link}))

    def _layers(self, row: Row) -> Row:
        """The registry's signature, not our role, reads the bucket: only the endpoint's policy judges."""
        if row.caller.placement is None:
            return replace(row, route=Route(AWS_NETWORK))
        route = self.network.to_service(row.caller.placement, "s3", "the image's layers")
        if not route.endpoint:
            return replace(row, route=route)
        bucket = f"{ARN}s3:::prod-{row.target_region}-starport-layer-bucket/layer"
        made = ask(
            self._world,
            self.policies,
            principal=REGISTRY,
            action="s3:GetObject",
            resource=bucket,
            region=row.target_region,
            endpoint=route.endpoint,
            context={"aws:ResourceAccount": REGISTRY_ACCOUNT},
        )
        return replace(row, route=route, asks=(replace(made, identity=(REGISTRY_DOCUMENT,)),))


def _pulls(call: Call) -> bool:
    return (isinstance(call, AwsCall) and call.action.startswith("ecr:")) or call is LAYERS
