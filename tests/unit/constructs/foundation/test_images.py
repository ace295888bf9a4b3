"""The image repository: one name in both regions, immutable, copied by the one who owns the registry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lifeline.foundation.images import ImageRepositories
from tests.unit.constructs.conftest import ACCOUNT, MakeStack


def test_the_name_is_the_same_in_both_regions(make_stack: MakeStack) -> None:
    """The registry copies an image to the repository of the same name, whatever the region."""
    home, recovery = make_stack().site, make_stack("ca-west-1").site
    assert ImageRepositories.name(home) == ImageRepositories.name(recovery) == "processor-test"
    address = f"{ACCOUNT}.dkr.ecr.ca-west-1.amazonaws.com/processor-test:0.1.0"
    assert ImageRepositories.uri(recovery) == address


def test_images_are_scanned_immutable_encrypted_and_few(make_stack: MakeStack) -> None:
    made = make_stack()
    ImageRepositories(made.stack, "Images", site=made.site, keys=made.keys)
    repositories = made.resources("AWS::ECR::Repository")
    names = [one["Properties"]["RepositoryName"] for one in repositories]
    assert sorted(names) == ["mirrormaker-test", "processor-test"]
    for repository in repositories:
        _holds_what_it_must(repository)


def _holds_what_it_must(repository: dict[str, Any]) -> None:
    assert repository["DeletionPolicy"] == repository["UpdateReplacePolicy"] == "Delete"
    properties = repository["Properties"]
    assert properties["EmptyOnDelete"] is True
    assert properties["ImageTagMutability"] == "IMMUTABLE"
    assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert properties["EncryptionConfiguration"]["EncryptionType"] == "KMS"
    (rule,) = json.loads(properties["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert rule["selection"] == {
        "tagStatus": "any",
        "countType": "imageCountMoreThan",
        "countNumber": 30,
    }


def test_the_home_of_the_accounts_owner_copies_to_the_peer(make_stack: MakeStack) -> None:
    made = make_stack(profile="prod")
    ImageRepositories(made.stack, "Images", site=made.site, keys=made.keys)
    (copies,) = made.resources("AWS::ECR::ReplicationConfiguration")
    (rule,) = copies["Properties"]["ReplicationConfiguration"]["Rules"]
    assert rule["Destinations"] == [{"Region": "ca-west-1", "RegistryId": ACCOUNT}]
    assert rule["RepositoryFilters"] == [
        {"Filter": f"{image}-", "FilterType": "PREFIX_MATCH"}
        for image in ("processor", "mirrormaker")
    ]


@pytest.mark.parametrize(("region", "profile"), [("ca-west-1", "prod"), ("ca-central-1", "dev")])
def test_nobody_else_touches_the_registrys_one_setting(
    make_stack: MakeStack, region: str, profile: str
) -> None:
    made = make_stack(region, profile)
    ImageRepositories(made.stack, "Images", site=made.site, keys=made.keys)
    made.template().resource_count_is("AWS::ECR::ReplicationConfiguration", 0)


def test_no_rule_finds_anything(make_stack: MakeStack) -> None:
    made = make_stack(nag=True, profile="prod")
    ImageRepositories(made.stack, "Images", site=made.site, keys=made.keys)
    made.template()
