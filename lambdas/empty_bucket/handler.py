"""Empty a bucket, all versions and delete markers, when its stack is deleted; only then.

A bucket that is gone already counts as empty: a delete that is repeated must succeed. One that holds more
than a run can delete fails with what was done; the next delete goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import ClientError

from lifeline.lambdas.custom_resource.answer import answer_with
from lifeline.lambdas.custom_resource.stack import is_going

CONFIG = Config(connect_timeout=3, read_timeout=30, retries={"max_attempts": 5})
GONE = ("NoSuchBucket", "404")
RESERVE_SECONDS = 45
"""Kept of the run's time for the call under way and the answer: without one the stack waits an hour."""
logger = Logger()


class UnfinishedError(RuntimeError):
    """The run's time is over and the bucket still holds something."""


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Lambda's entry."""
    until = time.monotonic() + context.get_remaining_time_in_millis() / 1_000 - RESERVE_SECONDS
    answer_with(lambda request: provide(request, lambda: until - time.monotonic()), event)


def provide(
    event: Mapping[str, Any], seconds_left: Callable[[], float]
) -> tuple[str, Mapping[str, str]]:
    """Nothing on create and update; on delete everything deleted, if the stack itself goes.

    Raises what the question for the stack raises: a bucket is never emptied on a guess.
    """
    bucket = event["ResourceProperties"]["BucketName"]
    if event["RequestType"] == "Delete":
        if is_going(event["StackId"]):
            empty(boto3.client("s3", config=CONFIG), bucket, seconds_left)
        else:
            logger.warning("the stack stays: the bucket was not emptied", bucket=bucket)
    return f"empty-{bucket}", {}


def empty(s3: Any, bucket: str, seconds_left: Callable[[], float]) -> int:
    """Delete every version in `bucket`; how many there were.

    Raises ValueError for refused keys and UnfinishedError when no time is left.
    """
    deleted = 0
    try:
        while objects := _first_page(s3, bucket):
            if seconds_left() <= 0:
                raise UnfinishedError(
                    f"{deleted} versions of {bucket} were deleted and more are left: delete again"
                )
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            if answer.get("Errors"):
                raise ValueError(f"could not delete {answer['Errors'][0]} from {bucket}")
            deleted += len(objects)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
    return deleted


def _first_page(s3: Any, bucket: str) -> list[dict[str, str]]:
    """Up to a thousand versions and delete markers, always from the start: also what came meanwhile."""
    page = s3.list_object_versions(Bucket=bucket)
    found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
