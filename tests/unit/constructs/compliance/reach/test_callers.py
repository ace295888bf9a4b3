"""Who else calls beside functions: tasks and their start, a stream's mapping, the API, S3, the plan."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lifeline.compliance.reach.ledger import Ledger
from lifeline.compliance.reach.world import ACCOUNT
from tests.unit.constructs.compliance.reach.small_world import (
    FROM_THE_NETWORK,
    HOME,
    STANDBY,
    Resources,
    arn_of,
    document,
    endpoint,
    endpoint_group,
    ledger,
    made,
    ref,
    region,
    statement,
    world,
)
from tests.unit.constructs.compliance.reach.test_ledger import KEEPERS

Change = Callable[[Resources], object]


def judged(*changes: Change) -> Ledger:
    """The ledger of a small world whose home region got more."""
    home = region(HOME)
    for change in changes:
        change(home)
    return ledger(world(home), KEEPERS)


def failures(*changes: Change) -> str:
    """All sentences of failure as one text."""
    return "\n".join(judged(*changes).failures)


def role(home: Resources, name: str, *statements: dict[str, object]) -> None:
    """A role with these rights in line."""
    inline = {"PolicyName": "all", "PolicyDocument": document(*statements)}
    home[name] = made("IAM::Role", RoleName=name.lower(), Policies=[inline])


def image_of(in_region: str) -> str:
    """The image's address in a registry."""
    return f"{ACCOUNT}.dkr.ecr.{in_region}.amazonaws.com/processor:1"


def task(home: Resources, image: str = image_of(HOME)) -> None:
    """The migration as a service's task, for it calls the database only."""
    role(home, "TaskRole")
    role(
        home,
        "StartRole",
        statement("ecr:GetAuthorizationToken"),
        statement(
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
            resource=f"arn:aws:ecr:*:{ACCOUNT}:repository/processor",
        ),
    )
    home["Task"] = made(
        "ECS::TaskDefinition",
        TaskRoleArn=arn_of("TaskRole"),
        ExecutionRoleArn=arn_of("StartRole"),
        ContainerDefinitions=[
            {
                "Image": image,
                "Command": ["lifeline.services.event_applier", "migrate"],
                "Environment": [
                    {"Name": "DATABASE_HOST", "Value": arn_of("Database", "Endpoint.Address")},
                    {"Name": "DATABASE_AUTH", "Value": "password"},
                ],
            }
        ],
    )
    home["Service"] = made(
        "ECS::Service",
        TaskDefinition=ref("Task"),
        NetworkConfiguration={
            "AwsvpcConfiguration": {
                "Subnets": [ref("Private1"), ref("Private2")],
                "SecurityGroups": [arn_of("Clients", "GroupId")],
            }
        },
        LoadBalancers=[{"ContainerPort": 8080, "TargetGroupArn": ref("Targets")}],
    )


def test_a_task_and_its_start_are_two_callers() -> None:
    found = judged(task)
    assert found.failures == []
    calls = {(one.row.caller.reader, one.row.call) for one in found.entries}
    assert ("event_applier migrate", "the region's database") in calls
    assert ("start of a task (event_applier migrate)", "ecr:BatchGetImage") in calls


def test_an_image_in_the_other_region_is_pulled_from_there() -> None:
    found = judged(lambda home: task(home, image_of(STANDBY)))
    (pull,) = [one for one in found.entries if one.row.call == "ecr:BatchGetImage"]
    assert pull.row.regions == {HOME, STANDBY}
    assert pull.row.asks[0].resource == f"arn:aws:ecr:{STANDBY}:{ACCOUNT}:repository/processor"


OURS = statement(
    "*", Principal={"AWS": "*"}, Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
)
LAYERS = statement(
    "s3:GetObject",
    Principal={"AWS": "*"},
    resource=f"arn:aws:s3:::prod-{HOME}-starport-layer-bucket/*",
)


@pytest.mark.parametrize(("statements", "fails"), [((OURS,), True), ((OURS, LAYERS), False)])
def test_the_registrys_layers_must_pass_the_endpoint_for_objects(
    statements: tuple[dict[str, object], ...], fails: bool
) -> None:
    """N1: the layers lie in a bucket of AWS's, which an endpoint for our account only does not let pass."""

    def objects(home: Resources) -> None:
        home["EndpointGroup"] = endpoint_group(FROM_THE_NETWORK)
        home["Objects"] = endpoint("s3", *statements)

    said = failures(task, objects)
    assert ("the policy of the endpoint Home.Objects does not let s3:GetObject" in said) == fails
    assert bool(said) == fails


