"""A function's environment is its contract and nothing else; what has no contract is not made."""

from __future__ import annotations

import pytest

from lifeline.foundation import Function, Provisioner, Size
from lifeline.lambdas.contracts.custom_resources import EmptyBucket
from tests.unit.constructs.conftest import MakeStack, StackUnderTest

SIZE = Size(memory_mib=256, timeout_seconds=30, concurrency=2)


def test_the_environment_is_what_the_contract_writes(make_stack: MakeStack) -> None:
    made = make_stack()
    contract = EmptyBucket(powertools_service_name="empty-bucket")
    Function(
        made.stack,
        "Function",
        site=made.site,
        package="empty_bucket",
        description="Something",
        contract=contract,
        size=SIZE,
        keys=made.keys,
    )
    (found,) = made.resources("AWS::Lambda::Function")
    assert found["Properties"]["Environment"] == {"Variables": contract.to_env()}


@pytest.mark.parametrize("both", [True, False])
def test_neither_or_both_of_contract_and_environment_are_refused(
    make_stack: MakeStack, both: bool
) -> None:
    made: StackUnderTest = make_stack()
    with pytest.raises(ValueError, match="got both" if both else "got neither"):
        Function(
            made.stack,
            "Function",
            site=made.site,
            package="empty_bucket",
            description="Something",
            contract=EmptyBucket(powertools_service_name="empty-bucket") if both else None,
            environment={} if both else None,
            size=SIZE,
            keys=made.keys,
        )


def test_a_provisioner_without_a_contract_is_refused(make_stack: MakeStack) -> None:
    made = make_stack()
    with pytest.raises(ValueError, match="'unknown' has no contract; those with one: bucket_repl"):
        Provisioner(
            made.stack,
            "Provider",
            site=made.site,
            package="unknown",
            description="Something",
            keys=made.keys,
        )
