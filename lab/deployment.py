"""From synthesized stacks to regions that run: what comes before and after `cdk deploy`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import toolkit
from lab.assembly import PROVIDER_NAME, Substitution
from lab.calls import Clients
from lab.gateway import ApiDefinition
from lab.overrides import query_api_ca_file, token_url
from lab.places import (
    ACCOUNT,
    ALL_REGIONS,
    CODES,
    DATA_REGIONS,
    HOME,
    RECOVERY,
    WITNESS,
    Places,
    arn,
)
from lab.postgres import DATABASE, Postgres
from lab.substitutions import Kind
from lab.waiting import LabError, until

ROOT = Path(__file__).resolve().parent.parent
REPLICA_SECONDS = 20.0
COMMAND_SECONDS = 60
ACTIVATE_SECONDS = 240
"""The plan's budget is more than four minutes; on a busy machine it takes half a minute here."""
INIT_ATTEMPTS = 3
EVENTS_PATH = "/v1/events"
WATERMARK_PATH = "/v1/watermark"
KEEPER_REPORT = "keeper-report"
"""The item of a region's table in which its keeper says each cycle how it stands."""


@dataclass
class DeployReport:
    """What was deployed and how long each part took."""

    native: dict[str, int] = field(default_factory=dict)
    provided: dict[str, int] = field(default_factory=dict)
    inert: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, done: Substitution) -> DeployReport:
        counted = {kind: dict(sorted(done.counts[kind].items())) for kind in Kind}
        return cls(counted[Kind.NATIVE], counted[Kind.PROVIDED], counted[Kind.INERT])

    def lines(self) -> list[str]:
        """For the person who watches."""
        made = []
        for word, counts in (("native", self.native), ("provided", self.provided),
                             ("inert", self.inert)):  # fmt: skip
            types = ", ".join(
                f"{name.removeprefix('AWS::')} {count}" for name, count in counts.items()
            )
            made.append(f"  {word:<9}{sum(counts.values()):>4}  {types}")
        return made


def give_log_role(clients: Clients) -> None:
    """API Gateway's one log role of the account, in each data region: no environment's own."""
    name = "api-gateway-logs"
    trusted = {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    made = clients.observer("iam", HOME).create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trusted]}),
    )
    for region in DATA_REGIONS:
        clients.observer("apigateway", region).update_account(
            patchOperations=[
                {"op": "replace", "path": "/cloudwatchRoleArn", "value": made["Role"]["Arn"]}
            ]
        )


