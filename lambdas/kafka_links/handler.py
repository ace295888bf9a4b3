"""Turn on the private links (IAM) of an MSK cluster, which no template can do at creation.

MSK restarts one broker after the other for it: longer than a function may run (`long_run`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lifeline.lambdas.custom_resource.long_run import LongRun, answer_when_done

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 5})
LOOK_SECONDS = 20
SETTLED = "ACTIVE"


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
    """Lambda's entry."""
    late = TimeoutError("The private links were not on in time; deploy again to wait on.")
    run = LongRun(
        act=lambda until: event["RequestType"] == "Delete" or _turned_on(event, until),
        patience_seconds=_patience(event),
        physical_id=f"links-of-{_cluster(event)}",
        late=late if event["ResourceProperties"]["Insists"] == "true" else None,
    )
    answer_when_done(run, event, context)


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
    return turn_on(boto3.client("kafka", config=CONFIG), _cluster(event), until=until)


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


def _cluster(event: Mapping[str, Any]) -> str:
    return str(event["ResourceProperties"]["ClusterArn"])


def _patience(event: Mapping[str, Any]) -> float:
    return float(event["ResourceProperties"]["PatienceSeconds"])
