"""Keys by purpose: rotation, aliases, who may use which."""

from __future__ import annotations

import pytest

from lifeline.foundation.keys import Keys, Purpose, RegionKeys
from tests.unit.constructs.conftest import BenchMaker


def test_each_purpose_has_its_own_rotating_key(bench: BenchMaker) -> None:
    made = bench()
    template = made.template()
    keys = template.find_resources("AWS::KMS::Key").values()
    assert len(keys) == len(Purpose)
    assert all(one["Properties"]["EnableKeyRotation"] is True for one in keys)
    aliases = {
        one["Properties"]["AliasName"]
        for one in template.find_resources("AWS::KMS::Alias").values()
    }
    assert aliases == {"alias/data-key-test", "alias/logs-key-test", "alias/secrets-key-test"}


def test_no_service_is_named_in_the_key_of_patient_data(bench: BenchMaker) -> None:
    keys = bench().resources("AWS::KMS::Key")
    (data,) = [one for one in keys if "Encrypts data" in one["Properties"]["Description"]]
    statements = data["Properties"]["KeyPolicy"]["Statement"]
    assert all("Service" not in one["Principal"] for one in statements)


def test_aliases_are_the_same_in_both_regions(bench: BenchMaker) -> None:
    home, recovery = bench().site, bench("ca-west-1").site
    for purpose in Purpose:
        assert RegionKeys.alias(home, purpose) == RegionKeys.alias(recovery, purpose)


def test_a_purpose_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="no key for DATA here"):
        _ = Keys({}).data
