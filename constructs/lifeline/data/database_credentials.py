"""The database's administrator: a secret of our own, replicated, rotated, and watched.

Workloads sign in with IAM instead: `GlobalDatabase.grant_connect`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from lifeline.data.notices import notice
from lifeline.foundation.alert_topics import AlertTargets, Severity
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import Function, Placement, Size
from lifeline.foundation.keys import Keys, Purpose, RegionKeys
from lifeline.lambdas.contracts.rotate_admin import RotateAdmin
from lifeline.site import Site

ADMIN_USER = "lifeline_admin"
PASSWORD_CHARACTERS = 40
ROTATED_EVERY = "rate(30 days)"
ROTATION_CONCURRENCY = 10
READERS = ("services-start", "rotate-admin")
"""Roles (resource types in their names) that read it: ECS when it starts migrations, the rotation."""
DEPLOYER = "cdk-*-cfn-exec-role-*"
"""CloudFormation's own role, which resolves the password when it makes the cluster."""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """Where the admin signs in, and what must exist before that works."""

    host: str
    port: int
    database: str
    ready: rds.CfnDBInstance
    """The first instance: a cluster alone has an address at which nobody answers."""


class DatabaseCredentials(Construct):
    """At home the secret, its replica in the recovery region and its rotation; there the replica by name.

    Not the service's managed password: it does not work in a global cluster. Workloads never use this
    secret (they sign in with IAM); it serves migrations and people in an emergency.
    Covers: a password that leaks (thirty days, at most), the loss of the home region (the replica reads
    the same), a reader nobody named (refused by the secret's policy, and paged). Does not cover: an
    administrator who changes that policy first, which is told as a notice; a rotation while home
    is not active, which fails and says so until home writes again (D10: off the critical path). Refusal
    and page name roles: with another bootstrap qualifier than `cdk-*` the deployer must be added.

    The page comes from the account's trail: without a trail of management events there is none.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        made_here: bool | None = None,
        readers: Sequence[iam.IRole] = (),
        alert_topics: AlertTargets | None = None,
    ) -> None:
        """`made_here`: at home by default. `readers`: roles that may read it beside the library's own."""
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site, self._keys = site, keys
        self._readers, self._alert_topics = list(readers), alert_topics
        self.secret_name = site.names.regional_name("database-admin")
        self._made = self._make() if (site.is_home if made_here is None else made_here) else None
        self.secret: secretsmanager.ISecret = self._made or (
            secretsmanager.Secret.from_secret_name_v2(self, "Replica", self.secret_name)
        )
        self._page_unexpected_reads()

    @property
    def password(self) -> str:
        """A reference that CloudFormation resolves. Raises ValueError outside the home region."""
        if self._made is None:
            raise ValueError(
                f"The admin's password is a fact of creation at home; {self._site.region.name} is the "
                "recovery region, whose member has no admin of its own."
            )
        return self._made.secret_value_from_json("password").unsafe_unwrap()

    @property
    def _replicates(self) -> bool:
        """A restored database gets a password of its own: without a standby a replica serves nobody."""
        return self._site.has_peer and self._site.has_standby

    def readers(self) -> list[str]:
        """The roles that may read it, as ARN patterns: those of both regions, as the policy replicates."""
        site = self._site
        places = [site, site.peer] if self._replicates else [site]
        names = [
            place.names.cross_region_name(name, "role") for place in places for name in READERS
        ]
        own = [site.global_arn("iam", f"role/{name}") for name in (*sorted(names), DEPLOYER)]
        return [*own, *(role.role_arn for role in self._readers)]

    def rotate(self, *, placement: Placement, sign_in: SignIn) -> None:
        """Change the password every thirty days with a function of ours.

        Not the hosted rotation: it is a macro that expands into a nested stack, whose function has no
        name of ours, no reserved concurrency and no key of ours, and which no rule pack sees.
        Raises ValueError outside the home region.
        """
        if self._made is None:
            raise ValueError(
                f"Secrets rotate where they were made; {self._site.region.name} holds the replica."
            )
        rotation = Function(
            self,
            "Rotation",
            site=self._site,
            package="rotate_admin",
            description="Changes the database admin's password",
            contract=RotateAdmin(
                powertools_service_name="rotate-admin",
                secret_arn=self._made.secret_arn,
                database_host=sign_in.host,
                database_port=sign_in.port,
                database_name=sign_in.database,
            ),
            # "Best practices", AWS Secrets Manager User Guide: reserve 10 or more for a rotation function.
            size=Size(memory_mib=256, timeout_seconds=60, concurrency=ROTATION_CONCURRENCY),
            keys=self._keys,
            placement=placement,
        )
        rotation.without_dead_letters(
            "Secrets Manager calls again, and marks a rotation as failed."
        )
        rotation.allow(
            "ChangeTheAdminsPassword",
            [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            [self._made.secret_arn],
        )
        rotation.allow("InventAPassword", ["secretsmanager:GetRandomPassword"], ["*"])
        rotation.allow(
            "UseTheSecretsKey", ["kms:Decrypt", "kms:GenerateDataKey"], [self._keys.secrets.key_arn]
        )
        called = lambda_.CfnPermission(
            self,
            "MayCallTheRotation",
            action="lambda:InvokeFunction",
            function_name=rotation.function.function_name,
            principal="secretsmanager.amazonaws.com",
            source_account=self._site.account,
        )
        schedule = secretsmanager.CfnRotationSchedule(
            self,
            "Schedule",
            secret_id=self._made.secret_arn,
            rotation_lambda_arn=rotation.function.function_arn,
            rotate_immediately_on_update=False,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                schedule_expression=ROTATED_EVERY
            ),
        )
        schedule.node.add_dependency(called, rotation.policy, sign_in.ready)
        destroyable(schedule)
        self._tell_of_failed_rotations()

    def _tell_of_failed_rotations(self) -> None:
        """Of any secret of the region: where the event names its secret is not documented.

        The event comes from the account's trail ("Log AWS Secrets Manager events with AWS CloudTrail").
        """
        notice(
            self,
            "RotationFailure",
            site=self._site,
            topics=self._alert_topics,
            name="admin-rotation",
            description="A rotation failed, or was given up: the database admin's password may be an old one",
            pattern={
                "source": ["aws.secretsmanager"],
                "detail-type": ["AWS Service Event via CloudTrail", "AWS API Call via CloudTrail"],
                "detail": {
                    "eventSource": ["secretsmanager.amazonaws.com"],
                    "eventName": ["RotationFailed", "RotationAbandoned"],
                },
            },
            severity=Severity.WARNING,
        )

    def _make(self) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "Admin",
            secret_name=self.secret_name,
            description="The database's administrator; migrations only.",
            encryption_key=self._keys.secrets,
            removal_policy=RemovalPolicy.DESTROY,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=f'{{"username": "{ADMIN_USER}"}}',
                generate_string_key="password",
                exclude_punctuation=True,
                password_length=PASSWORD_CHARACTERS,
            ),
        )
        resource = secret.node.default_child
        assert isinstance(resource, secretsmanager.CfnSecret)
        if self._replicates:
            resource.replica_regions = [_replica_in(self._site.peer)]
        secret.add_to_resource_policy(
            iam.PolicyStatement(
                sid="OnlyNamedReaders",
                effect=iam.Effect.DENY,
                principals=[iam.StarPrincipal()],
                actions=["secretsmanager:GetSecretValue"],
                resources=["*"],
                conditions={"ArnNotLike": {"aws:PrincipalArn": self.readers()}},
            )
        )
        return secret

    def _page_unexpected_reads(self) -> None:
        """Also root and users, whose events carry no issuer of a session, and changes of the policy."""
        about_this = {
            # By name, by ARN, by ARN without the six characters: callers may use each. A suffix has no
            # hyphen, so another environment's secret never matches.
            "requestParameters": {
                "secretId": [
                    self.secret_name,
                    {"suffix": f":secret:{self.secret_name}"},
                    {"wildcard": f"*:secret:{self.secret_name}-*"},
                ]
            },
            "eventSource": ["secretsmanager.amazonaws.com"],
        }
        notice(
            self,
            "UnexpectedRead",
            site=self._site,
            topics=self._alert_topics,
            name="admin-read",
            description="Somebody nobody named read the database admin's password",
            pattern={
                "source": ["aws.secretsmanager"],
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    **about_this,
                    "eventName": ["GetSecretValue"],
                    "$or": [
                        {
                            "userIdentity": {
                                "sessionContext": {
                                    "sessionIssuer": {
                                        "arn": [{"anything-but": {"wildcard": self.readers()}}]
                                    }
                                }
                            }
                        },
                        {"userIdentity": {"type": [{"anything-but": ["AssumedRole"]}]}},
                    ],
                },
            },
            severity=Severity.CRITICAL,
            read_only_calls=True,
        )
        notice(
            self,
            "PolicyChange",
            site=self._site,
            topics=self._alert_topics,
            name="admin-policy",
            description="Somebody changed who may read the database admin's password",
            pattern={
                "source": ["aws.secretsmanager"],
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    **about_this,
                    "eventName": ["PutResourcePolicy", "DeleteResourcePolicy"],
                },
            },
            severity=Severity.WARNING,
        )


def _replica_in(peer: Site) -> secretsmanager.CfnSecret.ReplicaRegionProperty:
    return secretsmanager.CfnSecret.ReplicaRegionProperty(
        region=peer.region.name,
        kms_key_id=peer.arn("kms", f"alias/{RegionKeys.alias(peer, Purpose.SECRETS)}"),
    )
