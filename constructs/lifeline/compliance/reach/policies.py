"""Which policies judge a call: the role's own, the resource's, the key's and the endpoint's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lifeline.compliance.reach.world import ACCOUNT, ARN, Found, World

RESOURCE_POLICIES: dict[str, tuple[str, str]] = {
    "AWS::MSK::ClusterPolicy": ("ClusterArn", "Policy"),
    "AWS::S3::BucketPolicy": ("Bucket", "PolicyDocument"),
    "AWS::SNS::TopicPolicy": ("Topics", "PolicyDocument"),
    "AWS::SQS::QueuePolicy": ("Queues", "PolicyDocument"),
    "AWS::SecretsManager::ResourcePolicy": ("SecretId", "ResourcePolicy"),
}
"""By type: the property that names the resource or resources, and the one with the document."""
OWN_POLICIES: dict[str, str] = {
    "AWS::Backup::BackupVault": "AccessPolicy",
    "AWS::DynamoDB::Table": "ResourcePolicy/PolicyDocument",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::EFS::FileSystem": "FileSystemPolicy",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::Kinesis::Stream": "ResourcePolicy",
}
"""By type: the property of the resource itself that holds its policy."""
IDENTITY = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy")
PERMISSION = "AWS::Lambda::Permission"
VERSION = "2012-10-17"


class Policies:
    """All policies of a world. A document's key is where it stands: `Stack.LogicalId/Property`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.documents: dict[str, dict[str, Any]] = {}
        self._of_role: dict[str, list[str]] = {}
        self._of_resource: dict[str, str] = {}
        for one in world.of_type(*IDENTITY):
            key = self._kept(f"{one.token}/PolicyDocument", one.properties["PolicyDocument"])
            for role in one.properties.get("Roles", [one.properties.get("RoleName")]):
                self._of_role.setdefault(str(role), []).append(key)
        for one in world.of_type("AWS::IAM::Role"):
            name = world.arn(one.place).rpartition("/")[2]
            for number, policy in enumerate(one.properties.get("Policies", [])):
                place = f"{one.token}/Policies/{number}/PolicyDocument"
                self._of_role.setdefault(name, []).append(
                    self._kept(place, policy["PolicyDocument"])
                )
        self._keep_resource_policies()
        self._keep_permissions()

    def of_role(self, arn: str) -> tuple[str, ...]:
        """The documents of a role; nothing for a service's principal."""
        return tuple(self._of_role.get(arn.rpartition("/")[2], []))

    def of_resource(self, arn: str) -> str:
        """The document of a resource; empty for none."""
        bucket = arn.partition("/")[0] if arn.startswith(f"{ARN}s3:::") else arn
        if bucket in self._of_resource:
            return self._of_resource[bucket]
        found = self._world.by_arn(bucket)
        name = OWN_POLICIES.get(found.type, "") if found else ""
        document: Any = found.properties if found else {}
        for part in name.split("/"):
            document = document.get(part, {}) if isinstance(document, Mapping) else {}
        if not found or not document:
            return ""
        # A key, a vault or a table names itself by a star; the file system's policy names nothing.
        return self._kept(f"{found.token}/{name}", document)

    def of_endpoint(self, token: str) -> tuple[str, ...]:
        """The documents of a VPC endpoint; nothing where it has none, as then everything may pass."""
        found = self._world.by_token(token) if token else None
        document = found.properties.get("PolicyDocument") if found else None
        if found is None or not document:
            return ()
        return (self._kept(f"{found.token}/PolicyDocument", _with_plain_stars(document)),)

    def _kept(self, key: str, document: Mapping[str, Any]) -> str:
        statements = document.get("Statement", [])
        listed = statements if isinstance(statements, list) else [statements]
        self.documents[key] = {"Version": document.get("Version", VERSION), "Statement": listed}
        return key

    def _keep_resource_policies(self) -> None:
        for one in self._world.of_type(*RESOURCE_POLICIES):
            name, document = RESOURCE_POLICIES[one.type]
            key = self._kept(f"{one.token}/{document}", one.properties[document])
            named = one.properties[name]
            for resource in named if isinstance(named, list) else [named]:
                bucket = one.type == "AWS::S3::BucketPolicy"
                self._of_resource[f"{ARN}s3:::{resource}" if bucket else str(resource)] = key

    def _keep_permissions(self) -> None:
        """A function's permissions are the statements of its resource policy."""
        by_function: dict[str, list[tuple[Found, dict[str, Any]]]] = {}
        for one in self._world.of_type(PERMISSION):
            arn = _function(self._world, one)
            by_function.setdefault(arn, []).append((one, dict(_statement(one, arn))))
        for arn, found in by_function.items():
            key = f"{found[0][0].token}/permissions"
            self.documents[key] = {"Version": VERSION, "Statement": [made for _, made in found]}
            self._of_resource[arn] = key

    def cite(self, key: str, number: int) -> str:
        """Where a statement stands: `Stack.LogicalId/Property/Statement/number`."""
        if key.endswith("/permissions"):
            sid = str(self.documents[key]["Statement"][number]["Sid"])
            return key.partition(".")[0] + "." + sid
        return f"{key}/Statement/{number}"


def _function(world: World, permission: Found) -> str:
    named = str(permission.properties["FunctionName"])
    for one in world.of_type("AWS::Lambda::Function", region=permission.region):
        arn = world.arn(one.place)
        if named in (arn, arn.rpartition(":")[2]):
            return arn
    return named


def _statement(permission: Found, function: str) -> Iterator[tuple[str, Any]]:
    given = permission.properties
    principal = str(given["Principal"])
    yield "Sid", permission.place.logical_id
    yield "Effect", "Allow"
    yield "Action", given["Action"]
    yield "Resource", function
    service = "." in principal and not principal.startswith("arn:")
    yield "Principal", {"Service": principal} if service else {"AWS": principal}
    conditions: dict[str, Any] = {}
    if "SourceArn" in given:
        conditions["ArnLike"] = {"aws:SourceArn": given["SourceArn"]}
    if "SourceAccount" in given:
        conditions["StringEquals"] = {"aws:SourceAccount": given["SourceAccount"]}
    if conditions:
        yield "Condition", conditions


def _with_plain_stars(document: Mapping[str, Any]) -> dict[str, Any]:
    """`{"AWS": "*"}` and `"*"` are the same principal (IAM's guide, "Principal"); the evaluator takes one."""
    return {
        **document,
        "Statement": [
            {**one, "Principal": "*"} if one.get("Principal") == {"AWS": "*"} else one
            for one in document["Statement"]
        ],
    }


def same_account(arn: str) -> str:
    """The account of what is called: its ARN's, or ours where the ARN names none."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 and parts[4] else ACCOUNT
