"""Every template of an environment as one set of resources whose references are followed.

A reference to a resource becomes its physical name, its ARN, or, where only AWS will know it, the token
`Stack.LogicalId` (or `Stack.LogicalId.Attribute`); so two references to one thing are the same text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ACCOUNT = "111122223333"
PARTITION = "aws"
ARN = f"arn:{PARTITION}:"
"""How every name of the proof begins: a proof is of one partition, the commercial one."""
"""Stands for the account, which templates do not name (AWS's own example)."""
PARTITION = "aws"
STACK_UUID = "11111111-2222-3333-4444-555555555555"
ARNS: dict[str, tuple[str, str]] = {
    "AWS::Cognito::UserPool": ("cognito-idp:{region}:{account}:userpool/{token}", ""),
    "AWS::DynamoDB::Table": ("dynamodb:{region}:{account}:table/{name}", "TableName"),
    "AWS::ECR::Repository": ("ecr:{region}:{account}:repository/{name}", "RepositoryName"),
    "AWS::ECS::Cluster": ("ecs:{region}:{account}:cluster/{name}", "ClusterName"),
    "AWS::EFS::AccessPoint": (
        "elasticfilesystem:{region}:{account}:access-point/{token}",
        "",
    ),
    "AWS::EFS::FileSystem": ("elasticfilesystem:{region}:{account}:file-system/{token}", ""),
    "AWS::Events::Rule": ("events:{region}:{account}:rule/{name}", "Name"),
    "AWS::IAM::Role": ("iam::{account}:role/{name}", "RoleName"),
    "AWS::KMS::Key": ("kms:{region}:{account}:key/{token}", ""),
    "AWS::Kinesis::Stream": ("kinesis:{region}:{account}:stream/{name}", "Name"),
    "AWS::Lambda::Function": ("lambda:{region}:{account}:function:{name}", "FunctionName"),
    "AWS::Logs::LogGroup": ("logs:{region}:{account}:log-group:{name}:*", "LogGroupName"),
    "AWS::MSK::Cluster": ("kafka:{region}:{account}:cluster/{name}/{token}-1", "ClusterName"),
    "AWS::RDS::DBCluster": ("rds:{region}:{account}:cluster:{name}", "DBClusterIdentifier"),
    "AWS::S3::Bucket": ("s3:::{name}", "BucketName"),
    "AWS::SNS::Topic": ("sns:{region}:{account}:{name}", "TopicName"),
    "AWS::SQS::Queue": ("sqs:{region}:{account}:{name}", "QueueName"),
    "AWS::SecretsManager::Secret": (
        "secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
        "Name",
    ),
    "AWS::StepFunctions::StateMachine": (
        "states:{region}:{account}:stateMachine:{name}",
        "StateMachineName",
    ),
}
"""By type the ARN behind `ARN`, and the property with the physical name."""
REF_IS_ARN = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::MSK::Cluster",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
}
PEER_ATTRIBUTE = "Custom::PeerAttribute"
PEER_ATTRIBUTES = {
    "database-resource-id": ("AWS::RDS::DBCluster", True, "DBClusterResourceId"),
    "file-system-id": ("AWS::EFS::FileSystem", False, ""),
    "log-bootstrap": ("AWS::MSK::Cluster", True, ""),
    "log-cluster-arn": ("AWS::MSK::Cluster", True, ""),
    "network-id": ("AWS::EC2::VPC", False, ""),
    "peering-id": ("AWS::EC2::VPCPeeringConnection", False, ""),
}
"""What a look-up in the other region finds: its type, whether the look-up names it, and which attribute
it answers with; empty: the ARN of what is named, else the id."""

NAMED_ELSEWHERE = {*ARNS, *(kind for kind, _, _ in PEER_ATTRIBUTES.values())}
"""Types whose absence changes what others say: their names and ARNs stand in other properties."""


@dataclass(frozen=True)
class Place:
    """One resource of one stack: `Stack.LogicalId`."""

    stack: str
    logical_id: str

    def __str__(self) -> str:
        return f"{self.stack}.{self.logical_id}"


