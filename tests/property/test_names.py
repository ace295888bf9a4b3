"""Names: within their limits, never cut, never two things under one name."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from lifeline.naming import LONGEST, Names, fitted

SUFFIXES = st.from_regex(r"[a-z][a-z0-9]{0,11}", fullmatch=True)
TYPES = st.from_regex(r"[a-z][a-z0-9-]{0,80}[a-z0-9]", fullmatch=True)
CODES = st.sampled_from(["cac1", "caw1", "use2"])
ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)


@given(suffix=SUFFIXES, code=CODES, resource_type=TYPES, kind=st.sampled_from(sorted(LONGEST)))
def test_names_fit_their_service(suffix: str, code: str, resource_type: str, kind: str) -> None:
    names = Names(suffix, code, "0" * 12)
    assert len(names.regional_name(resource_type, kind)) <= LONGEST[kind]
    assert len(names.cross_region_name(resource_type, kind)) <= LONGEST[kind]


@given(suffix=SUFFIXES, code=CODES, account=ACCOUNTS, resource_type=TYPES)
def test_buckets_keep_the_account_and_fit(
    suffix: str, code: str, account: str, resource_type: str
) -> None:
    name = Names(suffix, code, account).global_name(resource_type)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name)
    assert name.endswith(f"-{code}-{account}-{suffix}")


@given(
    first=st.text("abc-", min_size=1, max_size=90), second=st.text("abc-", min_size=1, max_size=90)
)
def test_two_names_stay_two(first: str, second: str) -> None:
    assert (fitted(first, 32) == fitted(second, 32)) == (first == second)


def test_a_short_name_is_left_alone() -> None:
    assert (
        Names("dev", "cac1", "0" * 12).cross_region_name("database", "database")
        == "database-cac1-dev"
    )
