"""Replicate a bucket to the peer's bucket of the same type, when both exist.

S3 refuses a configuration whose destination it cannot find. So the present one is read first, and only
another one is written: with the peer dead, a deploy that wants what is there already succeeds, and one
that wants something else fails visibly and rolls back to what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lifeline.lambdas.custom_resource.answer import answer_with

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 3})
RULE = "ToThePeer"
NO_CONFIGURATION = "ReplicationConfigurationNotFoundError"
GONE = ("NoSuchBucket", "404")


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lambda's entry."""
    answer_with(provide, event)


def provide(event: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """The bucket replicates after create and update, and no more after delete."""
    properties = event["ResourceProperties"]
    s3 = boto3.client("s3", config=CONFIG)
    if event["RequestType"] == "Delete":
        stop(s3, properties["Bucket"])
    else:
        replicate(s3, properties["Bucket"], wanted(properties))
    return f"replication-of-{properties['Bucket']}", {}


def wanted(properties: Mapping[str, str]) -> dict[str, Any]:
    """The configuration: one rule for all objects, deletions left out, failures measured."""
    # The peer's bucket lies in the partition of the role that copies.
    partition = properties["Role"].split(":")[1]
    destination: dict[str, Any] = {
        "Bucket": f"arn:{partition}:s3:::{properties['PeerBucket']}",
        "Metrics": {"Status": "Enabled"},
    }
    rule: dict[str, Any] = {
        "ID": RULE,
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": destination,
    }
    if properties["PeerKey"]:
        destination["EncryptionConfiguration"] = {"ReplicaKmsKeyID": properties["PeerKey"]}
        rule["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    return {"Role": properties["Role"], "Rules": [rule]}


def replicate(s3: Any, bucket: str, configuration: dict[str, Any]) -> bool:
    """Make `configuration` the bucket's; whether that took a write."""
    if compared(present(s3, bucket)) == compared(configuration):
        return False
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=configuration)
    return True


def present(s3: Any, bucket: str) -> Mapping[str, Any] | None:
    """The bucket's configuration; None when it has none."""
    try:
        answer = s3.get_bucket_replication(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == NO_CONFIGURATION:
            return None
        raise
    found: Mapping[str, Any] = answer["ReplicationConfiguration"]
    return found


def compared(configuration: Mapping[str, Any] | None) -> object:
    """What makes two configurations equal. Not the filter: S3 answers with an empty one in two ways."""
    if configuration is None:
        return None
    rules = [
        {name: value for name, value in rule.items() if name != "Filter"}
        for rule in configuration["Rules"]
    ]
    return configuration["Role"], rules


def stop(s3: Any, bucket: str) -> None:
    """No configuration any more; a bucket that is gone has none."""
    try:
        s3.delete_bucket_replication(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
