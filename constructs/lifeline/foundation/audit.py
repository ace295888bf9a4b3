"""Who did what: the audit and access-log buckets of a region, and its trail of API calls."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.foundation.bucket import ACCESS_LOG, BUCKETS, Bucket, BucketEmptying, Lifecycle
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys, Purpose
from lifeline.foundation.log_groups import log_group
from lifeline.site import Site

SEVEN_YEARS_DAYS = 2_557
"""7 × 365 + 2 leap days, the most that seven years have (HIPAA asks for six, 45 CFR 164.316(b)(2)(i))."""

RECORDS = Lifecycle(
    infrequent_days=30,
    instant_archive_days=90,
    deep_archive_days=365,
    expire_days=SEVEN_YEARS_DAYS,
    noncurrent_days=90,
)
"""Read often for a month, at once for a year, hardly ever later. Objects below 128 KiB stay where they
are (S3's default): moving them would cost more than it saves."""

PATIENT_DATA_BUCKETS = ("archive", "evidence")
"""Whose object reads and writes the trail records."""


class AuditTrail(Construct):
    """Two buckets for seven years of records, and by profile a trail of this region's API calls.

    Covers: who called what and who read or wrote patient data in S3, tamper-evident by digest files;
    records that someone deletes (the peer's copy stays: `BucketReplication` passes no delete on).
    Does not cover: calls to global services (IAM, Route 53), which AWS records in us-east-1; calls in an
    environment whose profile has no trail, as an account has five a region: its own trail must cover it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        emptying: BucketEmptying,
        not_replicated: str = "",
    ) -> None:
        """`not_replicated`: of both buckets, as for `Bucket`."""
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site, self._keys = site, keys
        self.access_log = Bucket(
            self,
            "AccessLog",
            site=site,
            keys=keys,
            name=ACCESS_LOG,
            purpose=None,
            emptying=emptying,
            access_log=None,
            lifecycle=RECORDS,
            not_replicated=not_replicated,
        )
        self._let_in_access_logs()
        self.audit = Bucket(
            self,
            "Records",
            site=site,
            keys=keys,
            name="audit",
            purpose=Purpose.LOGS,
            emptying=emptying,
            access_log=self.access_log.bucket_name,
            lifecycle=RECORDS,
            not_replicated=not_replicated,
        )
        self.audit.node.add_dependency(self.access_log)
        self.trail: cloudtrail.CfnTrail | None = None
        self.log_group: logs.LogGroup | None = None
        if site.settings.profile.trail:
            self._record_calls()

    def _let_in_access_logs(self) -> None:
        logged = [name for name in BUCKETS if name != ACCESS_LOG]
        site = self._site
        self.access_log.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AccessLogsOfThisRegion",
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[self.access_log.objects()],
                conditions={
                    "StringEquals": {"aws:SourceAccount": site.account},
                    "ArnLike": {
                        "aws:SourceArn": [
                            site.bucket_arn(site.names.global_name(name)) for name in logged
                        ]
                    },
                },
            )
        )

    def _record_calls(self) -> None:
        site = self._site
        name = site.names.regional_name("trail")
        self._let_in_the_trail(site.arn("cloudtrail", f"trail/{name}"))
        self.log_group, role, policy = self._delivery(name)
        objects = [site.bucket_arn(site.names.global_name(one), "") for one in PATIENT_DATA_BUCKETS]
        self.trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=name,
            s3_bucket_name=self.audit.bucket_name,
            is_logging=True,
            enable_log_file_validation=True,
            include_global_service_events=False,
            is_multi_region_trail=False,
            kms_key_id=self._keys.logs.key_arn,
            cloud_watch_logs_log_group_arn=self.log_group.log_group_arn,
            cloud_watch_logs_role_arn=role.role_arn,
            advanced_event_selectors=[
                _selector("Calls", _field("eventCategory", equals=["Management"])),
                _selector(
                    "PatientDataObjects",
                    _field("eventCategory", equals=["Data"]),
                    _field("resources.type", equals=["AWS::S3::Object"]),
                    _field("resources.ARN", starts_with=objects),
                ),
            ],
        )
        # A trail is refused while its bucket or its role does not let it write.
        self.trail.node.add_dependency(self.audit, policy)
        self.trail.apply_removal_policy(RemovalPolicy.DESTROY)

    def _let_in_the_trail(self, trail_arn: str) -> None:
        site, bucket = self._site, self.audit
        for sid, action, resource, written in (
            ("TrailLooksAtTheBucket", "s3:GetBucketAcl", bucket.bucket_arn, {}),
            (
                "TrailWrites",
                "s3:PutObject",
                bucket.objects(f"AWSLogs/{site.account}/*"),
                {"s3:x-amz-acl": "bucket-owner-full-control"},
            ),
        ):
            bucket.bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal("cloudtrail.amazonaws.com")],
                    actions=[action],
                    resources=[resource],
                    conditions={"StringEquals": {"aws:SourceArn": trail_arn, **written}},
                )
            )

    def _delivery(self, name: str) -> tuple[logs.LogGroup, iam.Role, iam.ManagedPolicy]:
        """Where alarms search the calls, and the role by which the trail writes there."""
        site = self._site
        group = log_group(
            self,
            "Calls",
            site=site,
            keys=self._keys,
            name=f"/lifeline/{name}",
        )
        role = iam.Role(
            self,
            "Role",
            role_name=site.names.cross_region_name("trail", "role"),
            description="The trail writes its events to its log group (runs as this role)",
            assumed_by=iam.ServicePrincipal("cloudtrail.amazonaws.com"),
        )
        policy = iam.ManagedPolicy(self, "Policy", roles=[role])
        streams = (
            f"log-group:/lifeline/{name}:log-stream:{site.account}_CloudTrail_{site.region.name}*"
        )
        allow(
            policy,
            "WriteCalls",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [site.arn("logs", streams)],
        )
        acknowledge_pattern(
            policy,
            site.arn("logs", streams),
            reason="CloudTrail puts a running number behind the account and the region in the names of "
            "its log streams.",
        )
        return group, role, policy


def _selector(
    name: str, *fields: cloudtrail.CfnTrail.AdvancedFieldSelectorProperty
) -> cloudtrail.CfnTrail.AdvancedEventSelectorProperty:
    return cloudtrail.CfnTrail.AdvancedEventSelectorProperty(
        name=name, field_selectors=list(fields)
    )


def _field(
    name: str, *, equals: list[str] | None = None, starts_with: list[str] | None = None
) -> cloudtrail.CfnTrail.AdvancedFieldSelectorProperty:
    # The properties' own field() of the library is called `field`, as in CloudTrail.
    return cloudtrail.CfnTrail.AdvancedFieldSelectorProperty(
        field=name, equal_to=equals, starts_with=starts_with
    )
