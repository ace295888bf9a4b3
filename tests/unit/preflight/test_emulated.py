"""Names and tags against services that answer for themselves (moto), rather than as we say they do."""

from __future__ import annotations

import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from lifeline.preflight.account import Account
from lifeline.preflight.asking import planned, run_all
from lifeline.preflight.assembly import Assembly
from lifeline.preflight.probe import Place, Result, Verdict
from lifeline.preflight.probes import PROBES
from tests.support.fake_account import FakeAccount
from tests.unit.preflight.good_account import ACCOUNT, GOOD, HOME, RECOVERY, WITNESS

IDS = ("names-buckets", "names-streams", "names-tables", "leftovers")


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


class Emulated:
    """moto's services. Its CloudFormation needs packages that we do not have: no stack stands."""

    def __init__(self) -> None:
        self._fake = FakeAccount(GOOD)

    def client(self, service: str, *, region_name: str, config: Config) -> Any:
        if service == "cloudformation":
            return self._fake.client(service, region_name=region_name, config=config)
        made: Any = boto3.client
        return made(service, region_name=region_name, config=config)


def ask(prod: Assembly, everywhere: Place) -> dict[tuple[str, str], Result]:
    probes = [one for one in PROBES if one.id in IDS]
    plan = planned(probes, everywhere, prod)
    results = run_all(plan, Account(Emulated()), now=time.monotonic)
    return {(one.probe, one.region): one for one in results}


@mock_aws
@pytest.mark.usefixtures("emulated")
def test_an_empty_account_has_no_name_of_ours(prod: Assembly, everywhere: Place) -> None:
    assert {one.verdict for one in ask(prod, everywhere).values()} == {Verdict.OK}


@mock_aws
@pytest.mark.usefixtures("emulated")
def test_what_an_environment_left_is_found(prod: Assembly, everywhere: Place) -> None:
    bucket = f"audit-cac1-{ACCOUNT}-test"
    boto3.client("s3", region_name=HOME).create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ca-central-1"}
    )
    boto3.client("kinesis", region_name=RECOVERY).create_stream(
        StreamName="edge-events-test",
        ShardCount=1,
        Tags={"Project": "Lifeline", "Environment": "test"},
    )
    boto3.client("dynamodb", region_name=WITNESS).create_table(
        TableName="lease-test",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "Project", "Value": "Lifeline"}, {"Key": "Environment", "Value": "test"}],
    )
    results = ask(prod, everywhere)
    wrong = {key for key, one in results.items() if one.verdict is Verdict.WRONG}
    assert {
        ("names-buckets", HOME),
        ("names-streams", RECOVERY),
        ("names-tables", WITNESS),
        ("leftovers", WITNESS),
    } <= wrong
    assert results["names-tables", WITNESS].findings[0].mend == (
        "aws dynamodb delete-table --region us-east-2 --table-name lease-test"
    )
    assert results["names-streams", HOME].verdict is Verdict.OK