def install_provider(clients: Clients, places: Places) -> None:
    """The function behind the provided types, in every region, beside the stacks."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(ROOT / "lab" / "provider" / "index.py", "index.py")
    for region in ALL_REGIONS:
        # It has no role that could make its log group (`emulated_log_groups`).
        clients.observer("logs", region).create_log_group(
            logGroupName=f"/aws/lambda/{PROVIDER_NAME}"
        )
        clients.observer("lambda", region).create_function(
            FunctionName=PROVIDER_NAME, Runtime="python3.14", Handler="index.handler",
            Role=arn("iam", "", f"role/{PROVIDER_NAME}"), Timeout=60,
            Code={"ZipFile": packed.getvalue()},
            # As the region itself would call: seen, and stopped, by the region's own proxy.
            Environment={"Variables": {"AWS_ENDPOINT_URL": places.proxy_url(CODES[region])}},
        )  # fmt: skip


def topic_partitions(clients: Clients, suffix: str) -> dict[str, int]:
    """The marked topics, as the deployed bridge knows them."""
    function = clients.observer("lambda", HOME).get_function_configuration(
        FunctionName=f"stream-bridge-{suffix}"
    )
    text = function["Environment"]["Variables"]["KAFKA_PARTITIONS"]
    return {name: int(count) for name, count in json.loads(text).items()}


def command(places: Places, *arguments: str, seconds: float = COMMAND_SECONDS) -> str:
    """Run `lifeline …` as a person does, from the operator's place. Raises LabError with its sentence."""
    done = subprocess.run(
        [sys.executable, "-m", "lifeline.cli", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False,
        env=toolkit.environment(places),
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"`lifeline {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def activate(places: Places, suffix: str) -> str:
    """`lifeline activate`, as README says it: migrate, create the lease, wait until home serves."""
    return command(
        places, "activate", "--suffix", suffix, "--wait", str(ACTIVATE_SECONDS),
        seconds=ACTIVATE_SECONDS + COMMAND_SECONDS,
    )  # fmt: skip


def initialize_authority(
    places: Places, suffix: str, replica: Postgres, database: str = DATABASE
) -> None:
    """`lifeline authority init`, once the migrations have reached the `replica` (A10)."""
    until(
        "the authority row reaching the replica",
        lambda: (
            replica.sql("SELECT to_regclass('authority') IS NOT NULL", database=database) == "t"
        ),
        seconds=REPLICA_SECONDS,
    )
    for attempt in range(INIT_ATTEMPTS):
        try:
            command(places, "authority", "init", "--suffix", suffix)
        except LabError as error:
            # A busy machine may lose an answer; the write behind it may have landed (A4).
            if attempt and "there is a lease already" in str(error):
                return
            if attempt == INIT_ATTEMPTS - 1:
                raise
        else:
            return


def api_definition(clients: Clients, places: Places, region: str, suffix: str) -> ApiDefinition:
    """The deployed API's own mapping of `POST /v1/events`, for the gateway that stands for it."""
    api = clients.observer("apigateway", region)
    name = f"events-api-{suffix}"
    found = [each["id"] for each in api.get_rest_apis(limit=500)["items"] if each["name"] == name]
    if not found:
        raise LabError(f"The API {name} is not deployed in {region}.")
    resources = api.get_resources(restApiId=found[0], limit=500)["items"]
    paths = {each["path"]: each["id"] for each in resources}
    if EVENTS_PATH not in paths:
        raise LabError(f"The API {name} has no {EVENTS_PATH}: it has {', '.join(sorted(paths))}.")
    integration: dict[str, Any] = api.get_integration(
        restApiId=found[0], resourceId=paths[EVENTS_PATH], httpMethod="POST"
    )
    responses = tuple(
        (str(row.get("selectionPattern") or ""), int(status), _json_template(row))
        for status, row in sorted(integration["integrationResponses"].items())
    )
    pool, scopes = _authorization(api, found[0], paths)
    return ApiDefinition(
        user_pool=pool, write_scope=scopes[EVENTS_PATH], read_scope=scopes[WATERMARK_PATH],
        region=region, account=ACCOUNT, port=places.gateway(region),
        stream_url_port=places.proxy(CODES[region]), query_api_port=places.query_api_tls(region),
        query_api_ca_file=query_api_ca_file(places, region),
        request_template=integration["requestTemplates"]["application/json"], responses=responses,
        stage_variables=dict(api.get_stages(restApiId=found[0])["item"][0].get("variables") or {}),
    )  # fmt: skip


def _authorization(api: Any, api_id: str, paths: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The user pool that the API trusts, and the scope that its methods ask for."""
    scopes = {}
    for path, verb in ((EVENTS_PATH, "POST"), (WATERMARK_PATH, "GET")):
        method = api.get_method(restApiId=api_id, resourceId=paths[path], httpMethod=verb)
        if method["authorizationType"] != "COGNITO_USER_POOLS":
            raise LabError(
                f"{verb} {path} asks for {method['authorizationType']}, not for a token."
            )
        (scopes[path],) = method["authorizationScopes"]
    (authorizer,) = api.get_authorizers(restApiId=api_id)["items"]
    (pool_arn,) = authorizer["providerARNs"]
    return pool_arn.rsplit("/", 1)[1], scopes


@dataclass(frozen=True)
class EdgeCredentials:
    """What an integrator is given for one region."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)


def edge_credentials(clients: Clients, places: Places, region: str, suffix: str) -> EdgeCredentials:
    """The deployed edges' client. Raises LabError when it is not there."""
    idp, name = clients.observer("cognito-idp", region), f"edges-{suffix}"
    for pool in idp.list_user_pools(MaxResults=60)["UserPools"]:
        if pool["Name"] != name:
            continue
        there = idp.list_user_pool_clients(UserPoolId=pool["Id"], MaxResults=60)["UserPoolClients"]
        for one in there:
            if one["ClientName"] == name:
                described = idp.describe_user_pool_client(
                    UserPoolId=pool["Id"], ClientId=one["ClientId"]
                )
                secret = described["UserPoolClient"]["ClientSecret"]
                return EdgeCredentials(token_url(places, region), one["ClientId"], secret)
    raise LabError(f"The edges' client {name} is not deployed in {region}.")


def _json_template(row: dict[str, Any]) -> str:
    template: str = (row.get("responseTemplates") or {}).get("application/json") or "{}"
    return template


def kick(clients: Clients, suffix: str) -> None:
    """Start keepers and probes now: the emulator's first scheduled start comes a minute late."""
    for region in (HOME, RECOVERY, WITNESS):
        functions = clients.observer("lambda", region)
        there = _functions(clients, region)
        for name in (f"probe-{suffix}", f"keeper-{suffix}"):
            if name in there:
                functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")


def keeper_looked_at(clients: Clients, region: str, suffix: str) -> float:
    """When the region's keeper last ended a cycle, by what it says of itself; 0 for never."""
    item = (
        clients.observer("dynamodb", region)
        .get_item(
            TableName=f"region-state-{suffix}",
            Key={"id": {"S": KEEPER_REPORT}},
            ConsistentRead=True,
        )
        .get("Item", {})
    )
    return float(json.loads(item["body"]["S"])["at"]) if "body" in item else 0.0


def serving_regions(clients: Clients, suffix: str) -> tuple[str, ...]:
    """The data regions that could become active: where a keeper is. Home alone without a standby."""
    return tuple(one for one in DATA_REGIONS if f"keeper-{suffix}" in _functions(clients, one))


def _functions(clients: Clients, region: str) -> set[str]:
    pages = clients.observer("lambda", region).get_paginator("list_functions").paginate()
    return {one["FunctionName"] for page in pages for one in page["Functions"]}
