"""Probes of quotas: what the account may have, less what it has, against what the templates add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lifeline.preflight.account_probes import GLOBAL
from lifeline.preflight.assembly import Resource
from lifeline.preflight.probe import (
    STANDING,
    Answers,
    Ask,
    Finding,
    Place,
    Probe,
    Scope,
)

UNRESERVED = 100
"""Lambda keeps so many executions for functions that reserve none (Lambda Developer Guide, Configuring
reserved concurrency)."""


@dataclass(frozen=True)
class Quota:
    """One quota of Service Quotas: its codes, what counts against it, and what counts already."""

    id: str
    fact: str
    service_code: str
    quota_code: str
    types: tuple[str, ...]
    usage: Ask
    used: Callable[[Place, Answers], float]
    source: str
    each: Callable[[Place, Resource], float] = lambda _place, _resource: 1.0
    """How much one resource counts."""


def _count(operation: str, key: str) -> Callable[[Place, Answers], float]:
    return lambda _place, answers: float(len(answers.items(operation, key)))


def _none(_place: Place, _answers: Answers) -> float:
    return 0.0


def _brokers(_place: Place, answers: Answers) -> float:
    clusters = answers.items("list_clusters_v2", "ClusterInfoList")
    return float(sum(one.get("Provisioned", {}).get("NumberOfBrokerNodes", 0) for one in clusters))


def _vcpus(place: Place, task: Resource) -> float:
    """What the task's service may run at most; a task without a service runs once."""
    tasks = 1.0
    for service in place.wanted("AWS::ECS::Service"):
        if service.properties.get("TaskDefinition") != {"Ref": task.logical_id}:
            continue
        name = f"/{service.text('ServiceName')}"
        scaled = [
            one.number("MaxCapacity")
            for one in place.wanted("AWS::ApplicationAutoScaling::ScalableTarget")
            if one.text("ResourceId").endswith(name)
        ]
        tasks = max(service.number("DesiredCount", 1), *scaled, 1)
    return tasks * task.number("Cpu") / 1024


QUOTAS = (
    Quota(
        id="quota-elastic-ips",
        fact="Each NAT gateway needs an Elastic IP address; a region has 5 by default.",
        service_code="ec2",
        quota_code="L-0263D0A3",
        types=("AWS::EC2::EIP",),
        usage=Ask("ec2", "describe_addresses", "ec2:DescribeAddresses"),
        used=_count("describe_addresses", "Addresses"),
        source="Amazon VPC User Guide, Amazon VPC quotas; EC2 quota L-0263D0A3",
    ),
    Quota(
        id="quota-vpcs",
        fact="A region has 5 VPCs by default.",
        service_code="vpc",
        quota_code="L-F678F1CE",
        types=("AWS::EC2::VPC",),
        usage=Ask("ec2", "describe_vpcs", "ec2:DescribeVpcs"),
        used=_count("describe_vpcs", "Vpcs"),
        source="Amazon VPC User Guide, Amazon VPC quotas",
    ),
    Quota(
        id="quota-internet-gateways",
        fact="A region has as many internet gateways as VPCs.",
        service_code="vpc",
        quota_code="L-A4707A72",
        types=("AWS::EC2::InternetGateway",),
        usage=Ask("ec2", "describe_internet_gateways", "ec2:DescribeInternetGateways"),
        used=_count("describe_internet_gateways", "InternetGateways"),
        source="Amazon VPC User Guide, Amazon VPC quotas",
    ),
    Quota(
        id="quota-gateway-endpoints",
        fact="A region has 20 gateway endpoints by default.",
        service_code="vpc",
        quota_code="L-1B52E74A",
        types=("AWS::EC2::VPCEndpoint",),
        usage=Ask(
            "ec2",
            "describe_vpc_endpoints",
            "ec2:DescribeVpcEndpoints",
            lambda _place, _answers: (
                {"Filters": [{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}]},
            ),
        ),
        used=_count("describe_vpc_endpoints", "VpcEndpoints"),
        source="Amazon VPC User Guide, Amazon VPC quotas",
        each=lambda _place, resource: float(resource.text("VpcEndpointType") == "Gateway"),
    ),
    Quota(
        id="quota-interface-endpoints",
        fact="A VPC has 50 interface endpoints by default.",
        service_code="vpc",
        quota_code="L-29B6F2EB",
        types=("AWS::EC2::VPCEndpoint",),
        usage=STANDING,
        used=_none,
        source="Amazon VPC User Guide, Amazon VPC quotas",
        each=lambda _place, resource: float(resource.text("VpcEndpointType") == "Interface"),
    ),
    Quota(
        id="quota-brokers",
        fact="An account has 90 MSK brokers a region by default.",
        service_code="kafka",
        quota_code="L-EDD31C36",
        types=("AWS::MSK::Cluster",),
        usage=Ask("kafka", "list_clusters_v2", "kafka:ListClustersV2"),
        used=_brokers,
        source="Amazon MSK Developer Guide, Amazon MSK quota",
        each=lambda _place, resource: resource.number("NumberOfBrokerNodes"),
    ),
    Quota(
        id="quota-database-clusters",
        fact="A region has 40 database clusters by default.",
        service_code="rds",
        quota_code="L-952B80B8",
        types=("AWS::RDS::DBCluster",),
        usage=Ask("rds", "describe_db_clusters", "rds:DescribeDBClusters"),
        used=_count("describe_db_clusters", "DBClusters"),
        source="Amazon Aurora User Guide, Quotas and constraints",
    ),
    Quota(
        id="quota-fargate",
        fact="A new account runs tasks of 6 vCPU on Fargate; after a failover all of them run.",
        service_code="fargate",
        quota_code="L-3032A538",
        types=("AWS::ECS::TaskDefinition",),
        usage=STANDING,
        used=_none,
        source="Amazon ECS Developer Guide, AWS Fargate service quotas",
        each=_vcpus,
    ),
)
"""The codes are those of `aws service-quotas list-service-quotas`. What runs on Fargate already is not
counted: no API lists it across clusters."""


