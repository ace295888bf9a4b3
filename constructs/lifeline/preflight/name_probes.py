"""Probes of names: what the templates name must be free, or stand in this environment's own stacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lifeline.preflight.account_probes import GLOBAL
from lifeline.preflight.assembly import Resource
from lifeline.preflight.probe import (
    IN_REGION,
    STANDING,
    Answers,
    Ask,
    Finding,
    Parameters,
    Place,
    Probe,
    Scope,
)


@dataclass(frozen=True)
class Namespace:
    """One type of resource with names of its own, and the call that lists what bears them.

    `remove` is the command that frees a name; `{name}` and `{region}` are filled in.
    """

    id: str
    noun: str
    type: str
    property: str
    asks: tuple[Ask, ...]
    listed: Callable[[Answers], set[str]]
    remove: str
    source: str
    scope: Scope = Scope.REGION


def _names(operation: str, key: str, name: str = "") -> Callable[[Answers], set[str]]:
    """The names in a listing: its items, or a field of them."""

    def listed(answers: Answers) -> set[str]:
        return {str(one[name] if name else one) for one in answers.items(operation, key)}

    return listed


def _with_suffix(place: Place, _answers: Answers) -> Parameters:
    return ({"logGroupNamePattern": place.suffix},)


NAMESPACES = (
    Namespace(
        id="names-log-groups",
        noun="log group",
        type="AWS::Logs::LogGroup",
        property="LogGroupName",
        asks=(Ask("logs", "describe_log_groups", "logs:DescribeLogGroups", _with_suffix),),
        listed=_names("describe_log_groups", "logGroups", "logGroupName"),
        remove="aws logs delete-log-group --region {region} --log-group-name {name}",
        source="Amazon CloudWatch Logs API Reference, CreateLogGroup (ResourceAlreadyExistsException)",
    ),
    Namespace(
        id="names-key-aliases",
        noun="key alias",
        type="AWS::KMS::Alias",
        property="AliasName",
        asks=(Ask("kms", "list_aliases", "kms:ListAliases"),),
        listed=_names("list_aliases", "Aliases", "AliasName"),
        remove="aws kms delete-alias --region {region} --alias-name {name}",
        source="AWS KMS API Reference, CreateAlias (AlreadyExistsException)",
    ),
    Namespace(
        id="names-roles",
        noun="role",
        type="AWS::IAM::Role",
        property="RoleName",
        asks=(Ask("iam", "list_roles", "iam:ListRoles", region=GLOBAL),),
        listed=_names("list_roles", "Roles", "RoleName"),
        remove="aws iam delete-role --role-name {name}     # its policies must be detached first",
        source="IAM API Reference, CreateRole (EntityAlreadyExists)",
        scope=Scope.ACCOUNT,
    ),
    Namespace(
        id="names-tables",
        noun="table",
        type="AWS::DynamoDB::Table",
        property="TableName",
        asks=(Ask("dynamodb", "list_tables", "dynamodb:ListTables"),),
        listed=_names("list_tables", "TableNames"),
        remove="aws dynamodb delete-table --region {region} --table-name {name}",
        source="Amazon DynamoDB API Reference, CreateTable (ResourceInUseException)",
    ),
    Namespace(
        id="names-streams",
        noun="stream",
        type="AWS::Kinesis::Stream",
        property="Name",
        asks=(Ask("kinesis", "list_streams", "kinesis:ListStreams"),),
        listed=_names("list_streams", "StreamNames"),
        remove="aws kinesis delete-stream --region {region} --stream-name {name}",
        source="Amazon Kinesis Data Streams API Reference, CreateStream (ResourceInUseException)",
    ),
    Namespace(
        id="names-functions",
        noun="function",
        type="AWS::Lambda::Function",
        property="FunctionName",
        asks=(Ask("lambda", "list_functions", "lambda:ListFunctions"),),
        listed=_names("list_functions", "Functions", "FunctionName"),
        remove="aws lambda delete-function --region {region} --function-name {name}",
        source="Lambda API Reference, CreateFunction (ResourceConflictException)",
    ),
    Namespace(
        id="names-repositories",
        noun="repository",
        type="AWS::ECR::Repository",
        property="RepositoryName",
        asks=(Ask("ecr", "describe_repositories", "ecr:DescribeRepositories"),),
        listed=_names("describe_repositories", "repositories", "repositoryName"),
        remove="aws ecr delete-repository --region {region} --repository-name {name} --force",
        source="Amazon ECR API Reference, CreateRepository (RepositoryAlreadyExistsException)",
    ),
    Namespace(
        id="names-database-clusters",
        noun="database cluster",
        type="AWS::RDS::DBCluster",
        property="DBClusterIdentifier",
        asks=(Ask("rds", "describe_db_clusters", "rds:DescribeDBClusters"),),
        listed=_names("describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
        remove="aws rds delete-db-cluster --region {region} --db-cluster-identifier {name} "
        "--skip-final-snapshot     # its instances first",
        source="Amazon RDS API Reference, CreateDBCluster (DBClusterAlreadyExistsFault)",
    ),
    Namespace(
        id="names-global-database",
        noun="global database",
        type="AWS::RDS::GlobalCluster",
        property="GlobalClusterIdentifier",
        asks=(Ask("rds", "describe_global_clusters", "rds:DescribeGlobalClusters"),),
        listed=_names("describe_global_clusters", "GlobalClusters", "GlobalClusterIdentifier"),
        remove="aws rds delete-global-cluster --region {region} --global-cluster-identifier {name}"
        "     # its members leave first: aws rds remove-from-global-cluster",
        source="Amazon RDS API Reference, CreateGlobalCluster (GlobalClusterAlreadyExistsFault)",
    ),
    Namespace(
        id="names-caches",
        noun="replication group",
        type="AWS::ElastiCache::ReplicationGroup",
        property="ReplicationGroupId",
        asks=(
            Ask(
                "elasticache",
                "describe_replication_groups",
                "elasticache:DescribeReplicationGroups",
            ),
        ),
        listed=_names("describe_replication_groups", "ReplicationGroups", "ReplicationGroupId"),
        remove="aws elasticache delete-replication-group --region {region} --replication-group-id {name}"
        "     # it leaves its global group first: disassociate-global-replication-group",
        source="Amazon ElastiCache API Reference, CreateReplicationGroup",
    ),
    Namespace(
        id="names-logs",
        noun="MSK cluster",
        type="AWS::MSK::Cluster",
        property="ClusterName",
        asks=(Ask("kafka", "list_clusters_v2", "kafka:ListClustersV2"),),
        listed=_names("list_clusters_v2", "ClusterInfoList", "ClusterName"),
        remove="aws kafka delete-cluster --region {region} --cluster-arn <the ARN of {name}>",
        source="Amazon MSK API Reference, CreateCluster (ConflictException)",
    ),
    Namespace(
        id="names-vaults",
        noun="backup vault",
        type="AWS::Backup::BackupVault",
        property="BackupVaultName",
        asks=(Ask("backup", "list_backup_vaults", "backup:ListBackupVaults"),),
        listed=_names("list_backup_vaults", "BackupVaultList", "BackupVaultName"),
        remove="aws backup delete-backup-vault --region {region} --backup-vault-name {name}"
        "     # its recovery points first",
        source="AWS Backup API Reference, CreateBackupVault (AlreadyExistsException)",
    ),
    Namespace(
        id="names-registries",
        noun="schema registry",
        type="AWS::Glue::Registry",
        property="Name",
        asks=(Ask("glue", "list_registries", "glue:ListRegistries"),),
        listed=_names("list_registries", "Registries", "RegistryName"),
        remove="aws glue delete-registry --region {region} --registry-id RegistryName={name}",
        source="AWS Glue API Reference, CreateRegistry (AlreadyExistsException)",
    ),
)
"""What a destroyed environment, or somebody else, may have left under a name of ours."""


def _probe(space: Namespace) -> Probe:
    def judge(place: Place, answers: Answers) -> list[Finding]:
        taken = space.listed(answers)
        return [
            Finding(
                f"the {space.noun} {name} exists in {place.region} and is in no stack of {place.suffix}",
                space.remove.format(name=name, region=place.region),
            )
            for name in _new_names(place, answers, space.type, space.property)
            if name in taken
        ]

    return Probe(
        id=space.id,
        fact=f"The {space.noun}'s name is free, or its resource stands in the environment's own stack.",
        asks=(STANDING, *space.asks),
        expects="no resource of that name outside the environment's stacks",
        if_not="the stack rolls back: it already exists",
        mend=f"`{space.remove.split(' --')[0]}`, if nobody needs it",
        judge=judge,
        source=space.source,
        types=(space.type,),
        scope=space.scope,
    )


def _new_names(place: Place, answers: Answers, kind: str, name: str) -> list[str]:
    return sorted({text for one in place.new(answers, kind) if (text := one.text(name))})


def _buckets(place: Place, _answers: Answers) -> Parameters:
    return [{"Bucket": name} for one in place.wanted("AWS::S3::Bucket") if (name := _bucket(one))]


def _bucket(resource: Resource) -> str:
    return resource.text("BucketName")


def _bucket_names(place: Place, answers: Answers) -> list[Finding]:
    new = set(_new_names(place, answers, "AWS::S3::Bucket", "BucketName"))
    own = {one["Name"] for one in answers.items("list_buckets", "Buckets")}
    found = []
    for answer in answers.of("head_bucket"):
        name = str(answer.parameters["Bucket"])
        if answer.body is None or name not in new:
            continue
        if name in own:
            found.append(
                Finding(
                    f"the bucket {name} exists and is in no stack of {place.suffix}",
                    f"aws s3 rb s3://{name} --force     # if nobody needs what it holds",
                )
            )
        else:
            found.append(
                Finding(
                    f"the bucket {name} is another account's",
                    "choose another suffix: a bucket's name is one in the world",
                )
            )
    return found


def _secret_names(place: Place, _answers: Answers) -> Parameters:
    """Where the templates make a secret, and where they replicate it to."""
    return [
        {
            "IncludePlannedDeletion": True,
            "Filters": [{"Key": "name", "Values": [name]}],
            IN_REGION: region,
        }
        for one in place.wanted("AWS::SecretsManager::Secret")
        if (name := one.text("Name"))
        for region in (
            one.region,
            *(to["Region"] for to in one.properties.get("ReplicaRegions", [])),
        )
    ]


def _left_secrets(place: Place, answers: Answers) -> list[Finding]:
    new = set(_new_names(place, answers, "AWS::SecretsManager::Secret", "Name"))
    return [
        _left_secret(place, str(answer.parameters[IN_REGION]), one)
        for answer in answers.of("list_secrets")
        for one in (answer.body or {})["SecretList"]
        if one["Name"] in new
    ]


def _left_secret(place: Place, region: str, one: Mapping[str, Any]) -> Finding:
    name = one["Name"]
    where = f"--region {region} --secret-id {name}"
    delete = f"aws secretsmanager delete-secret {where} --force-delete-without-recovery"
    if one.get("DeletedDate"):
        return Finding(
            f"the secret {name} in {region} is scheduled for deletion and keeps its name until then",
            f"aws secretsmanager restore-secret {where} && {delete}",
        )
    if one.get("PrimaryRegion", region) != region:
        return Finding(
            f"a replica of the secret {name} stands in {region}: replicating over it is refused",
            f"aws secretsmanager stop-replication-to-replica {where} && {delete}",
        )
    return Finding(
        f"the secret {name} exists in {region} and is in no stack of {place.suffix}", delete
    )


def _tags(place: Place, _answers: Answers) -> Parameters:
    wanted = {"Project": "Lifeline", "Environment": place.suffix}
    return ({"TagFilters": [{"Key": key, "Values": [value]} for key, value in wanted.items()]},)


KEPT = (":kms:", ":logs:")
"""Not leftovers: a key waits 7 days at least for its deletion; log groups have a probe of their own."""


def _leftovers(place: Place, answers: Answers) -> list[Finding]:
    standing = any(answer.body is not None for answer in answers.of("list_stack_resources"))
    if standing:
        return []
    arns = [
        str(one["ResourceARN"])
        for one in answers.items("get_resources", "ResourceTagMappingList")
        if not any(kept in one["ResourceARN"] for kept in KEPT)
    ]
    if not arns:
        return []
    shown = ", ".join(arns[:3]) + (f" and {len(arns) - 3} more" if len(arns) > 3 else "")
    return [
        Finding(
            f"no stack of {place.suffix} stands in {place.region}, but {len(arns)} resources with its "
            f"tags do: {shown}",
            f"aws resourcegroupstaggingapi get-resources --region {place.region} --tag-filters "
            f"Key=Project,Values=Lifeline Key=Environment,Values={place.suffix} "
            "--query 'ResourceTagMappingList[].ResourceARN'     # delete what it lists",
        )
    ]


NAME_PROBES = (
    *(_probe(space) for space in NAMESPACES),
    Probe(
        id="names-buckets",
        fact="A bucket's name is one in the world.",
        asks=(
            STANDING,
            Ask("s3", "list_buckets", "s3:ListAllMyBuckets", region=GLOBAL),
            Ask(
                "s3",
                "head_bucket",
                "s3:ListBucket",
                _buckets,
                absent=frozenset({"404", "NoSuchBucket"}),
                taken=frozenset({"301", "403"}),
            ),
        ),
        expects="no bucket of that name outside the environment's stacks",
        if_not="the stack rolls back: BucketAlreadyExists",
        mend="`aws s3 rb`, or another suffix",
        judge=_bucket_names,
        source="Amazon S3 API Reference, HeadBucket (403 where it is another's) and CreateBucket",
        types=("AWS::S3::Bucket",),
    ),
    Probe(
        id="names-secrets",
        fact="A deleted secret keeps its name for 7 to 30 days; a replica does not overwrite a secret.",
        asks=(
            STANDING,
            Ask(
                "secretsmanager",
                "list_secrets",
                "secretsmanager:ListSecrets",
                _secret_names,
            ),
        ),
        expects="no secret of that name, also none scheduled for deletion, in either region",
        if_not="the secret, or its replica, is refused; the replica's failure shows only in its status",
        mend="`aws secretsmanager delete-secret --force-delete-without-recovery`",
        judge=_left_secrets,
        source="AWS Secrets Manager API Reference, DeleteSecret; User Guide, Replicate secrets",
        types=("AWS::SecretsManager::Secret",),
        scope=Scope.ACCOUNT,
    ),
    Probe(
        id="leftovers",
        fact="A destroyed environment leaves nothing behind.",
        asks=(
            STANDING,
            Ask("resourcegroupstaggingapi", "get_resources", "tag:GetResources", _tags),
        ),
        expects="no resource with the environment's tags where none of its stacks stands",
        if_not="it bills on, and may stand in the way of a name",
        mend="delete what `aws resourcegroupstaggingapi get-resources` lists",
        judge=_leftovers,
        source="Resource Groups Tagging API Reference, GetResources",
    ),
)
