"""Which region `make destroy` asks: the one that ARGS, cdk.json or the settings call home."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts import before_destroy
from scripts.before_destroy import CDK_JSON, home_of, recovery_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", ""),
        ("--force", ""),
        ("-c homeRegion=us-east-1 --force", "--home us-east-1"),
        ("--context homeRegion=us-east-1", "--home us-east-1"),
        ("--context=homeRegion=us-east-1", "--home us-east-1"),
        ("-c recoveryRegion=us-west-2 --switch-back", "--recovery us-west-2 --switch-back"),
        ("--switch-back -c homeRegion=us-east-1", "--home us-east-1 --switch-back"),
    ],
)
def test_the_home_region_of_args_is_passed_on(arguments: str, told: str) -> None:
    said = subprocess.run(
        ["make", "--dry-run", "destroy", "SUFFIX=one", f"ARGS={arguments}"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    (first,) = [line for line in said.splitlines() if "before_destroy.py" in line]
    assert first.partition("--suffix one")[2].split() == told.split()
    (second,) = [line for line in said.splitlines() if "cdk destroy" in line]
    for word in arguments.split():
        assert (word in second) is (word != "--switch-back")


@pytest.mark.parametrize(
    ("written", "home"),
    [
        ('{"context": {"homeRegion": "us-east-1"}}', "us-east-1"),
        ('{"context": {}}', "ca-central-1"),
        ("{}", "ca-central-1"),
    ],
)
def test_without_an_option_cdks_own_settings_say_it(
    written: str, home: str, tmp_path: Path
) -> None:
    (tmp_path / "cdk.json").write_text(written)
    assert home_of(tmp_path / "cdk.json") == home
    assert CDK_JSON == ROOT / "cdk.json"


def test_the_recovery_region_is_cdks_own_or_the_settings(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text('{"context": {"recoveryRegion": "us-west-2"}}')
    assert recovery_of(tmp_path / "cdk.json") == "us-west-2"
    (tmp_path / "cdk.json").write_text("{}")
    assert recovery_of(tmp_path / "cdk.json") == "ca-west-1"


HOME_MEMBER = "arn:aws:rds:ca-central-1:111122223333:cluster:database-cac1-one"
MEMBER = "arn:aws:rds:ca-west-1:111122223333:cluster:database-caw1-one"


def account(
    monkeypatch: pytest.MonkeyPatch,
    *,
    members: list[str],
    cluster: bool,
    secret: dict[str, str] | None,
) -> None:
    """What AWS answers: the global cluster's members (the first writes), whether the recovery region's
    cluster stands, its admin secret."""

    def answer(client: Any, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        def none(fault: str) -> Exception:
            error: Exception = getattr(client.exceptions, fault)(
                {"Error": {"Code": fault}}, operation
            )
            return error

        if operation == "DescribeGlobalClusters":
            listed = [{"DBClusterArn": one, "IsWriter": one is members[0]} for one in members]
            return {"GlobalClusters": [{"GlobalClusterMembers": listed}]}
        if operation == "DescribeReplicationGroups":
            raise none("ReplicationGroupNotFoundFault")
        assert client.meta.region_name == "ca-west-1"
        if operation == "DescribeDBClusters":
            assert given == {"DBClusterIdentifier": "database-caw1-one"}
            if not cluster:
                raise none("DBClusterNotFoundFault")
            instances = [{"DBInstanceIdentifier": "database-caw1-one-1"}]
            return {"DBClusters": [{"DBClusterArn": MEMBER, "DBClusterMembers": instances}]}
        assert (operation, given) == ("DescribeSecret", {"SecretId": "database-admin-one"})
        if secret is None:
            raise none("ResourceNotFoundException")
        return {"Name": "database-admin-one", **secret}

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", answer)
    monkeypatch.setattr("sys.argv", ["before_destroy.py", "--suffix", "one"])


REPLICA = {"PrimaryRegion": "ca-central-1"}


@pytest.mark.parametrize(
    ("members", "cluster", "status"),
    [
        ([HOME_MEMBER, MEMBER], True, 0),
        ([HOME_MEMBER], True, 1),
        ([HOME_MEMBER], False, 0),
    ],
    ids=["a member", "detached by a promotion past its budget", "never made, or deleted"],
)
def test_a_cluster_that_left_the_global_one_is_refused_with_what_to_type(
    members: list[str],
    cluster: bool,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """N17: its stack names it a member, so its deletion would fail half-way."""
    account(monkeypatch, members=members, cluster=cluster, secret=REPLICA)
    assert before_destroy.main() == status
    said = capsys.readouterr().err
    assert ("database-caw1-one in ca-west-1 has left its global cluster" in said) is bool(status)
    for word in (
        "delete-db-instance",
        "--db-instance-identifier database-caw1-one-1",
        "delete-db-cluster",
    ):
        assert (word in said) is bool(status)


@pytest.mark.parametrize(
    ("secret", "told"),
    [(None, False), (REPLICA, False), ({}, True), ({"PrimaryRegion": "ca-west-1"}, True)],
)
def test_a_secret_that_a_takeover_left_is_told(
    secret: dict[str, str] | None,
    told: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    account(monkeypatch, members=[HOME_MEMBER, MEMBER], cluster=True, secret=secret)
    assert before_destroy.main() == 0
    assert (
        "database-admin-one in ca-west-1 is nobody's replica" in capsys.readouterr().out
    ) is told
