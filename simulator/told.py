"""What each function and service of a world is told: its contract, as the constructs would write it."""

from __future__ import annotations

from functools import cache
from typing import Any

from lifeline.lambdas.contracts.contract import Contract
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.failover_step import FailoverStepContract
from lifeline.lambdas.contracts.keeper import KeeperContract
from lifeline.lambdas.contracts.probe import ProbeContract
from lifeline.lambdas.contracts.serving_region import ServingRegion
from simulator.places import (
    ACCOUNT,
    LEASE_TABLE,
    REGIONS,
    STATE_TABLE,
    WITNESS,
    cluster_arn,
    peer,
    state_machine_arn,
)

SUFFIX = "sim"
APPLIERS = 2
MAX_LOSS_SECONDS = 60.0


@cache
def environment(region: str, function: str) -> dict[str, str]:
    """The environment of a region's function: `keeper`, `probe` or `step`."""
    told = {"keeper": _keeper, "probe": _probe, "step": _step}[function](region)
    return {**told.to_env(), "AWS_REGION": region}


def address(region: str) -> DatabaseAddress:
    """The writer's name first, the reader's behind it."""
    return DatabaseAddress(
        host=f"writer.{region},reader.{region}",
        port=5432,
        name="lifeline",
        user="keeper",
        auth="none",
        region=region,
    )


def serving_region(region: str) -> ServingRegion:
    """Who the region's services are."""
    return ServingRegion(region=region, peer_region=peer(region), suffix=SUFFIX)


def _keeper(region: str) -> Contract:
    return KeeperContract(
        **_authority(region),
        query_api_url=f"http://api.{region}",
        state_machine_arn=state_machine_arn(region),
        tier_rpo_seconds=MAX_LOSS_SECONDS,
    )


def _step(region: str) -> Contract:
    return FailoverStepContract(
        **_authority(region),
        global_cluster="global-sim",
        own_cluster_arn=cluster_arn(region),
        ecs_cluster="services-sim",
        applier_service="applier-sim",
        applier_tasks=APPLIERS,
    )


def _probe(region: str) -> Contract:
    witness = region == WITNESS
    return ProbeContract(
        suffix=SUFFIX,
        witness_region=WITNESS,
        lease_table=LEASE_TABLE,
        results_table=LEASE_TABLE if witness else STATE_TABLE,
        probe_regions=REGIONS if witness else (peer(region),),
    )


def _authority(region: str) -> dict[str, Any]:
    return {
        "suffix": SUFFIX,
        "peer_region": peer(region),
        "witness_region": WITNESS,
        "lease_table": LEASE_TABLE,
        "region_state_table": STATE_TABLE,
        "database": address(region),
        "own_api_url": f"https://api.{region}",
        "page_topic_arn": f"arn:aws:sns:{region}:{ACCOUNT}:pages",
    }
