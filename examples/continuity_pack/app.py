"""An application that is not Lifeline's, under the continuity pack alone: no settings, no constructs of ours.

cdk synth      fails with a sentence for each finding
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from lifeline.compliance.continuity_pack import attach_continuity


class IngestStack(cdk.Stack):
    """A stream that outlasts a failover, and an alarm to which silence is no good news."""

    def __init__(self, scope: Construct, construct_id: str, *, region: str) -> None:
        super().__init__(scope, construct_id, env=cdk.Environment(region=region))
        stream = kinesis.Stream(
            self, "Stream", shard_count=2, retention_period=cdk.Duration.hours(72)
        )
        cloudwatch.Alarm(
            self,
            "Late",
            metric=stream.metric_get_records_iterator_age_milliseconds(),
            threshold=60_000,
            evaluation_periods=3,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )


def main() -> None:
    """Both regions, checked at synth."""
    app = cdk.App()
    for region in ("eu-central-1", "eu-west-1"):
        IngestStack(app, f"Ingest-{region}", region=region)
    attach_continuity(app)
    app.synth()


if __name__ == "__main__":
    main()
