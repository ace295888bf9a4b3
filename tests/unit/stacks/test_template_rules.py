"""What every template must say, walked over all stacks: deletion, permissions, size, lint and names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lifeline.compliance.continuity_policy import ContinuityPolicy
from lifeline.compliance.keeping_rules import (
    IDENTITIES,
    STATEFUL,
    actions_of,
    identity_statements,
    physical_name,
    resources_of,
)
from lifeline.compliance.physical_names import NAME_PROPERTIES, carries
from lifeline.compliance.synthesized_environment import (
    Resource,
    SynthesizedEnvironment,
    intrinsics,
    read_environment,
    rendered,
)
from lifeline.regions import CATALOG
from lifeline.settings import Settings
from tests.conftest import Assembly

pytestmark = pytest.mark.synth
ROOT = Path(__file__).resolve().parents[3]
ANY_RESOURCE = ROOT / "docs" / "compliance" / "any-resource.md"
IAM_ACTIONS = ROOT / "node_modules" / "@cloud-copilot" / "iam-data" / "data" / "actions"
CFN_LINT = Path(sys.executable).with_name("cfn-lint")
PROFILES = ("dev", "prod")
SHORTEST, LONGEST = "ab", "abcdefghijkl"
MOST_RESOURCES = 450
MOST_BYTES = 900 * 1024
ACCOUNT_DIGITS = 12
ROW = re.compile(r"\| (?P<role>[^|]+?) \| (?P<actions>`[^|]+`) \| (?P<reason>[^|]{20,}?) \|")
IN_THE_NETWORK = "every function in the network"
JOINING = "JoinTheNetwork"
"""The one statement that many roles share; the table has one row for all of them."""
PREFIX_WILDCARDS: dict[str, str] = {
    "s3:GetObject*": "Bucket.grant_read of the CDK",
    "s3:GetBucket*": "Bucket.grant_read of the CDK",
    "s3:List*": "Bucket.grant_read of the CDK",
    "s3:DeleteObject*": "Bucket.grant_delete of the CDK",
    "s3:Abort*": "Bucket.grant_put of the CDK",
    "kms:ReEncrypt*": "Key.grant_encrypt of the CDK",
    "kms:GenerateDataKey*": "Key.grant_encrypt of the CDK",
}
"""Action prefixes that the CDK's own grants write; our own statements name each action."""

AssemblyOf = Callable[..., Assembly]


@pytest.fixture(scope="session", params=PROFILES)
def environment(request: pytest.FixtureRequest, assembly_of: AssemblyOf) -> SynthesizedEnvironment:
    """Every template of a profile."""
    return _environment(assembly_of, request.param)


def _environment(
    assembly_of: AssemblyOf, profile: str, suffix: str = "test"
) -> SynthesizedEnvironment:
    settings = Settings(environment_suffix=suffix, profile_name=profile)
    return read_environment(assembly_of(profile, suffix).folder, ContinuityPolicy.of(settings))


def test_what_holds_state_says_delete(environment: SynthesizedEnvironment) -> None:
    held = [one for one in environment.resources() if one.type in STATEFUL]
    assert len(held) > 50
    for one in held:
        said = {one.body.get("DeletionPolicy"), one.body.get("UpdateReplacePolicy")}
        assert said == {"Delete"}, (one.stack.name, one.logical_id)


def test_nothing_is_kept(environment: SynthesizedEnvironment) -> None:
    for one in environment.resources():
        said = {one.body.get("DeletionPolicy"), one.body.get("UpdateReplacePolicy")}
        assert said <= {"Delete", None}, (one.stack.name, one.logical_id)


def test_every_bucket_vault_and_repository_is_emptied(environment: SynthesizedEnvironment) -> None:
    """CloudFormation deletes none of them while something is in it."""
    emptied: dict[str, str] = {
        "AWS::S3::Bucket": "Custom::EmptyBucket",
        "AWS::Backup::BackupVault": "Custom::EmptyVault",
    }
    for stack in environment.stacks:
        for kind, provider in emptied.items():
            kept = [one for one in stack.resources.values() if one.type == kind]
            emptying = [one for one in stack.resources.values() if one.type.startswith(provider)]
            assert len(emptying) >= len(kept), (stack.name, kind)
    for one in environment.of_type("AWS::ECR::Repository"):
        assert one.properties.get("EmptyOnDelete") is True, one.logical_id


def test_a_group_with_its_own_rules_of_egress_lets_nothing_else_out(
    environment: SynthesizedEnvironment,
) -> None:
    """Without a rule in the group itself, EC2 adds its own, which allows everything ("Security group rules",
    Amazon VPC User Guide)."""
    for rule in environment.of_type("AWS::EC2::SecurityGroupEgress"):
        (name,) = intrinsics({"GroupId": rule.properties["GroupId"]}, "Fn::GetAtt")
        group = rule.stack.resources[name[0]]
        inside = group.properties.get("SecurityGroupEgress", [])
        assert inside, (rule.stack.name, group.logical_id)
        assert all(one["IpProtocol"] != "-1" for one in inside), (rule.stack.name, group.logical_id)


