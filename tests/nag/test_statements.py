"""S1: an acknowledgement that says what is encrypted, replicated, logged or closed is held against templates.

A reason with such a word and without a test here fails, and so does a test whose reason nobody gives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Assembly
from tests.nag.conftest import PROFILES, Checked

pytestmark = [pytest.mark.synth, pytest.mark.slow]
STATES = re.compile(
    r"\b(replicated|copied|encrypt\w*|logged|logging|logs|log has|TLS|[Cc]losed|turns that on"
    r"|gateways only)\b"
)
"""Words of a reason that say how something is."""

Properties = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A resource whose rule was acknowledged, and what stands around it."""

    folder: Path
    path: str
    logical_id: str

    @property
    def stack(self) -> str:
        return self.path.split("/")[0]

    @property
    def code(self) -> str:
        return self.stack.split("-")[1]

    @property
    def own(self) -> Properties:
        found: Properties = self.resources(self.stack)[self.logical_id]["Properties"]
        return found

    def resources(self, stack: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{stack}.template.json").read_text())[
            "Resources"
        ]
        return found

    def all_of(self, resource_type: str, stack: str = "") -> list[Properties]:
        return [
            one.get("Properties", {})
            for one in self.resources(stack or self.stack).values()
            if one["Type"] == resource_type
        ]

    def everywhere(self, resource_type: str) -> list[Properties]:
        stacks = sorted(one.name.split(".")[0] for one in self.folder.glob("*.template.json"))
        return [found for stack in stacks for found in self.all_of(resource_type, stack)]


def mentions(value: Any, text: str) -> bool:
    return text in json.dumps(value)


def of_our_key(value: Any) -> bool:
    """Not AWS's key and not another region's: one of the Foundation's, by reference or import."""
    return mentions(value, "ExportsOutputFnGetAttKeys") or mentions(value, '"Keys')


def is_replicated(place: Place) -> bool:
    copies = place.all_of("Custom::BucketReplication", f"Replication-{place.code}")
    name = place.own["BucketName"]
    return any(one["Bucket"] == name and one["PeerBucket"] != name for one in copies)


def is_the_access_log(place: Place) -> bool:
    name = place.own["BucketName"]
    logged = [
        one["BucketName"]
        for one in place.everywhere("AWS::S3::Bucket")
        if one.get("LoggingConfiguration", {}).get("DestinationBucketName") == name
    ]
    return bool(logged) and name not in logged


def has_s3s_encryption_and_is_logged_into(place: Place) -> bool:
    (rule,) = place.own["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"} and (
        is_the_access_log(place)
    )


def copies_what_its_policy_names(place: Place) -> bool:
    copied = [
        one["Bucket"]
        for one in place.all_of("Custom::BucketReplication", f"Replication-{place.code}")
    ]
    named = {
        json.dumps(resource)
        for statement in place.own["PolicyDocument"]["Statement"]
        if "s3:GetObjectVersionForReplication" in statement["Action"]
        for resource in statement["Resource"]
    }
    ends = {re.sub(r'.*?"(arn:[^"]*:::)?([a-z-]+)-c\w\w\d-.*', r"\2", one) for one in named}
    whole = {re.sub(r'.*?"([a-z-]+)-c\w\w\d-.*', r"\1", json.dumps(one)) for one in copied}
    return bool(copied) and ends == whole


def hands_bytes_on(place: Place) -> bool:
    """No listener ends TLS, and each private integration of the API asks the TLS port."""
    uris = [
        json.dumps(one["Integration"]["Uri"])
        for one in place.all_of("AWS::ApiGateway::Method")
        if one.get("Integration", {}).get("ConnectionType") == "VPC_LINK"
    ]
    return (
        place.own["Protocol"] == "TCP"
        and len(uris) >= 3
        and all('"https://' in one and ":8443/" in one for one in uris)
    )


def every_call_is_in_the_access_log(place: Place) -> bool:
    listeners = place.all_of("AWS::ElasticLoadBalancingV2::Listener")
    stages = place.all_of("AWS::ApiGateway::Stage")
    return (
        bool(listeners and stages)
        and {one["Protocol"] for one in listeners} == {"TCP"}
        and all(one["AccessLogSetting"]["DestinationArn"] for one in stages)
    )


def is_closed_beside_it(place: Place) -> bool:
    group = {"Fn::GetAtt": [place.logical_id, "DefaultSecurityGroup"]}
    return any(one["GroupId"] == group for one in place.all_of("Custom::ClosedDefaultGroup"))


def home_has_both(place: Place) -> bool:
    home = place.all_of("AWS::ElastiCache::ReplicationGroup", "Data-cac1")
    return bool(home) and all(
        one["AtRestEncryptionEnabled"] is True and one["TransitEncryptionEnabled"] is True
        for one in home
    )


def is_turned_on_beside_it(place: Place) -> bool:
    return any(
        one["ReplicationGroupId"] in ({"Ref": place.logical_id}, place.own["ReplicationGroupId"])
        for one in place.all_of("Custom::CacheMembership")
    )