def _asks(service_code: str, quota_code: str) -> tuple[Ask, ...]:
    """The applied value; where none is kept (Service Quotas API, GetServiceQuota), AWS's default."""
    codes = {"ServiceCode": service_code, "QuotaCode": quota_code}
    return (
        STANDING,
        Ask(
            "service-quotas",
            "get_service_quota",
            "servicequotas:GetServiceQuota",
            lambda _place, _answers: (codes,),
            absent=frozenset({"NoSuchResourceException"}),
        ),
        Ask(
            "service-quotas",
            "get_aws_default_service_quota",
            "servicequotas:GetAWSDefaultServiceQuota",
            lambda _place, answers: [
                codes for applied in answers.of("get_service_quota") if applied.body is None
            ],
        ),
    )


def _allowed(answers: Answers) -> float:
    applied = answers.body("get_service_quota") or answers.body("get_aws_default_service_quota")
    return float(applied["Quota"]["Value"])


def _quota_probe(quota: Quota) -> Probe:
    def judge(place: Place, answers: Answers) -> list[Finding]:
        added = sum(quota.each(place, one) for one in place.new(answers, *quota.types))
        allowed = _allowed(answers)
        used = quota.used(place, answers)
        if not added or used + added <= allowed:
            return []
        return [
            Finding(
                f"{place.region} may have {allowed:g}, has {used:g}, and {added:g} more are wanted",
                f"aws service-quotas request-service-quota-increase --region {place.region} "
                f"--service-code {quota.service_code} --quota-code {quota.quota_code} "
                f"--desired-value {used + added:g}",
            )
        ]

    asks = _asks(quota.service_code, quota.quota_code)
    if quota.usage is not STANDING:
        asks = (*asks, quota.usage)
    return Probe(
        id=quota.id,
        fact=quota.fact,
        asks=asks,
        expects="what is there and what the templates add stay within the quota",
        if_not="the deployment stops at the resource that is one too many, and rolls back",
        mend="`aws service-quotas request-service-quota-increase` (hours to days)",
        judge=judge,
        source=quota.source,
        types=quota.types,
    )


def _concurrency(place: Place, answers: Answers) -> list[Finding]:
    wanted = sum(
        one.number("ReservedConcurrentExecutions")
        for one in place.new(answers, "AWS::Lambda::Function")
    )
    limits = answers.body("get_account_settings")["AccountLimit"]
    free = int(limits["UnreservedConcurrentExecutions"]) - UNRESERVED
    if wanted <= max(free, 0):
        return []
    total = int(limits["ConcurrentExecutions"])
    desired = max(1000, int(total + wanted - free))
    return [
        Finding(
            f"{place.region} runs {total} functions at once, of which {max(free, 0)} can still be "
            f"reserved ({UNRESERVED} stay unreserved); the functions reserve {wanted:g}",
            f"aws service-quotas request-service-quota-increase --region {place.region} "
            f"--service-code lambda --quota-code L-B99A9384 --desired-value {desired}",
        )
    ]


