"""Look an attribute of the peer up when its resource is created; ever after answer from the own region.

An update or a delete must work while the peer is lost, so neither asks it. Only an update that finds no
kept answer does, and then gives up soon.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from lifeline.lambdas.contracts.custom_resources import PeerLookup
from lifeline.lambdas.custom_resource.answer import answer_with
from lifeline.lambdas.peer_lookup.lookup import Question, look_up

PATIENT = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 5})
"""When the resource is created: the peer is there, or the deploy fails."""
HASTY = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
"""When an update finds nothing kept: at most about 10 s for the longest lookup."""


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lambda's entry."""
    answer_with(provide, event)


def provide(event: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """The attribute `Value`. Raises NotFound, or what a service raised on a create."""
    asked = event["ResourceProperties"]
    parameter = asked["Parameter"]
    own_region = PeerLookup.from_env().region
    ssm = _client("ssm", own_region, PATIENT)
    if event["RequestType"] == "Delete":
        _forget(ssm, parameter)
        return event.get("PhysicalResourceId", parameter), {}
    kept = _kept(ssm, parameter) if event["RequestType"] == "Update" else ""
    if kept:
        return parameter, {"Value": kept}
    question = Question(
        attribute=asked["Attribute"],
        name=asked["Name"],
        peer_region=asked["PeerRegion"],
        own_region=own_region,
    )
    config = PATIENT if event["RequestType"] == "Create" else HASTY
    value = look_up(question, lambda service, region: _client(service, region, config))
    ssm.put_parameter(
        Name=parameter,
        Value=value,
        Type="String",
        Overwrite=True,
        Description=f"{asked['Attribute']} of {asked['PeerRegion']}, kept for deploys without it",
    )
    return parameter, {"Value": value}


def _kept(ssm: Any, parameter: str) -> str:
    try:
        return str(ssm.get_parameter(Name=parameter)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return ""


def _forget(ssm: Any, parameter: str) -> None:
    try:
        ssm.delete_parameter(Name=parameter)
    except ssm.exceptions.ParameterNotFound:
        return


def _client(service: str, region: str, config: Config) -> Any:
    make: Any = boto3.client
    return make(service, region_name=region, config=config)