def has_the_regions_key(place: Place) -> bool:
    asked = place.own["StreamEncryption"]
    return asked["EncryptionType"] == "KMS" and of_our_key(asked["KeyId"])


def encrypts_the_peers_copy_only(place: Place) -> bool:
    """The other region's key stands in what is said of the copy; what is stored here has our own."""
    peer = {"cac1": "ca-west-1", "caw1": "ca-central-1"}[place.code]
    mine, own = dict(place.own), {"cac1": "ca-central-1", "caw1": "ca-west-1"}[place.code]
    copy = [
        mine.pop(one, None) for one in ("ReplicaRegions", "PeerKey", "CopyActions", "BackupPlan")
    ]
    return (
        mentions(copy, f":kms:{peer}:")
        and not mentions(mine, f":kms:{peer}:")
        and (
            "KmsKeyId" not in mine
            or of_our_key(mine["KmsKeyId"])
            or mentions(mine["KmsKeyId"], own)
        )
    )


def its_source_is_the_pipelines(place: Place) -> bool:
    (pipeline,) = place.all_of("AWS::CodePipeline::Pipeline")
    return (
        place.own["Source"]["Type"] in ("CODEPIPELINE", "NO_SOURCE")
        and "Location" not in place.own["Source"]
        and of_our_key(pipeline["ArtifactStore"]["EncryptionKey"])
    )


def only_gateways_are_public(place: Place) -> bool:
    return not any(
        one.get("AssignPublicIp") == "ENABLED"
        for service in place.everywhere("AWS::ECS::Service")
        for one in [service.get("NetworkConfiguration", {}).get("AwsvpcConfiguration", {})]
    )


HELD: dict[str, Callable[[Place], bool]] = {
    "A network load balancer logs TLS listeners only": every_call_is_in_the_access_log,
    "Closed by the custom resource beside it": is_closed_beside_it,
    "Encrypted with the region's own key": has_the_regions_key,
    "Encryption at rest and in transit is the global datastore's": home_has_both,
    "Every object of these buckets is copied": copies_what_its_policy_names,
    "It encrypts the peer's copy": encrypts_the_peers_copy_only,
    "It hands bytes on: TLS ends in the task": hands_bytes_on,
    "Reads no repository": its_source_is_the_pipelines,
    "Replicated to the peer": is_replicated,
    "S3 delivers access logs only": has_s3s_encryption_and_is_logged_into,
    "The access log itself": is_the_access_log,
    "The call that makes a member of a global datastore": is_turned_on_beside_it,
    "The public subnets hold NAT gateways only": only_gateways_are_public,
}
"""By how a reason begins: what must be so of each resource that gives it."""


@dataclass(frozen=True)
class Reasons:
    """The acknowledged rules of one assembly."""

    assembly: Assembly

    @cached_property
    def places(self) -> dict[str, set[Place]]:
        """By reason, each resource that gives it."""
        ids = dict(self._ids())
        report = json.loads((self.assembly.folder / "validation-report.json").read_text())
        found: dict[str, set[Place]] = {}
        for pack in report["pluginReports"]:
            for one in pack.get("suppressedViolations") or []:
                for construct in one["violatingConstructs"]:
                    path = str(construct["constructPath"])
                    told = construct.get("cloudFormationResource", {}).get("logicalId")
                    place = Place(self.assembly.folder, path, told or ids[path])
                    found.setdefault(str(one["reason"]), set()).add(place)
        return found

    def _ids(self) -> Iterator[tuple[str, str]]:
        waiting = [json.loads((self.assembly.folder / "tree.json").read_text())["tree"]]
        while waiting:
            node = waiting.pop()
            waiting += node.get("children", {}).values()
            logical_id = node.get("attributes", {}).get("aws:cdk:cloudformation:logicalId")
            if logical_id:
                yield str(node["path"]), str(logical_id)


def held(reason: str) -> Callable[[Place], bool] | None:
    return next((test for begin, test in HELD.items() if reason.startswith(begin)), None)


@pytest.mark.parametrize(("profile", "account"), PROFILES)
def test_what_a_reason_says_is_so(checked: Checked, profile: str, account: str | None) -> None:
    reasons = Reasons(checked(profile, account)).places
    wrong = [
        f"{place.path}: {reason}"
        for reason, places in sorted(reasons.items())
        for place in sorted(places, key=lambda one: one.path)
        if (test := held(reason)) is not None and not test(place)
    ]
    assert wrong == []


def test_every_reason_that_states_something_is_tested(checked: Checked) -> None:
    """And no test stands for a reason that nobody gives."""
    given = {
        reason
        for profile, account in PROFILES
        for reason in Reasons(checked(profile, account)).places
    }
    assert sorted(one for one in given if STATES.search(one) and held(one) is None) == []
    assert [one for one in HELD if not any(reason.startswith(one) for reason in given)] == []