def _shards(place: Place, answers: Answers) -> list[Finding]:
    wanted = sum(one.number("ShardCount", 1) for one in place.new(answers, "AWS::Kinesis::Stream"))
    limits = answers.body("describe_limits")
    allowed, used = int(limits["ShardLimit"]), int(limits["OpenShardCount"])
    if used + wanted <= allowed:
        return []
    console = "https://console.aws.amazon.com/servicequotas/home/services/kinesis/quotas"
    return [
        Finding(
            f"{place.region} may have {allowed} shards, has {used}, and {wanted:g} more are wanted",
            f"raise 'Shards per Region' to {used + wanted:g}: {console}",
        )
    ]


def _throttles(place: Place, answers: Answers) -> list[Finding]:
    allowed = answers.body("get_account").get("throttleSettings", {})
    found = []
    for stage in place.wanted("AWS::ApiGateway::Stage"):
        for settings in stage.properties.get("MethodSettings", []):
            for key, limit, code in (
                ("ThrottlingRateLimit", "rateLimit", "L-8A5B8E43"),
                ("ThrottlingBurstLimit", "burstLimit", ""),
            ):
                wanted, most = float(settings.get(key, 0)), float(allowed.get(limit, 0))
                if wanted > most:
                    found.append(_throttle(place, key, wanted, most, code))
    return found


def _throttle(place: Place, key: str, wanted: float, most: float, code: str) -> Finding:
    raised = (
        f"aws service-quotas request-service-quota-increase --region {place.region} "
        f"--service-code apigateway --quota-code {code} --desired-value {wanted:g}"
    )
    set_by_aws = f"AWS sets it and raises it on request only: lower {key} of the stage to {most:g}"
    return Finding(
        f"the stage lets {key} {wanted:g} in, the account in {place.region} only {most:g}",
        raised if code else set_by_aws,
    )


TRAILS = 5
"""Trails a region, those of other regions that record it included (CloudTrail User Guide, Quotas)."""


def _trails(place: Place, answers: Answers) -> list[Finding]:
    new = len(place.new(answers, "AWS::CloudTrail::Trail"))
    there = answers.items("describe_trails", "trailList")
    if len(there) + new <= TRAILS:
        return []
    names = ", ".join(sorted(str(one["Name"]) for one in there))
    return [
        Finding(
            f"{place.region} has {len(there)} trails ({names}) of {TRAILS}, which cannot be raised",
            f"aws cloudtrail delete-trail --region {place.region} --name <one that nobody needs>",
        )
    ]


RESOURCE_POLICIES = 10
"""CloudWatch Logs takes so many a region (Amazon CloudWatch Logs User Guide, quotas)."""


def _log_policies(place: Place, answers: Answers) -> list[Finding]:
    there = answers.items("describe_resource_policies", "resourcePolicies")
    if len(there) < RESOURCE_POLICIES:
        return []
    return [
        Finding(
            f"CloudWatch Logs has {len(there)} resource policies in {place.region}, of "
            f"{RESOURCE_POLICIES}: the log delivery of a state machine or a web ACL adds one",
            f"aws logs delete-resource-policy --region {place.region} --policy-name "
            "<one that nobody needs>",
        )
    ]


IAM_TYPES = {
    "Roles": ("AWS::IAM::Role", "L-FE177D64"),
    "Policies": ("AWS::IAM::ManagedPolicy", "L-E95E4862"),
}
"""Key of the account's summary: what counts, and the quota's code."""


def _iam(place: Place, answers: Answers) -> list[Finding]:
    summary = answers.body("get_account_summary")["SummaryMap"]
    found = []
    for key, (counted, code) in IAM_TYPES.items():
        new, used, most = (
            len(place.new(answers, counted)),
            int(summary[key]),
            int(summary[f"{key}Quota"]),
        )
        if used + new > most:
            found.append(
                Finding(
                    f"the account may have {most} {key.lower()}, has {used}, and {new} more are wanted",
                    f"aws service-quotas request-service-quota-increase --region {GLOBAL} "
                    f"--service-code iam --quota-code {code} --desired-value {used + new}",
                )
            )
    return found


def _zones_of(place: Place, answers: Answers) -> list[Finding]:
    allowed = _allowed(answers)
    zones: Mapping[str, str] = {
        one["SubnetId"]: one["AvailabilityZone"]
        for one in answers.items("describe_subnets", "Subnets")
    }
    gone = {"deleted", "failed"}
    there: Counter[str] = Counter(
        zones.get(one["SubnetId"], "")
        for one in answers.items("describe_nat_gateways", "NatGateways")
        if one["State"] not in gone
    )
    new = len(place.new(answers, "AWS::EC2::NatGateway"))
    fullest, most = max(there.items(), key=lambda item: item[1], default=("", 0))
    if not new or most + 1 <= allowed:
        return []
    return [
        Finding(
            f"the zone {fullest} has {most} NAT gateways of {allowed:g}, and one more is wanted",
            f"aws service-quotas request-service-quota-increase --region {place.region} "
            f"--service-code vpc --quota-code L-FE5A380F --desired-value {most + 1}",
        )
    ]


