"""Probes of the account and of what it must have before anything is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lifeline.preflight.probe import (
    STANDING,
    Answers,
    Ask,
    Finding,
    Parameters,
    Place,
    Probe,
    Scope,
    each_stack,
)

GLOBAL = "us-east-1"
"""Where the endpoints of services without regions are (AWS General Reference, service endpoints)."""

ENABLED = frozenset({"ENABLED", "ENABLED_BY_DEFAULT"})


def _root(_place: Place, answers: Answers) -> list[Finding]:
    arn = str(answers.body("get_caller_identity").get("Arn", ""))
    if not arn.endswith(":root"):
        return []
    return [
        Finding(
            f"the credentials are those of the account's root user ({arn}), which deploys nothing: the "
            "roles of the CDK's bootstrap cannot be assumed by it",
            "aws sso login     # or: export AWS_PROFILE=<a profile of a role>",
        )
    ]


def _regions(place: Place, _answers: Answers) -> Parameters:
    return [{"RegionName": place.region}]


def _opted_in(place: Place, answers: Answers) -> list[Finding]:
    status = answers.body("get_region_opt_status").get("RegionOptStatus", "")
    if status in ENABLED:
        return []
    wait = f"aws account get-region-opt-status --region-name {place.region}     # until ENABLED"
    return [
        Finding(
            f"{place.region} is {status or 'not known'} in account {place.account}",
            wait
            if status == "ENABLING"
            else f"aws account enable-region --region-name {place.region}\n{wait}",
        )
    ]


def _bootstrap_parameters(place: Place, _answers: Answers) -> Parameters:
    names = sorted({one.bootstrap_parameter for one in place.stacks if one.bootstrap_parameter})
    return [{"Name": name} for name in names]


def _bootstrapped(place: Place, answers: Answers) -> list[Finding]:
    mend = f"cdk bootstrap aws://{place.account}/{place.region}"
    found = []
    for answer in answers.of("get_parameter"):
        name = str(answer.parameters["Name"])
        needed = max(s.bootstrap_version for s in place.stacks if s.bootstrap_parameter == name)
        if answer.body is None:
            found.append(Finding(f"{place.region} is not bootstrapped: there is no {name}", mend))
        elif int(answer.body["Parameter"]["Value"]) < needed:
            version = answer.body["Parameter"]["Value"]
            found.append(
                Finding(
                    f"{place.region} is bootstrapped with version {version}; the stacks need {needed}",
                    mend,
                )
            )
    return found


def _assets_buckets(place: Place, _answers: Answers) -> Parameters:
    qualifiers = sorted(
        {one.bootstrap_parameter.split("/")[2] for one in place.stacks if one.bootstrap_parameter}
    )
    return [{"Bucket": f"cdk-{one}-assets-{place.account}-{place.region}"} for one in qualifiers]


def _has_assets_bucket(place: Place, answers: Answers) -> list[Finding]:
    return [
        Finding(
            f"the bootstrap's bucket {answer.parameters['Bucket']} is gone, though its stack may stand",
            f"aws cloudformation delete-stack --region {place.region} --stack-name CDKToolkit\n"
            f"cdk bootstrap aws://{place.account}/{place.region}",
        )
        for answer in answers.of("head_bucket")
        if answer.body is None
    ]


UNDEPLOYABLE = {
    "DELETE_FAILED": "aws cloudformation delete-stack",
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback",
    "ROLLBACK_FAILED": "aws cloudformation delete-stack",
    "IMPORT_ROLLBACK_FAILED": "aws cloudformation delete-stack",
}
"""What CloudFormation takes no update in. The CDK itself deletes a stack in ROLLBACK_COMPLETE first."""


def _deployable(place: Place, answers: Answers) -> list[Finding]:
    found = []
    for one in answers.items("describe_stacks", "Stacks"):
        name, status = one["StackName"], one["StackStatus"]
        where = f"--region {place.region} --stack-name {name}"
        if status in UNDEPLOYABLE:
            found.append(
                Finding(f"the stack {name} is {status}", f"{UNDEPLOYABLE[status]} {where}")
            )
        elif status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            events = f"aws cloudformation describe-stack-events {where}     # until it ended"
            found.append(Finding(f"the stack {name} is {status}: somebody deploys it", events))
    return found


SERVICE_LINKED = {
    "AWS::ECS::Service": ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        "elasticloadbalancing.amazonaws.com",
        "AWSServiceRoleForElasticLoadBalancing",
    ),
    "AWS::RDS::DBCluster": ("rds.amazonaws.com", "AWSServiceRoleForRDS"),
    "AWS::ElastiCache::ReplicationGroup": (
        "elasticache.amazonaws.com",
        "AWSServiceRoleForElastiCache",
    ),
    "AWS::MSK::Cluster": ("kafka.amazonaws.com", "AWSServiceRoleForKafka"),
}
"""Service principal and role of the services that need theirs to make the first resource (IAM User Guide,
service-linked roles; each service's own page)."""


def _linked_roles(place: Place, answers: Answers) -> list[Finding]:
    present = {one["RoleName"] for one in answers.items("list_roles", "Roles")}
    wanted = {SERVICE_LINKED[one.type] for one in place.resources if one.type in SERVICE_LINKED}
    return [
        Finding(
            f"there is no service-linked role {role}: the first resource of its service may be refused "
            "while the service makes it",
            f"aws iam create-service-linked-role --aws-service-name {principal}",
        )
        for principal, role in sorted(wanted)
        if role not in present
    ]


def _make_log_role(place: Place) -> str:
    return (
        f"make account ACCOUNT_REGIONS={place.region}"
        "     # one log role an account and region, kept by every environment (decision 16)"
    )


def _log_role_names(_place: Place, answers: Answers) -> Parameters:
    arn = str(answers.body("get_account").get("cloudwatchRoleArn") or "")
    return [{"RoleName": arn.rpartition("/")[2]}] if arn else []


def _may_write_logs(place: Place, answers: Answers) -> list[Finding]:
    stages = [one for one in place.wanted("AWS::ApiGateway::Stage") if _logs(one.properties)]
    if not stages:
        return []
    arn = str(answers.body("get_account").get("cloudwatchRoleArn") or "")
    if not arn:
        sentence = (
            f"API Gateway has no log role in {place.region}: a stage with logs is refused "
            "(CloudWatch Logs role ARN must be set in account settings to enable logging)"
        )
        return [Finding(sentence, _make_log_role(place))]
    if any(answer.body is None for answer in answers.of("get_role")):
        sentence = f"API Gateway's log role in {place.region}, {arn}, does not exist any more"
        return [Finding(sentence, _make_log_role(place))]
    return []


def _logs(stage: Mapping[str, Any]) -> bool:
    levels = {str(one.get("LoggingLevel", "OFF")) for one in stage.get("MethodSettings", [])}
    return bool(stage.get("AccessLogSetting")) or bool(levels - {"OFF"})


BACKED_UP = {
    "AWS::RDS::DBCluster": "Aurora",
    "AWS::EFS::FileSystem": "EFS",
    "AWS::DynamoDB::Table": "DynamoDB",
    "AWS::S3::Bucket": "S3",
}
"""AWS Backup's name of a resource's type (AWS Backup, supported resource types)."""


def _backed_up(place: Place) -> set[str]:
    types = {(one.stack, one.logical_id): one.type for one in place.resources}
    found = set()
    for selection in place.wanted("AWS::Backup::BackupSelection"):
        for one in selection.properties["BackupSelection"].get("Resources", []):
            named = one.get("Fn::GetAtt", [""])[0] if isinstance(one, dict) else ""
            found.add(BACKED_UP.get(types.get((selection.stack, named), ""), ""))
    return found - {""}


def _backup_opted_in(place: Place, answers: Answers) -> list[Finding]:
    chosen = answers.body("describe_region_settings").get("ResourceTypeOptInPreference", {})
    off = sorted(one for one in _backed_up(place) if chosen.get(one) is not True)
    if not off:
        return []
    preference = ",".join(f"{one}=true" for one in off)
    return [
        Finding(
            f"AWS Backup passes {', '.join(off)} over in {place.region}: the type is not opted in",
            f"aws backup update-region-settings --region {place.region} "
            f"--resource-type-opt-in-preference {preference}",
        )
    ]


def _registry_is_free(place: Place, answers: Answers) -> list[Finding]:
    if not place.new(answers, "AWS::ECR::ReplicationConfiguration"):
        return []
    rules = answers.body("describe_registry").get("replicationConfiguration", {}).get("rules", [])
    if not rules:
        return []
    return [
        Finding(
            f"the registry of {place.region} replicates already ({len(rules)} rules), and it has one "
            "configuration an account and region: this deployment would overwrite it",
            f"aws ecr put-replication-configuration --region {place.region} "
            "--replication-configuration rules=[]     # or deploy a profile that does not own the account",
        )
    ]


IDENTITY = Ask("sts", "get_caller_identity", "sts:GetCallerIdentity")
"""Asked before all others: names hold the account's number."""

ACCOUNT_PROBES = (
    Probe(
        id="credentials",
        fact="Somebody is signed in, and not as the root user.",
        asks=(IDENTITY,),
        expects="a role or a user of the account",
        if_not="the root user cannot assume the CDK's roles",
        mend="`aws sso login`, or a profile of a role",
        judge=_root,
        source="AWS CDK Developer Guide, bootstrapping; IAM User Guide, AssumeRole by the root user",
        scope=Scope.ACCOUNT,
    ),
    Probe(
        id="region-enabled",
        fact="ca-west-1 is an opt-in region.",
        asks=(
            Ask(
                "account",
                "get_region_opt_status",
                "account:GetRegionOptStatus",
                _regions,
                region=GLOBAL,
            ),
        ),
        expects="each region ENABLED or ENABLED_BY_DEFAULT",
        if_not="every call there is refused",
        mend="`aws account enable-region`",
        judge=_opted_in,
        source="AWS Account Management Reference, Enable or disable AWS Regions",
    ),
    Probe(
        id="bootstrap",
        fact="The CDK deploys through resources that `cdk bootstrap` made in each region.",
        asks=(
            Ask(
                "ssm",
                "get_parameter",
                "ssm:GetParameter",
                _bootstrap_parameters,
                absent=frozenset({"ParameterNotFound"}),
            ),
        ),
        expects="a version that is not below the one that the stacks ask for",
        if_not="no stack can be deployed",
        mend="`cdk bootstrap`",
        judge=_bootstrapped,
        source="AWS CDK Developer Guide, Bootstrapping; the assembly's requiresBootstrapStackVersion",
    ),
    Probe(
        id="bootstrap-bucket",
        fact="Functions' code is uploaded to the bootstrap's bucket.",
        asks=(
            Ask(
                "s3",
                "head_bucket",
                "s3:ListBucket",
                _assets_buckets,
                absent=frozenset({"404", "NoSuchBucket"}),
            ),
        ),
        expects="the bucket is there",
        if_not="each upload fails; bootstrapping again does not make the bucket anew",
        mend="delete the stack CDKToolkit, bootstrap again",
        judge=_has_assets_bucket,
        source="Amazon S3 API Reference, HeadBucket; AWS CDK Developer Guide, Troubleshoot bootstrapping",
    ),
    Probe(
        id="stacks",
        fact="CloudFormation updates no stack that failed half-way or is being changed.",
        asks=(
            Ask(
                "cloudformation",
                "describe_stacks",
                "cloudformation:DescribeStacks",
                each_stack,
                absent=frozenset({"ValidationError"}),
            ),
        ),
        expects="no stack of the environment failed half-way, and none is in progress",
        if_not="the deployment stops at that stack",
        mend="`aws cloudformation delete-stack` or `continue-update-rollback`",
        judge=_deployable,
        source="AWS CloudFormation User Guide, Stack status codes",
    ),
    Probe(
        id="service-linked-roles",
        fact="A service acts through its own role, which its first use in an account makes.",
        asks=(
            Ask(
                "iam",
                "list_roles",
                "iam:ListRoles",
                lambda _place, _answers: ({"PathPrefix": "/aws-service-role/"},),
                region=GLOBAL,
            ),
        ),
        expects="the roles of ECS, load balancing, RDS, ElastiCache and MSK",
        if_not="the first cluster or service may be refused, and the stack rolls back",
        mend="`aws iam create-service-linked-role`",
        judge=_linked_roles,
        source="IAM User Guide, Create a service-linked role; each service's page of its role",
        scope=Scope.ACCOUNT,
    ),
    Probe(
        id="api-log-role",
        fact="A stage with logs needs API Gateway's log role, one an account and region.",
        asks=(
            Ask("apigateway", "get_account", "apigateway:GET"),
            Ask(
                "iam",
                "get_role",
                "iam:GetRole",
                _log_role_names,
                absent=frozenset({"NoSuchEntity"}),
                region=GLOBAL,
            ),
        ),
        expects="a role in the account's settings, which exists",
        if_not="the stage is refused: CloudWatch Logs role ARN must be set in account settings",
        mend="`make account`, once for an account",
        judge=_may_write_logs,
        source="API Gateway Developer Guide, Set up CloudWatch logging for REST APIs",
        types=("AWS::ApiGateway::Stage",),
    ),
    Probe(
        id="backup-opt-in",
        fact="AWS Backup backs up the types of resources that the region is opted in for.",
        asks=(Ask("backup", "describe_region_settings", "backup:DescribeRegionSettings"),),
        expects="true for each type that a backup selection names",
        if_not="nothing is backed up, and nothing says so",
        mend="`aws backup update-region-settings`",
        judge=_backup_opted_in,
        source="AWS Backup Developer Guide, Service opt-in",
        types=("AWS::Backup::BackupSelection",),
    ),
    Probe(
        id="registry-replication",
        fact="A registry has one replication configuration an account and region.",
        asks=(
            STANDING,
            Ask("ecr", "describe_registry", "ecr:DescribeRegistry"),
        ),
        expects="no rules but this environment's own",
        if_not="this deployment overwrites somebody's replication",
        mend="`aws ecr put-replication-configuration`, or another profile",
        judge=_registry_is_free,
        source="Amazon ECR User Guide, Private image replication",
        types=("AWS::ECR::ReplicationConfiguration",),
    ),
)
