"""Turn on the private links (IAM) of an MSK cluster, which no template can do at creation.

MSK restarts one broker after the other for it: longer than a function may run. A run that is not done calls
the function again with the same request and the time at which the waiting ends; CloudFormation hears of
the last run only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lifeline.lambdas.custom_resource.answer import answer_with

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 5})
RUN_SECONDS = 240
"""A run looks for so long: a minute less than the function may take."""
LOOK_SECONDS = 20
SETTLED = "ACTIVE"
UNTIL = "WaitUntil"
"""The key, in the repeated request, of the epoch second at which the waiting ends."""


@dataclass(frozen=True)
class Links:
    """What is known of a cluster: its state, its version (for the update), whether the links are on."""

    state: str
    version: str
    on: bool

    @property
    def done(self) -> bool:
        """On, and every broker back."""
        return self.on and self.state == SETTLED

    @property
    def may_be_asked(self) -> bool:
        """MSK takes an update only while none runs."""
        return not self.on and self.state == SETTLED


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Lambda's entry: answer CloudFormation, or go on in another run."""
    until = float(event.get(UNTIL, 0)) or time.time() + _patience(event)
    try:
        finished = event["RequestType"] == "Delete" or _turned_on(event, until)
    except Exception as error:  # whatever it is, CloudFormation must hear of it
        failure = error
        answer_with(lambda _event: _fail(failure), event)
        return
    if finished:
        answer_with(lambda _event: (f"links-of-{_cluster(event)}", {}), event)
    elif time.time() < until:
        _go_on(context.invoked_function_arn, {**event, UNTIL: until})
    elif event["ResourceProperties"]["Insists"] == "true":
        late = TimeoutError("The private links were not on in time; deploy again to wait on.")
        answer_with(lambda _event: _fail(late), event)
    else:
        answer_with(lambda _event: (f"links-of-{_cluster(event)}", {}), event)


def turn_on(
    kafka: Any,
    cluster: str,
    *,
    until: float,
    now: Callable[[], float] = time.time,
    wait: Callable[[float], None] = time.sleep,
) -> bool:
    """Ask for the links while MSK takes an update, and look until `until`; whether they are on."""
    while True:
        links = look(kafka, cluster)
        if links.done:
            return True
        if links.may_be_asked:
            _ask(kafka, cluster, links.version)
        if now() + LOOK_SECONDS >= until:
            return False
        wait(LOOK_SECONDS)


def look(kafka: Any, cluster: str) -> Links:
    """The cluster as MSK describes it. Raises ClientError when there is none."""
    found = kafka.describe_cluster_v2(ClusterArn=cluster)["ClusterInfo"]
    connectivity = found["Provisioned"]["BrokerNodeGroupInfo"].get("ConnectivityInfo", {})
    sign_in = connectivity.get("VpcConnectivity", {}).get("ClientAuthentication", {})
    on = sign_in.get("Sasl", {}).get("Iam", {}).get("Enabled", False)
    return Links(state=found["State"], version=found["CurrentVersion"], on=bool(on))


def _turned_on(event: Mapping[str, Any], until: float) -> bool:
    ends = min(until, time.time() + RUN_SECONDS)
    return turn_on(boto3.client("kafka", config=CONFIG), _cluster(event), until=ends)


def _ask(kafka: Any, cluster: str, version: str) -> None:
    """A version that is no longer current means that another update came first: look again."""
    iam = {"ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}}}
    try:
        kafka.update_connectivity(
            ClusterArn=cluster, CurrentVersion=version, ConnectivityInfo={"VpcConnectivity": iam}
        )
    except ClientError as error:
        if "version" not in error.response["Error"].get("Message", "").lower():
            raise


def _go_on(function: str, event: Mapping[str, Any]) -> None:
    boto3.client("lambda", config=CONFIG).invoke(
        FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
    )


def _fail(error: Exception) -> tuple[str, Mapping[str, str]]:
    raise error


def _cluster(event: Mapping[str, Any]) -> str:
    return str(event["ResourceProperties"]["ClusterArn"])


def _patience(event: Mapping[str, Any]) -> float:
    return float(event["ResourceProperties"]["PatienceSeconds"])
