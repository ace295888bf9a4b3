"""The secret that a takeover leaves: deleted when it is nobody's replica."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from scripts.after_destroy import delete_left, recovery_of, stands

ROOT = Path(__file__).resolve().parents[3]
NAME = "database-admin-test"
NAMED = {"SecretId": NAME}


@pytest.fixture
def service() -> Iterator[tuple[Any, Stubber]]:
    make: Any = boto3.client
    secrets = make(
        "secretsmanager", region_name="ca-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(secrets) as stub:
        yield secrets, stub
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("primary", [{}, {"PrimaryRegion": "ca-west-1"}])
def test_one_of_its_own_is_deleted_at_once(
    service: tuple[Any, Stubber], primary: dict[str, str]
) -> None:
    secrets, stub = service
    stub.add_response("describe_secret", {"Name": NAME, **primary}, NAMED)
    stub.add_response("delete_secret", {}, {**NAMED, "ForceDeleteWithoutRecovery": True})
    assert delete_left(secrets, NAME).startswith("deleted")


def test_a_replica_is_its_primarys(service: tuple[Any, Stubber]) -> None:
    secrets, stub = service
    stub.add_response("describe_secret", {"Name": NAME, "PrimaryRegion": "ca-central-1"}, NAMED)
    assert delete_left(secrets, NAME).endswith("kept")


def test_none_is_well(service: tuple[Any, Stubber]) -> None:
    secrets, stub = service
    stub.add_client_error("describe_secret", "ResourceNotFoundException")
    assert "holds no secret" in delete_left(secrets, NAME)


def test_a_stack_stands_unless_the_service_says_that_there_is_none() -> None:
    make: Any = boto3.client
    client = make(
        "cloudformation", region_name="ca-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(client) as stub:
        stub.add_client_error(
            "describe_stacks", "ValidationError", "Stack with id x does not exist"
        )
        assert not stands(client, "data-caw1-test")
        stub.add_client_error("describe_stacks", "AccessDenied", "no")
        with pytest.raises(ClientError):
            stands(client, "data-caw1-test")
        stub.add_response("describe_stacks", {"Stacks": []}, {"StackName": "data-caw1-test"})
        assert stands(client, "data-caw1-test")


def test_the_recovery_region_is_the_settings_unless_cdk_says_another(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text('{"context": {"recoveryRegion": "us-west-2"}}')
    assert recovery_of(tmp_path / "cdk.json") == "us-west-2"
    (tmp_path / "cdk.json").write_text("{}")
    assert recovery_of(tmp_path / "cdk.json") == "ca-west-1"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [("", []), ("-c recoveryRegion=us-west-2", ["--recovery", "us-west-2"])],
)
def test_it_runs_after_the_stacks_are_gone(arguments: str, told: list[str]) -> None:
    said = subprocess.run(
        ["make", "--dry-run", "destroy", "SUFFIX=one", f"ARGS={arguments}"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout.splitlines()  # fmt: skip
    (gone,) = [n for n, line in enumerate(said) if "cdk destroy" in line]
    (after,) = [n for n, line in enumerate(said) if "after_destroy.py" in line]
    assert after > gone
    assert said[after].partition("--suffix one")[2].split() == told