def test_the_groups_that_services_make_themselves_are_made_by_us(
    environment: SynthesizedEnvironment,
) -> None:
    """Else they stand without our key, for ever, and outlive the environment. By the services' guides:
    "Container Insights" (Amazon ECS), "Set up CloudWatch logging" (API Gateway)."""
    made = {one.stack.name: set[str]() for one in environment.of_type("AWS::Logs::LogGroup")}
    for group in environment.of_type("AWS::Logs::LogGroup"):
        assert "KmsKeyId" in group.properties, group.logical_id
        made[group.stack.name].add(rendered(group.properties["LogGroupName"]))
    for cluster in environment.of_type("AWS::ECS::Cluster"):
        name = cluster.properties["ClusterName"]
        wanted = f"/aws/ecs/containerinsights/{name}/performance"
        assert wanted in made[cluster.stack.name]
    for stage in environment.of_type("AWS::ApiGateway::Stage"):
        api = rendered(stage.properties["RestApiId"])
        wanted = f"API-Gateway-Execution-Logs_{api}/{stage.properties['StageName']}"
        assert wanted in made[stage.stack.name]


def test_no_identity_has_a_wildcard_action_of_ours(environment: SynthesizedEnvironment) -> None:
    for one in environment.of_type(*IDENTITIES):
        for statement in identity_statements(one):
            for action in actions_of(statement):
                assert "*" not in action or action in PREFIX_WILDCARDS, (one.stack.name, action)


def test_the_wildcard_walk_sees_inline_and_managed_policies() -> None:
    statement = {"Effect": "Allow", "Action": ["s3:*"], "NotResource": "a"}
    document = {"PolicyDocument": {"Statement": [statement]}}
    for properties in (document, {"Policies": [document]}):
        body = {"Type": "AWS::IAM::Role", "Properties": properties}
        (found,) = identity_statements(Resource(None, "Role", body))  # type: ignore[arg-type]
        assert actions_of(found) == ["s3:*"]
        assert resources_of(found) == ["*"]


def test_any_resource_is_allowed_only_where_the_docs_say_why(assembly_of: AssemblyOf) -> None:
    """The table and the templates agree both ways, over the profiles together."""
    environments = [_environment(assembly_of, profile) for profile in PROFILES]
    given = {one for each in environments for one in _any_resource(each)}
    documented = {(role, action) for role, action, _reason in _documented()}
    assert sorted(given - documented) == []
    assert sorted(documented - given) == []


def _documented() -> Iterator[tuple[str, str, str]]:
    """Role, action and reason of the table."""
    for row in ROW.finditer(ANY_RESOURCE.read_text()):
        for role in row["role"].split(","):
            for action in row["actions"].split(","):
                yield role.strip("` "), action.strip("` "), row["reason"]


def test_an_action_on_any_resource_names_none_in_iams_reference() -> None:
    """Or no id is known yet, or a condition limits it: then the row says so."""
    named = set()
    for role, action, reason in _documented():
        service, name = action.lower().split(":")
        known = json.loads((IAM_ACTIONS / f"{service}.json").read_text())[name]["resourceTypes"]
        if known and role == IN_THE_NETWORK:
            assert "before they have an id" in reason
        elif known:
            named.add((role, action))
            assert "a condition allows" in reason
    assert named == {
        ("drill-destroy", "cloudformation:DescribeStacks"),
        ("drill-exercise", "ecs:ListTasks"),
        ("drill-validate", "cloudwatch:PutMetricData"),
    }


def test_what_the_reasons_for_any_resource_say_is_so(assembly_of: AssemblyOf) -> None:
    """The condition, the own group, the one repository."""
    seen: Counter[str] = Counter()
    for profile in PROFILES:
        environment = _environment(assembly_of, profile)
        for policy in environment.of_type(*IDENTITIES):
            statements = list(identity_statements(policy))
            if not any("*" in resources_of(one) for one in statements):
                continue
            for role in _roles_of(policy):
                for statement in statements:
                    actions, resources = actions_of(statement), resources_of(statement)
                    if role == "drill-validate" and "cloudwatch:PutMetricData" in actions:
                        namespace = {"cloudwatch:namespace": "Lifeline"}
                        assert statement["Condition"] == {"StringEquals": namespace}
                        seen["condition"] += 1
                    if role == "drill-exercise" and "ecs:ListTasks" in actions:
                        clusters = statement["Condition"]["ArnLike"]["ecs:cluster"]
                        named = [rendered(one) for one in clusters]
                        assert all(one.endswith("cluster/services-dr????????") for one in named)
                        seen["clusters"] += 1
                    if role == "drill-destroy" and "cloudformation:ListStacks" in actions:
                        (regions,) = statement["Condition"]["StringEquals"].values()
                        assert regions == ["ca-central-1", "ca-west-1", "us-east-2"]
                        seen["regions"] += 1
                    if role == "close-default-group" and "*" not in resources:
                        changed = [one for one in actions if one.startswith("ec2:")]
                        assert not changed or "DefaultSecurityGroup" in json.dumps(resources)
                        seen["own group"] += bool(changed)
                    if role in ("mirrormaker-start", "services-start") and "*" not in resources:
                        pulled = [one for one in actions if one.startswith("ecr:")]
                        assert not pulled or len(resources) == 1
                        seen["repository"] += bool(pulled)
    assert {"condition", "clusters", "regions", "own group", "repository"} <= set(seen)


