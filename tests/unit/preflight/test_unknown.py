"""What nobody answered is UNKNOWN, with the permission that is missing; what hangs ends by time-out."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest

from lifeline.preflight import account as adapter
from lifeline.preflight.account import Account, NotAnswered
from lifeline.preflight.asking import run_all
from lifeline.preflight.probe import Answer, Answers, Ask, Finding, Place, Probe, Result, Verdict
from lifeline.preflight.probes import IDENTITY, PROBES, permissions, policy
from tests.support.fake_account import FakeAccount, Refuse
from tests.unit.preflight.good_account import GOOD, HOME, refused

Preflight = Callable[..., list[Result]]
DENIED = refused("AccessDeniedException", "User is not authorized", 400)


@pytest.mark.parametrize("probe", [one for one in PROBES if one.asks], ids=lambda one: one.id)
def test_access_denied_is_unknown_and_names_the_permission(
    probe: Probe, preflight: Preflight
) -> None:
    for ask in probe.asks:
        results = preflight({(ask.service, ask.operation): DENIED}, ids=(probe.id,))
        asked = [one for one in results if one.verdict is not Verdict.OK]
        if ask.operation == "get_aws_default_service_quota":
            continue  # asked only where no applied value is kept: below
        assert asked, ask
        assert {one.verdict for one in asked} == {Verdict.UNKNOWN}
        sentence, mend = asked[0].findings[0].sentence, asked[0].findings[0].mend
        assert f"the permission {ask.permission} is missing" in sentence
        assert f"allow {ask.permission}" in mend


def test_a_default_quota_that_is_denied_is_unknown(preflight: Preflight) -> None:
    changes = {
        ("service-quotas", "get_service_quota"): refused("NoSuchResourceException"),
        ("service-quotas", "get_aws_default_service_quota"): DENIED,
    }
    assert {one.verdict for one in preflight(changes, ids=("quota-vpcs",))} == {Verdict.UNKNOWN}


@pytest.mark.parametrize("code", ["UnrecognizedClientException", "InvalidClientTokenId"])
def test_credentials_that_a_region_does_not_know_are_unknown(
    code: str, preflight: Preflight
) -> None:
    """So a region answers that is not opted in (IAM User Guide, regions and STS)."""
    results = preflight({("kafka", "list_kafka_versions"): refused(code)}, ids=("kafka-version",))
    assert {one.verdict for one in results} == {Verdict.UNKNOWN}
    assert "the region is not enabled" in results[0].findings[0].sentence


def test_an_answer_that_the_probe_does_not_know_is_unknown(preflight: Preflight) -> None:
    results = preflight(
        {("lambda", "get_account_settings"): lambda _region, _parameters: {}},
        ids=("lambda-concurrency",),
    )
    assert {one.verdict for one in results} == {Verdict.UNKNOWN}


def test_an_error_that_is_nobodys_is_unknown(preflight: Preflight) -> None:
    results = preflight(
        {("kms", "list_aliases"): refused("DependencyTimeoutException")}, ids=("names-key-aliases",)
    )
    assert {one.verdict for one in results} == {Verdict.UNKNOWN}


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a service that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_call_that_hangs_ends_by_its_time_out(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent)
    monkeypatch.setattr(adapter, "ATTEMPTS", 1)
    session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing")
    began = time.monotonic()
    with pytest.raises(NotAnswered, match="no answer"):
        Account(session, read_seconds=0.3).ask(IDENTITY, HOME, {})
    assert time.monotonic() - began < 5


class _Hanging:
    """Answers nothing until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def ask(self, ask: Ask, region: str, parameters: Mapping[str, Any]) -> Answer:
        if ask.operation == "list_aliases":
            self.let_go.wait()
        return Answer(parameters, {})


def test_what_hangs_past_the_deadline_is_unknown_and_the_others_are_told(everywhere: Place) -> None:
    def nothing(_place: Place, _answers: Answers) -> list[Finding]:
        return []

    def probe(name: str, operation: str) -> Probe:
        asks = (Ask("kms", operation, "kms:ListAliases"),)
        return Probe(name, "", asks, "", "", "", nothing, "")

    hanging = _Hanging()
    plan = [(probe("slow", "list_aliases"), everywhere), (probe("fast", "list_keys"), everywhere)]
    slow, fast = run_all(plan, hanging, deadline_seconds=0.3, now=time.monotonic)
    hanging.let_go.set()
    assert (slow.verdict, fast.verdict) == (Verdict.UNKNOWN, Verdict.OK)
    assert "no answer within 0.3 s" in slow.findings[0].sentence


def test_the_same_question_goes_out_once() -> None:
    fake = FakeAccount(GOOD)
    account = Account(fake)
    ask = Ask("kms", "list_aliases", "kms:ListAliases")
    account.ask(ask, HOME, {})
    account.ask(ask, HOME, {})
    assert account.questions == 1


def test_a_refusal_reaches_everybody_who_asked() -> None:
    account = Account(FakeAccount({("kms", "list_aliases"): lambda _r, _p: Refuse("AccessDenied")}))
    ask = Ask("kms", "list_aliases", "kms:ListAliases")
    for _ in range(2):
        with pytest.raises(NotAnswered, match="kms:ListAliases"):
            account.ask(ask, HOME, {})


PERMISSION_OF = {
    # Service Authorization Reference: HeadBucket is allowed by s3:ListBucket, ListBuckets by
    # s3:ListAllMyBuckets; API Gateway's actions are HTTP's verbs; these services' prefixes differ.
    ("s3", "head_bucket"): "s3:ListBucket",
    ("s3", "list_buckets"): "s3:ListAllMyBuckets",
    ("apigateway", "get_account"): "apigateway:GET",
    ("service-quotas", "get_service_quota"): "servicequotas:GetServiceQuota",
    (
        "service-quotas",
        "get_aws_default_service_quota",
    ): "servicequotas:GetAWSDefaultServiceQuota",
    ("resourcegroupstaggingapi", "get_resources"): "tag:GetResources",
}


def test_the_policy_allows_each_call_that_is_made_and_nothing_else(preflight: Preflight) -> None:
    """Elsewhere the action is the service's prefix and the call's own name, as botocore spells it."""
    changed = {
        **GOOD,
        # So that each call is made at least once.
        ("service-quotas", "get_service_quota"): refused("NoSuchResourceException"),
        ("service-quotas", "get_aws_default_service_quota"): lambda _region, parameters: {
            "Quota": {"QuotaCode": parameters["QuotaCode"], "Value": 9999.0}
        },
    }
    fake = FakeAccount(changed)
    preflight(fake=fake)
    needed = {_permission(service, operation) for service, operation in fake.called}
    assert needed == set(permissions())
    (statement,) = policy()["Statement"]
    assert statement["Action"] == permissions()


def _permission(service: str, operation: str) -> str:
    known = PERMISSION_OF.get((service, operation))
    if known is not None:
        return known
    made: Any = boto3.client
    client = made(service, region_name=HOME)
    return f"{service}:{client.meta.method_to_api_mapping[operation]}"


def test_every_permission_reads() -> None:
    verbs = ("Describe", "Get", "GET", "List")
    assert [one for one in permissions() if not one.partition(":")[2].startswith(verbs)] == []
