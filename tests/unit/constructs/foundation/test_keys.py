"""Keys by purpose: rotation, aliases, who may use which."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from lifeline.foundation.function import Function, Size
from lifeline.foundation.keys import Keys, Purpose, RegionKeys
from tests.unit.constructs.conftest import MakeStack


def test_each_purpose_has_its_own_rotating_key(make_stack: MakeStack) -> None:
    made = make_stack()
    template = made.template()
    keys = template.find_resources("AWS::KMS::Key").values()
    assert len(keys) == len(Purpose)
    assert all(one["Properties"]["EnableKeyRotation"] is True for one in keys)
    aliases = {
        one["Properties"]["AliasName"]
        for one in template.find_resources("AWS::KMS::Alias").values()
    }
    assert aliases == {"alias/data-key-test", "alias/logs-key-test", "alias/secrets-key-test"}


def test_no_service_is_named_in_the_key_of_patient_data(make_stack: MakeStack) -> None:
    keys = make_stack().resources("AWS::KMS::Key")
    (data,) = [one for one in keys if "Encrypts data" in one["Properties"]["Description"]]
    statements = data["Properties"]["KeyPolicy"]["Statement"]
    assert all("Service" not in one["Principal"] for one in statements)


def test_aliases_are_the_same_in_both_regions(make_stack: MakeStack) -> None:
    home, recovery = make_stack().site, make_stack("ca-west-1").site
    for purpose in Purpose:
        assert RegionKeys.alias(home, purpose) == RegionKeys.alias(recovery, purpose)


def test_a_purpose_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="no key for DATA here"):
        _ = Keys({}).data


def test_a_stack_without_keys_gets_one_set_for_all_that_stands_in_it() -> None:
    stack = cdk.Stack(cdk.App(analytics_reporting=False), "Orders")
    for one in ("First", "Second"):
        Function(
            stack,
            one,
            package="peer_lookup",
            description=one,
            environment={},
            size=Size(memory_mib=128, timeout_seconds=3, concurrency=1),
        )
    template = Template.from_stack(stack)
    assert len(template.find_resources("AWS::KMS::Key")) == len(Purpose)
    functions = template.find_resources("AWS::Lambda::Function").values()
    assert len({one["Properties"]["FunctionName"] for one in functions}) == 2
    assert len({str(one["Properties"]["KmsKeyArn"]) for one in functions}) == 1