def _any_resource(environment: SynthesizedEnvironment) -> Iterator[tuple[str, str]]:
    """Role (without region code and suffix) and action of every statement on `*`."""
    for one in environment.of_type(*IDENTITIES):
        for statement in identity_statements(one):
            if statement.get("Effect") != "Allow" or "*" not in resources_of(statement):
                continue
            joining = statement.get("Sid") == JOINING
            for role in [IN_THE_NETWORK] if joining else _roles_of(one):
                yield from ((role, action) for action in actions_of(statement))


def _roles_of(policy: Resource) -> list[str]:
    """The role's name, as `{type}-{code}-{suffix}` says its type."""
    resources = policy.stack.resources
    attached = [one["Ref"] for one in policy.properties.get("Roles", [])] or [policy.logical_id]
    names = [physical_name(resources[one]) or one for one in attached]
    codes = "|".join(one.code for one in CATALOG.values())
    return [re.sub(rf"-({codes})-test$", "", name) for name in names]


def test_stacks_stay_below_cloudformations_limits(environment: SynthesizedEnvironment) -> None:
    """500 resources and 1 MB are the service's; a tenth is kept for an emergency."""
    for stack in environment.stacks:
        assert len(stack.resources) < MOST_RESOURCES, stack.name
        assert Path(stack.path).stat().st_size < MOST_BYTES, stack.name


@pytest.mark.slow
def test_cfn_lint_has_nothing_to_say(assembly_of: AssemblyOf) -> None:
    """Each stack with its own region; W3005 and W3045 are the CDK's (`.cfnlintrc` says why)."""
    by_region: dict[str, list[str]] = {}
    for profile in PROFILES:
        for stack in _environment(assembly_of, profile).stacks:
            by_region.setdefault(stack.region, []).append(stack.path)
    with ThreadPoolExecutor(max_workers=2) as runs:
        said = list(runs.map(lambda one: _lint(*one), sorted(by_region.items())))
    assert "".join(said) == ""


def test_cfn_lint_runs_at_all(tmp_path: Path) -> None:
    template = tmp_path / "one.template.json"
    template.write_text('{"Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": {"X": 1}}}}')
    assert "E3002" in _lint("ca-west-1", [str(template)])


def _lint(region: str, templates: list[str]) -> str:
    command = [str(CFN_LINT), "--config-file", str(ROOT / ".cfnlintrc"), "--regions", region]
    command += ["--format", "parseable", "--", *templates]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout + done.stderr


def _of_an_api(one: Resource) -> bool:
    """A group that API Gateway names itself, by the API's generated id: no other environment has that."""
    return physical_name(one).startswith("API-Gateway-Execution-Logs_${")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [SHORTEST, LONGEST])
def test_every_suffix_respects_every_name_limit(assembly_of: AssemblyOf, suffix: str) -> None:
    checked = _environment(assembly_of, "prod", suffix)
    named = [one for one in checked.resources() if physical_name(one) and not _of_an_api(one)]
    assert len(named) > 100
    for one in named:
        name = physical_name(one).replace("${AWS::AccountId}", "0" * ACCOUNT_DIGITS)
        longest = NAME_PROPERTIES[one.type].longest
        assert "${" not in name, (one.stack.name, one.logical_id, name)
        assert len(name) <= longest, (one.stack.name, one.logical_id, name)
        assert carries(physical_name(one), suffix), (one.stack.name, one.logical_id, name)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [SHORTEST, LONGEST])
def test_no_two_resources_of_a_region_share_a_name(assembly_of: AssemblyOf, suffix: str) -> None:
    named = [
        (one.region, one.type, physical_name(one))
        for one in _environment(assembly_of, "prod", suffix).resources()
        if physical_name(one)
    ]
    assert len(set(named)) == len(named)


@pytest.mark.slow
def test_two_suffixes_share_no_name(assembly_of: AssemblyOf) -> None:
    """In one account, side by side; names in the account's worldwide spaces included."""
    first, second = (
        {
            (one.type, physical_name(one))
            for one in _environment(assembly_of, "prod", s).resources()
            if not _of_an_api(one)
        }
        for s in (SHORTEST, LONGEST)
    )
    assert {name for _, name in first & second} <= {""}


def test_names_of_worldwide_spaces_differ_between_regions(
    environment: SynthesizedEnvironment,
) -> None:
    """IAM and S3 names are the account's or the world's: two regions must not ask for the same one."""
    worldwide = environment.of_type("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::S3::Bucket")
    names = [(one.type, physical_name(one)) for one in worldwide if physical_name(one)]
    assert len(set(names)) == len(names)