def api(home: Resources) -> None:
    """A method that reads from the tasks behind a balancer, by a VPC link."""
    task(home)
    home["Balancer"] = made("ElasticLoadBalancingV2::LoadBalancer", Subnets=[ref("Private1")])
    home["Listener"] = made(
        "ElasticLoadBalancingV2::Listener",
        LoadBalancerArn=ref("Balancer"),
        Port=8080,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}],
    )
    home["Targets"] = made("ElasticLoadBalancingV2::TargetGroup", Port=8080)
    home["Link"] = made("ApiGateway::VpcLink", TargetArns=[ref("Balancer")])
    uri = {"Fn::Join": ["", ["http://", arn_of("Balancer", "DNSName"), ":8080/health"]]}
    home["Method"] = made(
        "ApiGateway::Method",
        Integration={"ConnectionType": "VPC_LINK", "ConnectionId": ref("Link"), "Uri": uri},
    )
    home["Clients"]["Properties"]["SecurityGroupIngress"] = [
        {"CidrIp": "10.20.16.0/20", "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080}
    ]


def test_the_api_reaches_the_tasks_by_its_link_and_balancer() -> None:
    found = judged(api)
    assert found.failures == []
    (call,) = [one for one in found.entries if one.row.caller.reader == "API"]
    assert call.cites == {"Home.Link", "Home.Clients/SecurityGroupIngress/0"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda home: home["Link"]["Properties"].update(TargetArns=[]), "Home.Link is no VPC link"),
        (lambda home: home.pop("Listener"), "nothing listens behind Home.Balancer"),
        (lambda home: home["Listener"]["Properties"].update(Port=80), "nothing listens behind"),
        (
            lambda home: home["Clients"]["Properties"].pop("SecurityGroupIngress"),
            "lets Home.Balancer in to Home.Service at port 8080",
        ),
    ],
)
def test_each_part_between_api_and_tasks_is_needed(change: Change, said: str) -> None:
    assert said in failures(api, change)


def copies(home: Resources) -> None:
    """A bucket with a key that S3 copies into one with a bucket key."""
    for name in ("Source", "Target"):
        home[name] = made(
            "S3::Bucket",
            BucketName=name.lower(),
            BucketEncryption={
                "ServerSideEncryptionConfiguration": [
                    {
                        "BucketKeyEnabled": name == "Target",
                        "ServerSideEncryptionByDefault": {"KMSMasterKeyID": arn_of(f"{name}Key")},
                    }
                ]
            },
        )
        home[f"{name}Key"] = {**home["Key"]}
    role(
        home,
        "CopyRole",
        statement(
            "s3:GetReplicationConfiguration", "s3:ListBucket", resource="arn:aws:s3:::source"
        ),
        statement(
            "s3:GetObjectVersionForReplication",
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionTagging",
            resource="arn:aws:s3:::source/*",
        ),
        statement("s3:ReplicateObject", "s3:ReplicateTags", resource="arn:aws:s3:::target/*"),
        statement("kms:Decrypt", resource=arn_of("SourceKey")),
        statement("kms:Encrypt", "kms:Decrypt", resource=arn_of("TargetKey")),
    )
    home["Copies"] = {
        "Type": "Custom::BucketReplication",
        "Properties": {
            "Bucket": "source",
            "PeerBucket": "target",
            "Role": arn_of("CopyRole"),
            "ServiceToken": "arn:aws:lambda:elsewhere",
        },
    }