@dataclass(frozen=True)
class Template:
    """One stack's template and its region."""

    stack: str
    region: str
    body: Mapping[str, Any]
    name: str = ""
    """What CloudFormation calls it; its id where that is not given."""


@dataclass(frozen=True)
class Found:
    """One resource with its references followed."""

    place: Place
    region: str
    type: str
    properties: Mapping[str, Any]

    @property
    def token(self) -> str:
        """What stands for the resource where AWS makes up the name."""
        return str(self.place)


class World:
    """The resources of all templates. Reads only; what is removed is removed from the templates before."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self.templates = tuple(templates)
        self._names = {one.stack: one.name or one.stack for one in templates}
        self._region = {one.stack: one.region for one in templates}
        self._bodies = {
            Place(one.stack, logical_id): body
            for one in templates
            for logical_id, body in one.body.get("Resources", {}).items()
        }
        self._by_type: dict[str, list[Place]] = {}
        for place, body in self._bodies.items():
            self._by_type.setdefault(body["Type"], []).append(place)
        self._found: dict[Place, Found] = {}

    def without(self, what: str) -> World:
        """The world without one thing: `Stack.LogicalId`, or a part of it, `Stack.LogicalId/Property/0`."""
        changed = World([_without(one, what) for one in self.templates])
        place = Place(*what.partition("/")[0].split("."))
        if "/" in what or self._bodies[place]["Type"] not in NAMED_ELSEWHERE:
            # Nothing else says anything else without it: its token is the same text with and without it.
            changed._found = {key: one for key, one in self._found.items() if key != place}
        return changed

    def of_type(self, *types: str, region: str | None = None) -> Iterator[Found]:
        """Every resource of these types, of one region if it is given."""
        for kind in types:
            for place in self._by_type.get(kind, ()):
                if region in (None, self._region[place.stack]):
                    yield self.resource(place)

    def resource(self, place: Place) -> Found:
        """The resource at `place`. Raises KeyError for none."""
        if place not in self._found:
            body = self._bodies[place]
            self._found[place] = Found(
                place,
                self._region[place.stack],
                body["Type"],
                self.value(body.get("Properties", {}), place.stack),
            )
        return self._found[place]

    def by_token(self, token: str) -> Found | None:
        """The resource that a token or one of its attributes names; None for a literal text."""
        stack, _, rest = token.partition(".")
        place = Place(stack, rest.partition(".")[0])
        return self.resource(place) if place in self._bodies else None

    def by_arn(self, arn: str) -> Found | None:
        """The resource of the templates with this ARN; None for any other."""
        place = self._by_arn.get(arn)
        return self.resource(place) if place else None

    def arn(self, place: Place) -> str:
        """A resource's ARN; its token where the type has no known form."""
        body, region = self._bodies[place], self._region[place.stack]
        shape, _ = ARNS.get(body["Type"], ("", ""))
        if not shape:
            return str(place)
        return f"arn:{PARTITION}:" + shape.format(
            region=region, account=ACCOUNT, token=place, name=self._name(place)
        )

    @cached_property
    def _by_arn(self) -> dict[str, Place]:
        return {
            self.arn(place): place for place, body in self._bodies.items() if body["Type"] in ARNS
        }

    @cached_property
    def _exports(self) -> dict[str, tuple[str, Any]]:
        return {
            str(self.value(one["Export"]["Name"], each.stack)): (each.stack, one["Value"])
            for each in self.templates
            for one in each.body.get("Outputs", {}).values()
            if "Export" in one
        }

    def _name(self, place: Place) -> str:
        body = self._bodies[place]
        given = body.get("Properties", {}).get(ARNS.get(body["Type"], ("", ""))[1])
        return str(self.value(given, place.stack)) if given is not None else str(place)

    def value(self, given: Any, stack: str) -> Any:
        """`given` of a template of `stack` with every intrinsic function carried out."""
        if isinstance(given, list):
            return [self.value(one, stack) for one in given if one != {"Ref": "AWS::NoValue"}]
        if not isinstance(given, dict):
            return given
        if len(given) == 1:
            (name, argument), *_ = given.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._carried_out(name, argument, stack)
        return {key: self.value(one, stack) for key, one in given.items()}

    def _carried_out(self, name: str, argument: Any, stack: str) -> Any:
        if name == "Ref":
            return self._reference(str(argument), stack)
        if name == "Fn::GetAtt":
            parts = argument.split(".", 1) if isinstance(argument, str) else argument
            return self._attribute(Place(stack, parts[0]), str(parts[1]))
        if name == "Fn::ImportValue":
            exporter, value = self._exports.get(
                str(self.value(argument, stack)), (stack, f"no export named {argument}")
            )
            return self.value(value, exporter)
        if name == "Fn::Join":
            separator, parts = argument
            return str(separator).join(str(one) for one in self.value(parts, stack))
        if name == "Fn::Split":
            separator, text = argument
            return str(self.value(text, stack)).split(separator)
        if name == "Fn::Select":
            index, of = argument
            found = self.value(of, stack)
            return found[int(index)] if isinstance(found, list) else f"{found}#{index}"
        if name == "Fn::GetAZs":
            return [f"{self._region[stack]}{letter}" for letter in "abc"]
        if name == "Fn::Sub":
            return self._substituted(argument, stack)
        return f"{name}({argument})"

    def _substituted(self, argument: Any, stack: str) -> str:
        text, own = argument if isinstance(argument, list) else (argument, {})
        out, rest = "", str(text)
        while "${" in rest:
            before, _, behind = rest.partition("${")
            name, _, rest = behind.partition("}")
            value = self.value(own[name], stack) if name in own else self._named(name, stack)
            out += before + str(value)
        return out + rest

    def _named(self, name: str, stack: str) -> Any:
        if "." in name:
            logical_id, _, attribute = name.partition(".")
            return self._attribute(Place(stack, logical_id), attribute)
        return self._reference(name, stack)

    def _reference(self, name: str, stack: str) -> Any:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": PARTITION,
            "AWS::Region": self._region[stack],
            "AWS::StackId": f"arn:{PARTITION}:cloudformation:{self._region[stack]}:{ACCOUNT}:stack/"
            f"{self._names[stack]}/{STACK_UUID}",
            "AWS::StackName": self._names[stack],
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        place = Place(stack, name)
        if place not in self._bodies:
            return f"{stack}.{name}"
        kind = self._bodies[place]["Type"]
        if kind in REF_IS_ARN:
            return self.arn(place)
        return self._name(place)

    def _attribute(self, place: Place, attribute: str) -> Any:
        body = self._bodies.get(place)
        if body is not None and attribute == "Arn" and body["Type"] in ARNS:
            return self.arn(place)
        if body is not None and body["Type"] == PEER_ATTRIBUTE:
            return self._of_the_peer(place, body["Properties"])
        return f"{place}.{attribute}"

    def _of_the_peer(self, place: Place, properties: Mapping[str, Any]) -> str:
        """What a look-up in the other region answers: the thing it asks for, else a token."""
        region, attribute = properties["PeerRegion"], properties["Attribute"]
        name = self.value(properties["Name"], place.stack)
        wanted, named, answered = PEER_ATTRIBUTES.get(attribute, ("", False, ""))
        for other, body in self._bodies.items():
            if body["Type"] == wanted and self._region[other.stack] == region:
                if named and self._name(other) == name:
                    return f"{other}.{answered}" if answered else self.arn(other)
                if not named:
                    return str(other)
        return str(place)


def _without(template: Template, what: str) -> Template:
    place, *path = what.split("/")
    stack, _, logical_id = place.partition(".")
    if template.stack != stack:
        return template
    resources = dict(template.body["Resources"])
    resource = resources.pop(logical_id)
    if path:
        properties = _without_part(resource["Properties"], path)
        resources[logical_id] = {**resource, "Properties": properties}
    body = {**template.body, "Resources": resources}
    return Template(stack, template.region, body, template.name)


def _without_part(value: Any, path: Sequence[str]) -> Any:
    head, *rest = path
    if isinstance(value, list):
        at = int(head)
        kept = [_without_part(value[at], rest)] if rest else []
        return [*value[:at], *kept, *value[at + 1 :]]
    if rest == ["0"] and isinstance(value[head], dict):
        return {**value, head: []}  # one statement that stands alone, without a list around it
    return {**value, head: _without_part(value[head], rest)}
