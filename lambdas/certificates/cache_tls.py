"""Clients of the session cache: over verified TLS, signed in with IAM."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

TOKEN_SECONDS = 900
"""How long a signed token opens connections; the service allows no more."""


def client_for(hosts: str, port: int, *, seconds: float, **signing_in: Any) -> Any:
    """A client of the first of `hosts` (comma-separated) that answers; raises what the last one raised.

    `seconds`: how long a connection, and each answer, may take.
    """
    from valkey import Valkey  # only here: an environment without a cache needs no client

    *others, last = hosts.split(",")
    for host in others:
        client = _client(Valkey, host, port, seconds, signing_in)
        try:
            client.ping()
        except Exception:  # not there (yet): the next one says whether anything is
            client.close()
        else:
            return client
    return _client(Valkey, last, port, seconds, signing_in)


def _client(kind: Any, host: str, port: int, seconds: float, signing_in: dict[str, Any]) -> Any:
    return kind(
        host=host,
        port=port,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        **signing_in,
    )


def signed_in(group: str, user: str, region: str) -> dict[str, Any]:
    """Arguments of a client that signs in with IAM; the certificate is verified against the system's."""
    return {
        "username": user,
        "password": iam_token(group, user, region),
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
