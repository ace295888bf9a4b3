"""Every AWS call of every Lambda against the role that the templates give it, both ways.

A call without a grant fails in a disaster; a grant without a call is a permission that nobody needs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Assembly
from tests.contract.aws_calls import Call, calls_in, calls_of, modules_of

pytestmark = pytest.mark.synth
LAMBDAS = Path(__file__).resolve().parents[2] / "lambdas"
ENTRY = ".handler.handler"
PROFILES = ("dev", "prod")
EVERYWHERE = ""

_LOGS = "Lambda's runtime writes the log, not the code."
_NETWORK = "Lambda attaches the function's network interfaces with the function's role."
_KEYS = "A service encrypts or decrypts with the function's role: no call of the code shows it."
_MAPPING = "The event source mapping polls the stream with the function's role."
_KAFKA = "Checked by the brokers when the Kafka client signs in; it is not an AWS API call."

WITHOUT_A_CALL: dict[str, dict[str, str]] = {
    EVERYWHERE: {
        "logs:CreateLogStream": _LOGS,
        "logs:PutLogEvents": _LOGS,
        "ec2:CreateNetworkInterface": _NETWORK,
        "ec2:DescribeNetworkInterfaces": _NETWORK,
        "ec2:DescribeSubnets": _NETWORK,
        "ec2:DeleteNetworkInterface": _NETWORK,
        "ec2:AssignPrivateIpAddresses": _NETWORK,
        "ec2:UnassignPrivateIpAddresses": _NETWORK,
        "kms:Decrypt": _KEYS,
        "kms:GenerateDataKey": _KEYS,
    },
    "stream_bridge": {
        "kinesis:DescribeStream": _MAPPING,
        "kinesis:ListShards": _MAPPING,
        "kafka-cluster:AlterGroup": _KAFKA,
        "kafka-cluster:Connect": _KAFKA,
        "kafka-cluster:DescribeCluster": _KAFKA,
        "kafka-cluster:DescribeGroup": _KAFKA,
        "kafka-cluster:DescribeTopic": _KAFKA,
        "kafka-cluster:ReadData": _KAFKA,
        "kafka-cluster:WriteData": _KAFKA,
        "kafka-cluster:WriteDataIdempotently": _KAFKA,
    },
    "bucket_replication": {
        "iam:PassRole": "PutBucketReplication hands the replication's role to S3.",
    },
    "file_replication": {
        "iam:CreateServiceLinkedRole": "EFS makes its replication's role on the first call.",
    },
    "lag_meter": {
        "elasticache:Connect": "Checked by the cache when the meter signs in with IAM.",
    },
    "kafka_links": {
        "ec2:DescribeRouteTables": "UpdateConnectivity looks at the network with the caller's role.",
    },
    "empty_vault": {
        "iam:CreateServiceLinkedRole": "DeleteRecoveryPoint asks for it where a point is EXPIRED.",
        "rds:DeleteDBClusterSnapshot": "DeleteRecoveryPoint deletes an Aurora copy as the caller.",
    },
    "empty_bucket": {
        "s3:DeleteObjectVersion": "DeleteObjects needs it for the keys that name a version.",
    },
}
"""Grants that no boto3 call shows, by package, each with its reason."""


WITH_MSK_REPLICATOR = {"kafka_links"}
"""Deployed where both regions have MSK Replicator: tests/unit/stacks/test_another_country.py compares it."""

BY_QUESTION = {
    "peer_lookup": "A region's role may look up only the facts that its own stack asks for.",
}
"""Packages whose grants differ between stacks: all their stacks together must cover the calls."""


ON_DEMAND = {
    "failover_step": {
        "lambda:InvokeFunction": "FailoverPlan grants it for the functions of further steps, if any.",
    },
}
"""Calls that our own app never makes, by package, each with the reason why its role may lack the grant."""


@dataclass(frozen=True)
class Deployed:
    """One function as one stack deploys it."""

    package: str
    stack: str
    grants: frozenset[str]


def deployed_in(template: Mapping[str, Any], stack: str) -> Iterator[Deployed]:
    """Every function of ours in a template, with what its role allows."""
    resources = template["Resources"]
    for name, one in resources.items():
        if one["Type"] != "AWS::Lambda::Function":
            continue
        handler = str(one["Properties"].get("Handler", ""))
        assert handler.endswith(ENTRY), f"{stack}/{name} runs {handler}, none of our packages"
        role = one["Properties"]["Role"]["Fn::GetAtt"][0]
        yield Deployed(
            handler.removeprefix("lifeline.lambdas.").removesuffix(ENTRY),
            stack,
            frozenset(granted(resources, role)),
        )


def granted(resources: Mapping[str, Any], role: str) -> set[str]:
    """Every action that the policies attached to `role` allow. Our roles carry their policies here."""
    documents = [one["PolicyDocument"] for one in resources[role]["Properties"].get("Policies", [])]
    for one in resources.values():
        if one["Type"] in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy") and (
            {"Ref": role} in one["Properties"].get("Roles", [])
        ):
            documents.append(one["Properties"]["PolicyDocument"])
    statements = [each for document in documents for each in document["Statement"]]
    return {
        action
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in _listed(statement["Action"])
    }


def refused_calls(calls: Iterable[Call], grants: Iterable[str]) -> list[str]:
    """The calls that the grants do not cover, with what they would need."""
    patterns = list(grants)
    found = []
    for call in calls:
        if not any(
            all(any(fnmatchcase(action, one) for one in patterns) for action in actions)
            for actions in call.action_sets
        ):
            needed = " or ".join("+".join(sorted(one)) for one in call.action_sets)
            found.append(f"{call.where} needs {needed}")
    return found


def unused_grants(package: str, calls: Iterable[Call], grants: Iterable[str]) -> list[str]:
    """The grants that no call uses and no reason explains."""
    used = {action for call in calls for actions in call.action_sets for action in actions}
    explained = {**WITHOUT_A_CALL[EVERYWHERE], **WITHOUT_A_CALL.get(package, {})}
    return sorted(
        grant
        for grant in grants
        if grant not in explained and not any(fnmatchcase(one, grant) for one in used)
    )


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


AssemblyOf = Callable[..., Assembly]


def deployed(assembly: Assembly) -> list[Deployed]:
    return [
        one for stack in assembly.stacks() for one in deployed_in(assembly.template(stack), stack)
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_call_is_granted(assembly_of: AssemblyOf, profile: str) -> None:
    every = deployed(assembly_of(profile))
    together = {
        package: {g for one in every if one.package == package for g in one.grants}
        for package in BY_QUESTION
    }
    refused = [
        f"{one.stack} {one.package}: {said}"
        for one in every
        for said in refused_calls(
            calls_of(LAMBDAS, one.package),
            {*together.get(one.package, one.grants), *ON_DEMAND.get(one.package, {})},
        )
    ]
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_grant_is_used(assembly_of: AssemblyOf, profile: str) -> None:
    unused = [
        f"{one.stack} {one.package}: {grant}"
        for one in deployed(assembly_of(profile))
        for grant in unused_grants(one.package, calls_of(LAMBDAS, one.package), one.grants)
    ]
    assert not unused, "\n".join(unused)


def test_every_package_isdeployed(assembly_of: AssemblyOf) -> None:
    """What no stack deploys has no role to compare with."""
    written = {path.parent.name for path in LAMBDAS.glob("*/handler.py")}
    assert written - WITH_MSK_REPLICATOR == {
        one.package for profile in PROFILES for one in deployed(assembly_of(profile))
    }


def test_every_explained_grant_is_given(assembly_of: AssemblyOf) -> None:
    every = [one for profile in PROFILES for one in deployed(assembly_of(profile))]
    for package, actions in WITHOUT_A_CALL.items():
        given = {g for one in every if package in (EVERYWHERE, one.package) for g in one.grants}
        assert package in WITH_MSK_REPLICATOR or set(actions) - given == set(), package


def test_what_is_granted_on_demand_is_not_granted_always(assembly_of: AssemblyOf) -> None:
    every = [one for profile in PROFILES for one in deployed(assembly_of(profile))]
    for package, actions in ON_DEMAND.items():
        given = {g for one in every if one.package == package for g in one.grants}
        assert not set(actions) & given, package


def test_a_missing_grant_is_noticed(dev: Assembly) -> None:
    template = copy.deepcopy(dev.template("Failover-cac1"))
    (before,) = [one for one in deployed_in(template, "") if one.package == "failover_step"]
    for one in template["Resources"].values():
        for statement in one.get("Properties", {}).get("PolicyDocument", {}).get("Statement", []):
            if "rds:FailoverGlobalCluster" in _listed(statement.get("Action", [])):
                statement["Action"].remove("rds:FailoverGlobalCluster")
    (after,) = [one for one in deployed_in(template, "") if one.package == "failover_step"]
    calls = calls_of(LAMBDAS, "failover_step")
    assert "rds:FailoverGlobalCluster" in before.grants - after.grants
    granted = after.grants | set(ON_DEMAND["failover_step"])
    assert [one.split(" needs ")[1] for one in refused_calls(calls, granted)] == [
        "rds:FailoverGlobalCluster"
    ]
    assert unused_grants("failover_step", calls, {"rds:DeleteDBCluster"}) == ["rds:DeleteDBCluster"]


@pytest.mark.parametrize(
    ("source", "actions"),
    [
        ('boto3.client("s3").put_object(Key="a")', {"s3:PutObject"}),
        ('session.client("sns", config=C).publish(Message="a")', {"sns:Publish"}),
        ('boto3.resource("dynamodb").batch_get_item()', {"dynamodb:BatchGetItem"}),
        ('client("rds", region).failover_global_cluster()', {"rds:FailoverGlobalCluster"}),
        (
            '_client("efs", region, C).describe_file_systems()',
            {"elasticfilesystem:DescribeFileSystems"},
        ),
        ('ecs = client("ecs", region)\necs.update_service()', {"ecs:UpdateService"}),
        (
            'class A:\n    @property\n    def rds(self):\n        return client("rds", "r")\n'
            "    def go(self):\n        self.rds.switchover_global_cluster()",
            {"rds:SwitchoverGlobalCluster"},
        ),
        (
            'def handler(table):\n    table.adapter.get_item()\nclient("dynamodb", "r")',
            {"dynamodb:GetItem"},
        ),
        ('s3 = client("s3")\ns3.get_paginator("list_object_versions")', {"s3:ListBucketVersions"}),
        ('rds = client("rds")\nrds.get_waiter("db_cluster_available")', {"rds:DescribeDBClusters"}),
        ('make = boto3.client\nmake("stepfunctions").start_execution()', {"states:StartExecution"}),
        ('client("rds").generate_db_auth_token()', {"rds-db:connect"}),
        ('client("s3").copy_object()', {"s3:GetObject", "s3:PutObject"}),
        ('client("kinesis")\nstore.get_item()', set()),
    ],
)
def test_the_scan_sees_each_way_of_calling(source: str, actions: set[str], tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(source)
    calls = calls_in([tmp_path / "one.py"])
    assert {action for call in calls for one in call.action_sets for action in one} == actions


def test_the_scan_says_so_when_a_name_is_shared(tmp_path: Path) -> None:
    """Two services of one package with the same method: either action will do, neither is unused."""
    (tmp_path / "one.py").write_text('client("efs")\nclient("secretsmanager")\nit.tag_resource()')
    (call,) = calls_in([tmp_path / "one.py"])
    assert refused_calls([call], ["secretsmanager:TagResource"]) == []
    assert refused_calls([call], ["elasticfilesystem:TagResource"]) == []
    assert len(refused_calls([call], ["ecs:TagResource"])) == 1


def test_a_paginator_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('client("s3").get_paginator(name)')
    with pytest.raises(ValueError, match="does not say"):
        calls_in([tmp_path / "one.py"])


def test_the_scan_follows_imports(tmp_path: Path) -> None:
    for name, source in {
        "own/handler.py": "from shared_io.table import Table\nfrom . import logic\n",
        "own/logic.py": "import other.thing\n",
        "other/thing.py": "",
        "shared_io/table.py": "",
        "shared_io/unused.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    found = {str(one.relative_to(tmp_path)) for one in modules_of(tmp_path, "own")}
    assert found == {"own/handler.py", "own/logic.py", "other/thing.py", "shared_io/table.py"}


def test_a_method_that_nobody_names_is_not_reached(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(
        "class Table:\n    def read(self):\n        return self._get()\n"
        '    def _get(self):\n        client("dynamodb").get_item()\n'
        '    def write(self):\n        client("dynamodb").put_item()\n'
        "STEPS = {'delete': lambda t: delete(t)}\n"
        'def delete(table):\n    client("dynamodb").delete_item()\n'
        "def handler(event):\n    Table().read()\n"
    )
    reached = calls_in([tmp_path / "one.py"], entry="handler")
    operations = {operation for call in reached for _, operation in call.candidates}
    assert operations == {"GetItem", "DeleteItem"}


def test_the_real_packages_make_the_calls_they_are_known_for() -> None:
    seen = {
        package: {a for call in calls_of(LAMBDAS, package) for one in call.action_sets for a in one}
        for package in ("keeper", "failover_step", "empty_bucket", "peer_lookup")
    }
    assert {"states:StartExecution", "sns:Publish", "rds-db:connect"} <= seen["keeper"]
    assert {"rds:FailoverGlobalCluster", "ecs:UpdateService", "s3:PutObject"} <= seen[
        "failover_step"
    ]
    assert {"s3:ListBucketVersions", "s3:DeleteObject"} <= seen["empty_bucket"]
    assert {"kafka:ListClustersV2", "ec2:DescribeVpcs"} <= seen["peer_lookup"]