QUOTA_PROBES = (
    Probe(
        id="lambda-concurrency",
        fact="Functions reserve their concurrency; a new account has as little as 10.",
        asks=(STANDING, Ask("lambda", "get_account_settings", "lambda:GetAccountSettings")),
        expects=f"what the functions reserve, and {UNRESERVED} more",
        if_not="a function is refused: its reservation would decrease the account's unreserved part",
        mend="`aws service-quotas request-service-quota-increase` (L-B99A9384)",
        judge=_concurrency,
        source="Lambda Developer Guide, Configuring reserved concurrency",
        types=("AWS::Lambda::Function",),
    ),
    *(_quota_probe(quota) for quota in QUOTAS),
    Probe(
        id="quota-nat-gateways",
        fact="A zone has 5 NAT gateways by default.",
        asks=(
            *_asks("vpc", "L-FE5A380F"),
            Ask("ec2", "describe_nat_gateways", "ec2:DescribeNatGateways"),
            Ask("ec2", "describe_subnets", "ec2:DescribeSubnets"),
        ),
        expects="room for one more in each zone",
        if_not="the NAT gateway is refused",
        mend="`aws service-quotas request-service-quota-increase` (L-FE5A380F)",
        judge=_zones_of,
        source="Amazon VPC User Guide, Amazon VPC quotas",
        types=("AWS::EC2::NatGateway",),
    ),
    Probe(
        id="quota-shards",
        fact="An account has a number of Kinesis shards a region.",
        asks=(STANDING, Ask("kinesis", "describe_limits", "kinesis:DescribeLimits")),
        expects="room for the stream's shards",
        if_not="the stream is refused",
        mend="Service Quotas console, 'Shards per Region'",
        judge=_shards,
        source="Amazon Kinesis Data Streams API Reference, DescribeLimits",
        types=("AWS::Kinesis::Stream",),
    ),
    Probe(
        id="quota-api-requests",
        fact="API Gateway takes 2,500 requests a second in ca-west-1, burst 1,250.",
        asks=(Ask("apigateway", "get_account", "apigateway:GET"),),
        expects="the account's throttle is not below the stage's",
        if_not="edges are throttled below what the stage promises",
        mend="`aws service-quotas request-service-quota-increase` (L-8A5B8E43); the burst is AWS's to set",
        judge=_throttles,
        source="API Gateway Developer Guide, Quotas",
        types=("AWS::ApiGateway::Stage",),
    ),
    Probe(
        id="quota-trails",
        fact="A region has 5 trails, which cannot be raised.",
        asks=(
            STANDING,
            Ask("cloudtrail", "describe_trails", "cloudtrail:DescribeTrails"),
        ),
        expects="room for one more",
        if_not="the trail is refused, and the first stack rolls back",
        mend="delete a trail, or deploy a profile without one",
        judge=_trails,
        source="AWS CloudTrail User Guide, Quotas in AWS CloudTrail",
        types=("AWS::CloudTrail::Trail",),
    ),
    Probe(
        id="quota-log-policies",
        fact="CloudWatch Logs has 10 resource policies a region.",
        asks=(Ask("logs", "describe_resource_policies", "logs:DescribeResourcePolicies"),),
        expects="fewer than 10",
        if_not="the state machine, or the web ACL's logging, is refused",
        mend="`aws logs delete-resource-policy`",
        judge=_log_policies,
        source="Amazon CloudWatch Logs User Guide, CloudWatch Logs quotas",
        types=("AWS::StepFunctions::StateMachine", "AWS::WAFv2::LoggingConfiguration"),
    ),
    Probe(
        id="quota-iam",
        fact="An account has 1,000 roles and 1,500 managed policies by default.",
        asks=(
            STANDING,
            Ask("iam", "get_account_summary", "iam:GetAccountSummary", region=GLOBAL),
        ),
        expects="room for the environment's",
        if_not="a role or a policy is refused",
        mend="`aws service-quotas request-service-quota-increase` (L-FE177D64, L-E95E4862)",
        judge=_iam,
        source="IAM User Guide, IAM and AWS STS quotas",
        scope=Scope.ACCOUNT,
    ),
)
