"""What the lab tells functions and services of a region: endpoints, and nothing but endpoints.

A variable is overridden only where the stacks set it; the few that AWS does not need (the way to the
peer's database and gateways goes through links here) are added to the functions that read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from lab.places import CODES, DATA_REGIONS, LOOPBACK, WITNESS, Places, peer_of
from lab.postgres import DATABASE, USER

# Variables added beside a variable that shows which function it is.
ADDED_BESIDE: dict[str, tuple[str, ...]] = {
    "RESULTS_TABLE": ("PROBE_TARGETS", "PROBE_CONTROL_URL"),
    "OWN_CLUSTER_ARN": ("PEER_DATABASE_HOST", "PEER_DATABASE_PORT"),
    "DATABASE_HOST": ("DATABASE_CA_FILE",),
    "QUERY_API_TLS_PORT": ("QUERY_API_CA_FILE",),
    "TOKEN_ISSUER": ("TOKEN_KEYS_AT",),
    "CACHE_HOSTS_PARAMETER": ("CACHE_HOSTS", "CACHE_PORT", "CACHE_AUTH"),
}
ALWAYS = ("AWS_ENDPOINT_URL", "AWS_EC2_METADATA_DISABLED")


def endpoints(places: Places, region: str) -> dict[str, str]:
    """Every endpoint as seen from `region`."""
    code = CODES[region]
    seen = {
        "AWS_ENDPOINT_URL": places.proxy_url(code),
        "AWS_EC2_METADATA_DISABLED": "true",
        # Unsigned, so only a rule against everything from this source stops it: exactly what "my
        # own way out is broken" means.
        "PROBE_CONTROL_URL": f"{places.proxy_url(code)}/_ministack/health",
        "PROBE_TARGETS": json.dumps(
            {target: _gateway_seen_from(places, region, target) for target in DATA_REGIONS}
        ),
    }
    if region == WITNESS:
        return seen
    peer = peer_of(region)
    return seen | {
        "KAFKA_BOOTSTRAP": f"{LOOPBACK}:{places.broker(region)}",
        "KAFKA_AUTH": "none",
        "OWN_BOOTSTRAP": f"{LOOPBACK}:{places.broker(region)}",
        "PEER_BOOTSTRAP": f"{LOOPBACK}:{places.link('log', region, peer).listen_port}",
        "DATABASE_HOST": LOOPBACK,
        "DATABASE_PORT": str(places.database(region)),
        "DATABASE_NAME": DATABASE,
        "DATABASE_USER": USER,
        "DATABASE_AUTH": "none",
        "DATABASE_CA_FILE": places.ca_file,
        "TOKEN_KEYS_AT": places.proxy_url(code),
        "CACHE_HOSTS": LOOPBACK,
        "CACHE_PORT": str(places.cache(region)),
        "CACHE_AUTH": "none",
        "QUERY_API_URL": f"http://{LOOPBACK}:{places.query_api(region)}",
        "QUERY_API_PORT": str(places.query_api(region)),
        "QUERY_API_TLS_PORT": str(places.query_api_tls(region)),
        "QUERY_API_TLS_NAME": LOOPBACK,
        "QUERY_API_CA_FILE": query_api_ca_file(places, region),
        "OWN_API_URL": f"http://{LOOPBACK}:{places.gateway(region)}",
        "TOKEN_URL": token_url(places, region),
        "PEER_DATABASE_HOST": LOOPBACK,
        "PEER_DATABASE_PORT": str(places.link("fence", region, peer).listen_port),
    }


def query_api_ca_file(places: Places, region: str) -> str:
    """Where the region's query API leaves the root of its certificate for the gateway."""
    return f"{places.ca_file.removesuffix('ca.pem')}query-api-{CODES[region]}.pem"


def token_url(places: Places, region: str) -> str:
    """The region's token endpoint: behind its gateway, so that it is gone when the region is."""
    return f"http://{LOOPBACK}:{places.gateway(region)}/oauth2/token"


def _gateway_seen_from(places: Places, source: str, target: str) -> str:
    if source == target:
        return f"http://{LOOPBACK}:{places.gateway(target)}"
    return f"http://{LOOPBACK}:{places.link('probe', source, target).listen_port}"


def overridden(
    variables: Mapping[str, object], seen: Mapping[str, str]
) -> dict[str, object]:  # fmt: skip
    """The variables with the endpoints of the lab. Values may be template expressions.

    An empty one stays empty: the stack says that there is no such thing.
    """
    wanted = {name for name, value in variables.items() if name in seen and value != ""}
    wanted |= set(ALWAYS)
    for shown_by, added in ADDED_BESIDE.items():
        if shown_by in variables:
            wanted |= {name for name in added if name in seen}
    return {**variables, **{name: seen[name] for name in sorted(wanted)}}
