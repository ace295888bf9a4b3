"""New alarms are quiet only where it is certain that nothing was ever active; a doubt leaves them on."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scripts import before_deploy

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
PLACES = {"suffix": "t", "home": HOME, "recovery": RECOVERY, "witness": WITNESS}
BOTH = [
    "--parameters=observability-cac1-t:AlarmActions=false",
    "--parameters=observability-caw1-t:AlarmActions=false",
]


def failure(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Any")


class Account:
    """An account: its lease tables and its stacks."""

    def __init__(self) -> None:
        self.leases: dict[str, bool] = {}
        """By region: whether the table has a lease."""
        self.stacks: set[str] = set()
        self.silent: set[str] = set()
        self.refuses: set[str] = set()

    def client(self, service: str, region: str) -> Any:
        if service in self.silent:
            raise EndpointConnectionError(endpoint_url=service)
        if service in self.refuses:
            raise failure("AccessDeniedException", "not allowed")
        self._region = region
        return self

    def get_item(self, *, TableName: str, **_key: Any) -> dict[str, Any]:
        assert TableName == "lease-t"
        if self._region not in self.leases:
            raise failure("ResourceNotFoundException", "no table")
        return {"Item": {}} if self.leases[self._region] else {}

    def describe_stacks(self, *, StackName: str) -> None:
        if StackName not in self.stacks:
            raise failure("ValidationError", f"Stack with id {StackName} does not exist")


@pytest.fixture(name="account")
def _account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(before_deploy, "client", made.client)
    return made


def test_the_first_deploy_makes_quiet_alarms(account: Account) -> None:
    assert before_deploy.quiet(**PLACES) == BOTH
    account.leases[WITNESS] = False
    assert before_deploy.quiet(**PLACES) == BOTH, "deployed in part, and not activated"


def test_an_active_environment_gets_no_quiet_alarm(account: Account) -> None:
    """Also where its stack of alarms was destroyed, and is made again."""
    account.leases[WITNESS] = True
    assert before_deploy.quiet(**PLACES) == []


def test_a_stack_that_exists_keeps_what_it_has(account: Account) -> None:
    account.stacks = {"observability-cac1-t"}
    assert before_deploy.quiet(**PLACES) == BOTH[1:]


def test_without_a_witness_the_lease_is_at_home(account: Account) -> None:
    account.leases[HOME] = True
    assert before_deploy.quiet(**{**PLACES, "witness": "none"}) == []


@pytest.mark.parametrize("service", ["dynamodb", "cloudformation"])
@pytest.mark.parametrize("how", ["silent", "refuses"])
def test_what_is_not_known_leaves_them_on(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    service: str,
    how: str,
) -> None:
    getattr(account, how).add(service)
    monkeypatch.setattr("sys.argv", ["before_deploy", "--suffix", "t"])
    assert before_deploy.main() == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "will tell people at once" in said.err
