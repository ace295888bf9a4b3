"""A heartbeat key through the cache's own replication."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

KEY = "lifeline:heartbeat"
TIMEOUT_SECONDS = 2.0
TOKEN_SECONDS = 900
"""How long a signed token opens connections; the service allows no more."""


def cache_lag_seconds(
    elasticache: Any, group: str, connect: Callable[[], Any], now: float
) -> float | None:
    """Age of the heartbeat as this region's member holds it; None: the member is in no global cache.

    The primary's member writes it, after it was read. `connect` answers a Valkey client.
    """
    (member,) = elasticache.describe_replication_groups(ReplicationGroupId=group)[
        "ReplicationGroups"
    ]
    info = member.get("GlobalReplicationGroupInfo") or {}
    if not info.get("GlobalReplicationGroupId"):
        return None
    cache = connect()
    try:
        beat = cache.get(KEY)
        if info.get("GlobalReplicationGroupMemberRole") == "PRIMARY":
            cache.set(KEY, f"{now:.3f}")
    finally:
        cache.close()
    return None if beat is None else now - float(beat)


def client_for(hosts: str, port: int, **signing_in: Any) -> Any:
    """A client of the first of `hosts` (comma-separated) that answers; raises what the last one raised."""
    from valkey import Valkey  # only here: an environment without a cache needs no client

    *others, last = hosts.split(",")
    for host in others:
        client = _client(Valkey, host, port, signing_in)
        try:
            client.ping()
        except Exception:  # not there (yet): the next one says whether anything is
            client.close()
        else:
            return client
    return _client(Valkey, last, port, signing_in)


def _client(kind: Any, host: str, port: int, signing_in: dict[str, Any]) -> Any:
    return kind(
        host=host,
        port=port,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        **signing_in,
    )


def over_tls(user: str, token: str) -> dict[str, Any]:
    """Arguments of a client that signs in with IAM; the certificate is verified against the system's."""
    return {
        "username": user,
        "password": token,
        "ssl": True,
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
    }


def iam_token(group: str, user: str, region: str) -> str:
    """The password: a signed request that is never sent. Signing calls nothing."""
    import boto3
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise OSError("there are no credentials to sign in to the cache with")
    query = urlencode({"Action": "connect", "User": user})
    request = AWSRequest(method="GET", url=f"http://{group}/?{query}")
    signer = SigV4QueryAuth(
        credentials.get_frozen_credentials(), "elasticache", region, expires=TOKEN_SECONDS
    )
    signer.add_auth(request)
    return str(request.url).removeprefix("http://")
