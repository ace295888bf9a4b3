"""Whose account `make account` bootstraps: a number, or one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from scripts.account_number import main
from tests.support.fake_account import FakeAccount, Refuse

STS = ("sts", "get_caller_identity")


def test_the_number_is_all_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    account = FakeAccount({STS: lambda _region, _asked: {"Account": "123456789012"}})
    assert main("ca-central-1", account.client) == 0
    assert capsys.readouterr().out == "123456789012\n"


@pytest.mark.parametrize("refusal", [Refuse("ExpiredToken"), NoCredentialsError()])
def test_without_credentials_it_says_what_to_do(
    refusal: Refuse | NoCredentialsError, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first command of a new user ended in forty lines of a traceback."""

    def refused(_region: str, _asked: Mapping[str, Any]) -> Refuse:
        if isinstance(refusal, Refuse):
            return refusal
        raise refusal

    assert main("ca-central-1", FakeAccount({STS: refused}).client) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("account: nobody is signed in to AWS (ca-central-1): ")
    assert "aws sso login" in said.err
