"""`lifeline smoke-check`: ask the APIs of a fresh environment whether events can come in.

It finds each region's API by name and reads `/health` as an edge would: through API Gateway, the private
link and the balancer to the query API. A region passes when that answers for it and its stream takes
records (`ingest`). `database` and `serving` are shown and not asked for: nobody has migrated this
environment or given it a lease.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from lifeline.cli import options
from lifeline.cli.calls import reading
from lifeline.cli.failure import Failure, Refused
from lifeline.cli.options import Home, Json, Recovery, Suffix
from lifeline.cli.output import Output

STAGE = "live"
DEADLINE_SECONDS = 300.0
PAUSE_SECONDS = 10.0
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What a region's `/health` said at last; `objection` None: the region takes events."""

    body: Any
    objection: str | None


def objection(body: Any, region: str) -> str | None:
    """Why this answer of `/health` does not show a region that takes events; None: it does."""
    if not isinstance(body, dict) or body.get("region") != region:
        return f"{region}: what answers is not its query API: {str(body)[:200]}"
    if body.get("ingest") is not True:
        return f"{region}: the query API answers, and its stream takes nothing: {json.dumps(body)}"
    return None


def health(url: str) -> Any:
    """The body of `/health`, whatever the status; raises OSError or ValueError when there is none."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=TIMEOUT_SECONDS) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as answer:
        return json.loads(answer.read())


def check(
    region: str,
    url: str,
    *,
    now: Callable[[], float],
    pause: Callable[[float], None],
    wait_seconds: float = DEADLINE_SECONDS,
) -> Answer:
    """Asks until the region takes events, or the time is up."""
    until = now() + wait_seconds
    while True:
        body = None
        try:
            body = health(url)
            said = objection(body, region)
        except (OSError, ValueError) as error:
            said = f"{region}: /health cannot be read: {error!r}"
        if said is None or now() >= until:
            return Answer(body, said)
        pause(PAUSE_SECONDS)


def url_of(gateway: Any, region: str, suffix: str) -> str:
    """Raises Refused when the region has no such API, or two."""
    pages = gateway.get_paginator("get_rest_apis").paginate()
    found = [
        one["id"]
        for page in pages
        for one in page["items"]
        if one["name"] == f"events-api-{suffix}"
    ]
    if len(found) != 1:
        raise Refused(f"{region} has {len(found)} APIs events-api-{suffix}; expected is one.")
    return f"https://{found[0]}.execute-api.{region}.amazonaws.com/{STAGE}"


def smoke_check(
    suffix: Suffix,
    regions: Annotated[
        list[str] | None,
        typer.Argument(
            parser=options.region,
            metavar="REGION",
            help="Regions to ask; without any, --home and --recovery.",
        ),
    ] = None,
    home: Home = options.HOME,
    recovery: Recovery = options.RECOVERY,
    wait: Annotated[
        float,
        typer.Option(
            parser=options.number("seconds", 0, 3600),
            metavar="SECONDS",
            help="How long a region may take until it answers.",
        ),
    ] = DEADLINE_SECONDS,
    as_json: Json = False,
) -> None:
    """Ask each region's API whether events can come in. Writes nothing."""
    options.refuse_twins(home=home, recovery=recovery)
    output = Output(as_json)
    every = [one for one in (home, recovery) if one != options.NO_STANDBY]
    found = {one: _ask(one, suffix, wait, output) for one in regions or every}
    wrong = [answer.objection for answer in found.values() if answer.objection]
    output.result(
        {
            "command": "smoke-check",
            "suffix": suffix,
            "takes_events": not wrong,
            "regions": {
                region: {
                    "takes_events": answer.objection is None,
                    "health": answer.body,
                    "objection": answer.objection,
                }
                for region, answer in found.items()
            },
        }
    )
    if wrong:
        raise Refused("\n".join(f"smoke-check: {one}" for one in wrong))


def _ask(region: str, suffix: str, wait_seconds: float, output: Output) -> Answer:
    """A region that cannot be asked is an objection: the others are asked nevertheless."""
    try:
        with reading(f"{region}: the list of APIs"):
            import boto3

            gateway = boto3.client("apigateway", region_name=region)
            url = url_of(gateway, region, suffix)
    except Failure as failure:
        return Answer(None, str(failure))
    output.note(f"smoke-check: {region}: {url}/health, for up to {wait_seconds:g} s")
    answer = check(region, url, now=time.monotonic, pause=time.sleep, wait_seconds=wait_seconds)
    if answer.objection is None:
        output.say(f"smoke-check: {region} takes events: {json.dumps(answer.body)}")
    return answer
