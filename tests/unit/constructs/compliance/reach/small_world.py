"""Two regions in a few resources each: a keeper in a private subnet, a database, a topic with a key."""

from __future__ import annotations

import copy
from typing import Any

from lifeline.compliance.reach.ledger import Ledger, ledger_of
from lifeline.compliance.reach.situations import Spared
from lifeline.compliance.reach.world import ACCOUNT, Template, World
from scripts.iam_evaluator import evaluate

HOME, STANDBY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
CODES = {HOME: "cac1", STANDBY: "caw1"}
RANGES = {HOME: "10.20", STANDBY: "10.30"}
NOTHING_OUT = [
    {"CidrIp": "255.255.255.255/32", "IpProtocol": "icmp", "FromPort": 252, "ToPort": 86}
]
EVERYTHING_OUT = [{"CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}]
KEEPER_ROLE = {region: f"keeper-{code}" for region, code in CODES.items()}
Resources = dict[str, dict[str, Any]]


def made(kind: str, **properties: Any) -> dict[str, Any]:
    """One resource."""
    return {"Type": f"AWS::{kind}", "Properties": properties}


def ref(name: str) -> dict[str, str]:
    """A reference by id."""
    return {"Ref": name}


def arn_of(name: str, attribute: str = "Arn") -> dict[str, list[str]]:
    """A reference to an attribute."""
    return {"Fn::GetAtt": [name, attribute]}


def subnet(resources: Resources, name: str, cidr: str, **route: Any) -> None:
    """A subnet with a route table of its own, and a default route where one is given."""
    resources[name] = made("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock=cidr)
    resources[f"{name}Table"] = made("EC2::RouteTable", VpcId=ref("Vpc"))
    resources[f"{name}Association"] = made(
        "EC2::SubnetRouteTableAssociation", SubnetId=ref(name), RouteTableId=ref(f"{name}Table")
    )
    if route:
        resources[f"{name}Default"] = made(
            "EC2::Route",
            RouteTableId=ref(f"{name}Table"),
            DestinationCidrBlock="0.0.0.0/0",
            **route,
        )


def statement(
    *actions: str, resource: Any = "*", effect: str = "Allow", **more: Any
) -> dict[str, Any]:
    """One statement of a policy."""
    return {"Effect": effect, "Action": list(actions), "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def region(name: str) -> Resources:
    """The resources of one region; a test changes them before they become a world."""
    base, found = RANGES[name], Resources()
    found["Vpc"] = made(
        "EC2::VPC", CidrBlock=f"{base}.0.0/16", EnableDnsHostnames=True, EnableDnsSupport=True
    )
    found["Internet"] = made("EC2::InternetGateway")
    found["Attachment"] = made(
        "EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Internet")
    )
    subnet(found, "Public", f"{base}.0.0/24", GatewayId=ref("Internet"))
    found["Nat"] = made("EC2::NatGateway", SubnetId=ref("Public"))
    subnet(found, "Private1", f"{base}.16.0/20", NatGatewayId=ref("Nat"))
    subnet(found, "Private2", f"{base}.32.0/20", NatGatewayId=ref("Nat"))
    subnet(found, "Store", f"{base}.64.0/22")
    for group in ("Clients", "StoreGroup"):
        out = EVERYTHING_OUT if group == "Clients" else NOTHING_OUT
        found[group] = made(
            "EC2::SecurityGroup", VpcId=ref("Vpc"), SecurityGroupEgress=copy.deepcopy(out)
        )
    found["FromClients"] = made(
        "EC2::SecurityGroupIngress",
        GroupId=arn_of("StoreGroup", "GroupId"),
        SourceSecurityGroupId=arn_of("Clients", "GroupId"),
        IpProtocol="tcp",
        FromPort=5432,
        ToPort=5432,
    )
    found["StoreSubnets"] = made("RDS::DBSubnetGroup", SubnetIds=[ref("Store")])
    found["Database"] = made(
        "RDS::DBCluster",
        DBClusterIdentifier=f"database-{CODES[name]}",
        DBSubnetGroupName=ref("StoreSubnets"),
        VpcSecurityGroupIds=[arn_of("StoreGroup", "GroupId")],
        GlobalClusterIdentifier="global",
        Port=5432,
    )
    if name == HOME:
        found["World"] = made("RDS::GlobalCluster", GlobalClusterIdentifier="global")
    found["Key"] = made(
        "KMS::Key",
        KeyPolicy=document(
            statement("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        ),
    )
    found["Page"] = made("SNS::Topic", TopicName="page", KmsMasterKeyId=arn_of("Key"))
    found |= _keeper(name)
    return found


def _keeper(name: str) -> Resources:
    page = f"arn:aws:sns:{name}:{ACCOUNT}:page"
    peer = STANDBY if name == HOME else HOME
    table = f"arn:aws:dynamodb:{{}}:{ACCOUNT}:table/{{}}"
    state = [table.format(one, "region-state") for one in (name, peer)]
    user = [f"arn:aws:rds-db:{name}:{ACCOUNT}:dbuser:", arn_of("Database", "DBClusterResourceId")]
    lease = table.format(WITNESS, "lease")
    return {
        "KeeperRole": made("IAM::Role", RoleName=KEEPER_ROLE[name]),
        "KeeperPolicy": made(
            "IAM::ManagedPolicy",
            Roles=[ref("KeeperRole")],
            PolicyDocument=document(
                statement(
                    "dynamodb:GetItem",
                    "dynamodb:UpdateItem",
                    "dynamodb:PutItem",
                    resource=[*state, lease],
                ),
                statement("rds-db:connect", resource={"Fn::Join": ["", [*user, "/lifeline"]]}),
                statement("sns:Publish", resource=page),
                statement("kms:GenerateDataKey", "kms:Decrypt", resource=arn_of("Key")),
                statement(
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    resource=f"arn:aws:logs:{name}:{ACCOUNT}:log-group:/aws/lambda/keeper:log-stream:*",
                ),
                statement(
                    "ec2:CreateNetworkInterface",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSubnets",
                ),
            ),
        ),
        "Keeper": made(
            "Lambda::Function",
            FunctionName="keeper",
            Handler="lifeline.lambdas.keeper.handler.handler",
            Role=arn_of("KeeperRole"),
            VpcConfig={
                "SubnetIds": [ref("Private1"), ref("Private2")],
                "SecurityGroupIds": [arn_of("Clients", "GroupId")],
            },
            Environment={
                "Variables": {
                    "PEER_REGION": peer,
                    "WITNESS_REGION": WITNESS,
                    "LEASE_TABLE": "lease",
                    "REGION_STATE_TABLE": "region-state",
                    "DATABASE_HOST": arn_of("Database", "Endpoint.Address"),
                    "DATABASE_USER": "lifeline",
                    "DATABASE_AUTH": "iam",
                    "PAGE_TOPIC_ARN": page,
                }
            },
        ),
    }


def endpoint(service: str, *statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An interface endpoint of a service in home, open to its group's rules."""
    return made(
        "EC2::VPCEndpoint",
        VpcId=ref("Vpc"),
        ServiceName=f"com.amazonaws.{HOME}.{service}",
        VpcEndpointType="Interface",
        PrivateDnsEnabled=True,
        SubnetIds=[ref("Private1")],
        SecurityGroupIds=[arn_of("EndpointGroup", "GroupId")],
        **({"PolicyDocument": document(*statements)} if statements else {}),
        **more,
    )


def endpoint_group(*rules: dict[str, Any]) -> dict[str, Any]:
    """The group of the endpoints, with these ingress rules."""
    return made("EC2::SecurityGroup", VpcId=ref("Vpc"), SecurityGroupIngress=list(rules))


FROM_THE_NETWORK = {"CidrIp": "10.20.0.0/16", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}


def world(home: Resources | None = None, standby: Resources | None = None) -> World:
    """Both regions, as a test changed them."""
    return World(
        [
            Template("Home", HOME, {"Resources": region(HOME) if home is None else home}),
            Template(
                "Standby", STANDBY, {"Resources": region(STANDBY) if standby is None else standby}
            ),
        ]
    )


WHY = "of the test"


def ledger(found: World, allowed: tuple[Spared, ...]) -> Ledger:
    """The ledger by the real evaluator."""
    return ledger_of(found, evaluate, allowed)
