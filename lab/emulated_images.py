"""What ECR says of an image that is not there, and whether its registry copies one.

Runs in the emulator's process. DescribeImages of a tag that is missing is an ImageNotFoundException (ECR API
Reference, DescribeImages, Errors). The emulator's registry replicates nothing.
"""

from __future__ import annotations

import json
from typing import Any

SERVICE = "AmazonEC2ContainerRegistry_V20150921."


def add_replication_status(registry: Any) -> None:
    """`registry`: the module `ministack.services.ecr`."""
    handle = registry.handle_request

    async def handled(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        action = headers.get("x-amz-target", "").removeprefix(SERVICE)
        asked = json.loads(body) if body else {}
        if action == "DescribeImageReplicationStatus":
            return registry.json_response(
                {
                    "repositoryName": asked["repositoryName"],
                    "imageId": asked["imageId"],
                    "replicationStatuses": [],
                }
            )
        answer = await handle(method, path, headers, body, query)
        named = action == "DescribeImages" and asked.get("imageIds") and answer[0] == 200
        if named and not json.loads(answer[2])["imageDetails"]:
            words = f"There is no such image in {asked['repositoryName']}"
            return registry.error_response_json("ImageNotFoundException", words, 400)
        return answer

    registry.handle_request = handled