def test_a_copy_into_a_bucket_key_decrypts_at_its_target() -> None:
    """N6: without it each copy fails, in silence."""

    def without(home: Resources) -> None:
        rights = home["CopyRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        rights[4]["Action"].remove("kms:Decrypt")

    def right(said: str) -> list[str]:
        return [one for one in said.splitlines() if "no statement" in one]

    assert right(failures(copies)) == []
    (sentence,) = right(failures(copies, without))
    assert (
        "replication of objects in ca-central-1 (Home.Copies) calls s3:ReplicateObject" in sentence
    )
    assert "kms:Decrypt on" in sentence


def test_the_plan_may_call_the_functions_that_its_definition_names() -> None:
    def plan(home: Resources) -> None:
        role(home, "PlanRole")
        arn = ["{", {"Fn::GetAtt": ["Keeper", "Arn"]}, "}"]
        home["Plan"] = made(
            "StepFunctions::StateMachine",
            StateMachineName="plan",
            RoleArn=arn_of("PlanRole"),
            DefinitionString={"Fn::Join": ["", arn]},
        )

    said = failures(plan)
    assert "failover plan in ca-central-1 (Home.Plan) calls lambda:InvokeFunction" in said
    assert f"do lambda:InvokeFunction on arn:aws:lambda:{HOME}:{ACCOUNT}:function:keeper" in said


def test_a_rules_function_lets_the_rule_call_it_and_no_other() -> None:
    def rule(home: Resources) -> None:
        target = {"Id": "keeper", "Arn": arn_of("Keeper")}
        home["Rule"] = made("Events::Rule", Name="loop", Targets=[target])

    def permission(source: object) -> Change:
        def change(home: Resources) -> None:
            home["Permission"] = made(
                "Lambda::Permission",
                Action="lambda:InvokeFunction",
                FunctionName=arn_of("Keeper"),
                Principal="events.amazonaws.com",
                SourceArn=source,
            )

        return change

    assert "does not let events.amazonaws.com do lambda:InvokeFunction" in failures(
        rule, permission("arn:aws:events:ca-central-1:111122223333:rule/another")
    )
    found = judged(rule, permission(arn_of("Rule")))
    assert found.failures == []
    (call,) = [one for one in found.entries if one.row.caller.reader == "rule"]
    assert call.cites == {"Home.Permission"}


def test_a_stream_is_polled_with_the_functions_role() -> None:
    def mapping(home: Resources) -> None:
        home["Stream"] = made("Kinesis::Stream", Name="edge")
        home["Mapping"] = made(
            "Lambda::EventSourceMapping",
            EventSourceArn=arn_of("Stream"),
            FunctionName=ref("Keeper"),
        )

    said = failures(mapping)
    assert "stream mapping in ca-central-1 (Home.Mapping) calls kinesis:GetRecords" in said
    assert "no statement lets keeper-cac1 do kinesis:GetShardIterator" in said


def records(home: Resources) -> None:
    """A trail and a bucket's access log, both into one bucket that lets them write."""
    home["Records"] = made("S3::Bucket", BucketName="records")
    home["Trail"] = made("CloudTrail::Trail", TrailName="trail", S3BucketName=ref("Records"))
    logging = {"DestinationBucketName": ref("Records"), "LogFilePrefix": "data/"}
    home["Data"] = made("S3::Bucket", BucketName="data", LoggingConfiguration=logging)
    trail = {"Service": "cloudtrail.amazonaws.com"}
    of_the_trail = {
        "StringEquals": {
            "aws:SourceArn": f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/trail",
            "s3:x-amz-acl": "bucket-owner-full-control",
        }
    }
    of_the_bucket = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::data"}}
    home["RecordsPolicy"] = made(
        "S3::BucketPolicy",
        Bucket=ref("Records"),
        PolicyDocument=document(
            statement("s3:GetBucketAcl", resource="arn:aws:s3:::records", Principal=trail),
            statement(
                "s3:PutObject",
                resource=f"arn:aws:s3:::records/AWSLogs/{ACCOUNT}/*",
                Principal=trail,
                Condition=of_the_trail,
            ),
            statement(
                "s3:PutObject",
                resource="arn:aws:s3:::records/data/*",
                Principal={"Service": "logging.s3.amazonaws.com"},
                Condition=of_the_bucket,
            ),
        ),
    )


def test_the_trail_and_access_logs_are_let_into_their_bucket() -> None:
    assert judged(records).failures == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "trail in ca-central-1 (Home.Trail) calls s3:GetBucketAcl"),
        (1, "trail in ca-central-1 (Home.Trail) calls s3:PutObject"),
        (2, "access log in ca-central-1 (Home.Data) calls s3:PutObject"),
    ],
)
def test_a_record_that_its_bucket_does_not_take_is_a_failure(number: int, said: str) -> None:
    def without(home: Resources) -> None:
        del home["RecordsPolicy"]["Properties"]["PolicyDocument"]["Statement"][number]

    assert said in failures(records, without)
