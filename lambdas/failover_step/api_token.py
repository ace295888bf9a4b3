"""The token with which the plan's synthetic transaction calls its own region's API (client credentials).

Only this region is asked: its user pool for the client's secret, its token endpoint for the token.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import urlencode

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.http_json import call
from lifeline.lambdas.contracts.failover_step import ApiClient
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover_step.context import NotReady

SCOPES = "events/write events/read"
TIMEOUT_SECONDS = 3.0
MARGIN_SECONDS = 60.0
"""A token is not used in its last minute: a step may run that long after it looked."""


@dataclass(frozen=True)
class Token:
    """A token and until when, by the own monotonic clock, it is used."""

    text: str
    until: float


_held: dict[str, Token] = {}


def bearer(region: str, api_client: ApiClient, clock: Clock = SYSTEM_CLOCK) -> str:
    """A valid token. Raises NotReady, OSError, or what boto3 raises."""
    held = _held.get(region)
    if held is None or clock.monotonic() >= held.until:
        held = _held[region] = _fetch(region, api_client, clock)
    return held.text


def forget(region: str) -> None:
    """The API refused the token: ask for a new one next time."""
    _held.pop(region, None)


def _fetch(region: str, api_client: ApiClient, clock: Clock) -> Token:
    asked_at = clock.monotonic()
    described = client("cognito-idp", region).describe_user_pool_client(
        UserPoolId=api_client.user_pool_id, ClientId=api_client.token_client_id
    )
    secret = described["UserPoolClient"]["ClientSecret"]
    pair = base64.b64encode(f"{api_client.token_client_id}:{secret}".encode()).decode()
    answer = call(
        "POST",
        api_client.token_url,
        timeout_seconds=TIMEOUT_SECONDS,
        body=urlencode({"grant_type": "client_credentials", "scope": SCOPES}).encode(),
        headers={
            "Authorization": f"Basic {pair}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    text = answer.body.get("access_token")
    if answer.status != 200 or not isinstance(text, str):
        raise NotReady(f"the token endpoint answered {answer.status} {answer.body.get('error')}")
    lasts = float(answer.body.get("expires_in") or 0)
    return Token(text, asked_at + max(0.0, lasts - MARGIN_SECONDS))
