"""Services that keep records for us: the trail, and the access logs of buckets.

Not among them: CloudWatch Logs, which a key's policy knows by an encryption context whose name has colons;
the evaluator leaves such a name out of a request.
"""

from __future__ import annotations

from collections.abc import Iterator

from lifeline.compliance.reach.callers import Caller
from lifeline.compliance.reach.world import ACCOUNT, ARN, World
from lifeline.lambdas.contracts.contract import AwsCall

TRAIL, ACCESS_LOG = "trail", "access log"


def record_callers(world: World) -> list[Caller]:
    """Every service that writes a record of ours."""
    return [*_trails(world), *_access_logs(world)]


def _trails(world: World) -> Iterator[Caller]:
    """CloudTrail's guide, "Amazon S3 bucket policy for CloudTrail"."""
    for one in world.of_type("AWS::CloudTrail::Trail"):
        bucket = str(one.properties["S3BucketName"])
        prefix = str(one.properties.get("S3KeyPrefix", ""))
        path = "/".join(part for part in (bucket, prefix, "AWSLogs", ACCOUNT, "any") if part)
        name = one.properties.get("TrailName", one.token)
        yield Caller(
            TRAIL,
            one.token,
            one.region,
            "cloudtrail.amazonaws.com",
            None,
            ({"TRAIL_BUCKET": bucket, "RECORDS": path},),
            (AwsCall("s3:GetBucketAcl"), AwsCall("s3:PutObject")),
            f"{ARN}cloudtrail:{one.region}:{ACCOUNT}:trail/{name}",
            (("s3:x-amz-acl", "bucket-owner-full-control"),),
        )


def _access_logs(world: World) -> Iterator[Caller]:
    """S3's guide, "Enabling Amazon S3 server access logging"."""
    for one in world.of_type("AWS::S3::Bucket"):
        given = one.properties.get("LoggingConfiguration", {})
        if "DestinationBucketName" in given:
            path = f"{given['DestinationBucketName']}/{given.get('LogFilePrefix', '')}any"
            yield Caller(
                ACCESS_LOG,
                one.token,
                one.region,
                "logging.s3.amazonaws.com",
                None,
                ({"RECORDS": path},),
                (AwsCall("s3:PutObject"),),
                world.arn(one.place),
            )
