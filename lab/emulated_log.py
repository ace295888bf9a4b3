"""The second version of MSK's API, which the emulator lacks: over the clusters that it has.

Runs in the emulator's process; `kafka` is its module `ministack.services.msk`.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

CLUSTERS = "/api/v2/clusters"


def second_version(cluster: dict[str, Any]) -> dict[str, Any]:
    """A cluster of the first version as the second shows it."""
    common = ("clusterArn", "clusterName", "state", "creationTime", "currentVersion", "tags")
    return {
        **{name: cluster[name] for name in common if name in cluster},
        "clusterType": "PROVISIONED",
        "provisioned": {name: value for name, value in cluster.items() if name not in common},
    }


def add_second_version(kafka: Any) -> None:
    """Answer `ListClustersV2`, `DescribeClusterV2` and `UpdateConnectivity`."""
    handle = kafka.handle_request

    async def handled(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        asked = re.fullmatch(r"/v1/clusters/(.+)/connectivity", path)
        if method == "PUT" and asked:
            return _connect(kafka, unquote(asked.group(1)), json.loads(body))
        if method != "GET" or not path.startswith(CLUSTERS):
            return await handle(method, path, headers, body, query)
        first = "/v1/clusters" + path.removeprefix(CLUSTERS)
        status, given, answer = await handle(method, first, headers, body, query)
        if status == 200:
            answer = json.dumps(_rewritten(json.loads(answer))).encode()
        return status, given, answer

    kafka.handle_request = handled


def _rewritten(answer: dict[str, Any]) -> dict[str, Any]:
    if "clusterInfo" in answer:
        return {"clusterInfo": second_version(answer["clusterInfo"])}
    return {**answer, "clusterInfoList": [second_version(c) for c in answer["clusterInfoList"]]}


def _connect(kafka: Any, arn: str, asked: dict[str, Any]) -> Any:
    """Takes effect at once; on AWS it takes an hour."""
    cluster = kafka._clusters.get(arn)
    if cluster is None:
        return kafka._not_found(f"There is no cluster {arn}.")
    cluster["BrokerNodeGroupInfo"]["connectivityInfo"] = asked["connectivityInfo"]
    return kafka._json({"ClusterArn": arn, "ClusterOperationArn": f"{arn}/operation"})
