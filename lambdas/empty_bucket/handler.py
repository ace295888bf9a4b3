"""Empty a bucket, all versions and delete markers, when its stack is deleted.

A bucket that is gone already counts as empty: a delete that is repeated must succeed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from cloudformation.answer import answer_with

CONFIG = Config(connect_timeout=3, read_timeout=30, retries={"max_attempts": 5})
GONE = ("NoSuchBucket", "404")


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lambda's entry."""
    answer_with(provide, event)


def provide(event: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """Nothing on create and update; everything deleted on delete."""
    bucket = event["ResourceProperties"]["BucketName"]
    if event["RequestType"] == "Delete":
        empty(boto3.client("s3", config=CONFIG), bucket)
    return f"empty-{bucket}", {}


def empty(s3: Any, bucket: str) -> int:
    """Delete every version in `bucket`; how many there were. Raises ValueError for refused keys."""
    deleted = 0
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            if not objects:
                continue
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            if answer.get("Errors"):
                raise ValueError(f"could not delete {answer['Errors'][0]} from {bucket}")
            deleted += len(objects)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
    return deleted
