"""A small DynamoDB table keyed by `id`, without patient data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.site import Site


@dataclass(frozen=True, kw_only=True)
class TableReference:
    """A table by its name, wherever it was made: what another region's functions use.

    The grants are on items one by one: nobody lists or scans.
    """

    table_name: str
    table_arn: str

    @classmethod
    def lease(cls, site: Site) -> TableReference | None:
        """The lease table that this region reads; None where there is none."""
        there = site.lease_site
        if there is None:
            return None
        name = site.lease_table
        return cls(table_name=name, table_arn=there.table_arn(name))

    @classmethod
    def regional(cls, site: Site, name: str) -> TableReference:
        """The table `name` of the environment in the site's region."""
        full = site.names.regional_name(name, "table")
        return cls(table_name=full, table_arn=site.table_arn(full))

    @classmethod
    def region_state(cls, site: Site) -> TableReference:
        """The state table of the site's region."""
        return cls.regional(site, "region-state")

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Read an item."""
        return self._grant(grantee, ["dynamodb:GetItem"])

    def grant_update(self, grantee: iam.IGrantable) -> iam.Grant:
        """Read an item and write it under a condition."""
        return self._grant(grantee, ["dynamodb:GetItem", "dynamodb:UpdateItem"])

    def grant_put(self, grantee: iam.IGrantable) -> iam.Grant:
        """Replace an item as a whole: a decision, a line of the directory."""
        return self._grant(grantee, ["dynamodb:PutItem"])

    def _grant(self, grantee: iam.IGrantable, actions: Sequence[str]) -> iam.Grant:
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=list(actions), resource_arns=[self.table_arn]
        )


class ItemTable(Construct):
    """A table of items that are read one by one, billed by request.

    `not_backed_up` says why no backup plan covers it. Encrypted with the account's own DynamoDB key: a peer
    that writes its promise here (A2) then depends on one service less in a disaster.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        reference: TableReference,
        not_backed_up: str,
        time_to_live_attribute: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self.reference = reference
        self.table = dynamodb.Table(
            self,
            "Table",
            table_name=reference.table_name,
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=time_to_live_attribute,
            deletion_protection=site.settings.deletion_protection,
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(self.table, "DynamoDBInBackupPlan", reason=not_backed_up)

    @property
    def table_name(self) -> str:
        """The table's physical name."""
        return self.reference.table_name

    @property
    def table_arn(self) -> str:
        """The table's ARN, written out: another region can use it before the table exists."""
        return self.reference.table_arn
