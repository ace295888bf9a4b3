"""Ask the APIs of a fresh environment whether events can come in. 0: in every region; 1: not, and where.

It finds each region's API by name and reads `/health` as an edge would: through API Gateway, the private
link and the balancer to `serve`. A region passes when `serve` answers for it and its stream takes records
(`ingest`). `database` and `serving` are shown and not asked for: nobody has migrated this environment or
given it a lease.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

STAGE = "live"
DEADLINE_SECONDS = 300.0
PAUSE_SECONDS = 10.0
TIMEOUT_SECONDS = 10.0


def objection(body: Any, region: str) -> str | None:
    """Why this answer of `/health` does not show a region that takes events; None: it does."""
    if not isinstance(body, dict) or body.get("region") != region:
        return f"{region}: what answers is not its `serve`: {str(body)[:200]}"
    if body.get("ingest") is not True:
        return f"{region}: `serve` answers, and its stream takes nothing: {json.dumps(body)}"
    return None


def health(url: str) -> Any:
    """The body of `/health`, whatever the status; raises OSError or ValueError when there is none."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=TIMEOUT_SECONDS) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as answer:
        return json.loads(answer.read())


def check(
    region: str, url: str, *, now: Callable[[], float], pause: Callable[[float], None]
) -> str | None:
    """None once the region takes events, else the last objection when the time is up."""
    until = now() + DEADLINE_SECONDS
    while True:
        try:
            body = health(url)
            said = objection(body, region)
        except (OSError, ValueError) as error:
            body, said = None, f"{region}: /health cannot be read: {error!r}"
        if said is None:
            print(f"smoke_check: {region} takes events: {json.dumps(body)}")
            return None
        if now() >= until:
            return said
        pause(PAUSE_SECONDS)


def url_of(gateway: Any, region: str, suffix: str) -> str:
    """Raises ValueError when the region has no such API, or two."""
    pages = gateway.get_paginator("get_rest_apis").paginate()
    found = [
        one["id"]
        for page in pages
        for one in page["items"]
        if one["name"] == f"events-api-{suffix}"
    ]
    if len(found) != 1:
        raise ValueError(f"{region} has {len(found)} APIs events-api-{suffix}; expected is one.")
    return f"https://{found[0]}.execute-api.{region}.amazonaws.com/{STAGE}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--suffix", required=True)
    parser.add_argument("regions", nargs="+", metavar="region")
    given = parser.parse_args(arguments)
    wrong = []
    for region in given.regions:
        try:
            gateway = boto3.client("apigateway", region_name=region)
            url = url_of(gateway, region, given.suffix)
            said = check(region, url, now=time.monotonic, pause=time.sleep)
        except (BotoCoreError, ClientError, ValueError) as error:
            said = f"{region}: {error}"
        wrong += [said] if said else []
    for sentence in wrong:
        print(f"smoke_check: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
