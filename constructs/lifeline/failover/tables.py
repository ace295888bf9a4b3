"""The two small tables of the authority protocol: the lease in the witness, the memory in each region."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.site import Site


class AuthorityTable(Construct):
    """A table keyed by `id` without patient data, billed by request.

    Covers: a keeper that forgets between runs (A7). Does not cover: the loss of its region, after which
    the protocol does without it. Encrypted with the account's own DynamoDB key: a peer that writes its
    promise here (A2) then depends on one service less in a disaster.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        resource_type: str,
        expires: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self.table_name = site.names.regional_name(resource_type, "table")
        self.table_arn = site.table_arn(self.table_name)
        self.table = dynamodb.Table(
            self,
            "Table",
            table_name=self.table_name,
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expires_at" if expires else None,
            deletion_protection=site.settings.deletion_protection,
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(
            self.table,
            "DynamoDBInBackupPlan",
            reason="A lease that is restored is a lie: rule A10 makes it again from the databases.",
        )
