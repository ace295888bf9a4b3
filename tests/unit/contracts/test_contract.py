"""What a contract writes, it reads; what is wrong with an environment is said at once and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.lambdas.contracts import Contract, set_by_aws, variable
from lifeline.lambdas.contracts.database import DatabaseAddress


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True)
class Place(Contract):
    PREFIX: ClassVar[str] = "PLACE_"

    host: str
    port: int
    region: str = set_by_aws("AWS_REGION")


@dataclass(frozen=True, kw_only=True)
class Sample(Contract):
    """Every kind of field."""

    place: Place
    table_name: str
    tasks: int
    ttl_seconds: float
    enabled: bool
    colour: Colour
    auth: Literal["iam", "none"]
    regions: tuple[str, ...]
    partitions: Mapping[str, int]
    where_it_lies: str = variable("FOLDER", "")
    targets: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    retries: int = 3
    speed: int | None = 3


RIGHT = Sample(
    place=Place("db.test", 5432),
    table_name="lease",
    tasks=2,
    ttl_seconds=20.0,
    enabled=True,
    colour=Colour.RED,
    auth="iam",
    regions=("a", "b"),
    partitions={"patient": 6},
)
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)
SAMPLES = st.builds(
    Sample,
    place=st.builds(Place, host=TEXT, port=st.integers(), region=st.just("ca-west-1")),
    table_name=TEXT,
    tasks=st.integers(),
    ttl_seconds=st.floats(allow_nan=False, allow_infinity=False),
    enabled=st.booleans(),
    colour=st.sampled_from(Colour),
    auth=st.sampled_from(["iam", "none"]),
    regions=st.lists(TEXT).map(tuple),
    partitions=st.dictionaries(TEXT, st.integers()),
    where_it_lies=st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    targets=st.dictionaries(TEXT, TEXT),
    limit=st.none() | st.integers(),
    retries=st.integers(),
    speed=st.integers(),
)


@settings(deadline=None)  # the first example pays for the reading of the types
@given(SAMPLES)
def test_what_is_written_is_read(sample: Sample) -> None:
    assert Sample.from_env({**sample.to_env(), "AWS_REGION": "ca-west-1"}) == sample


def test_each_field_is_a_variable_of_its_name_and_what_aws_sets_is_not_written() -> None:
    written = RIGHT.to_env()
    assert written["TABLE_NAME"] == "lease"
    assert written["PLACE_HOST"] == "db.test"
    assert written["FOLDER"] == ""
    assert written["PARTITIONS"] == '{"patient": 6}'
    assert written["ENABLED"] == "true"
    assert "AWS_REGION" not in written
    assert set(written) == set(Sample.written_names())
    assert set(Sample.variable_names()) == {*written, "AWS_REGION"}


def test_every_missing_name_is_said_at_once() -> None:
    given = {**RIGHT.to_env(), "PLACE_HOST": "", "AWS_REGION": "ca-west-1"}
    del given["TABLE_NAME"]
    with pytest.raises(KeyError) as said:
        Sample.from_env(given)
    assert str(said.value.args[0]) == "the environment lacks PLACE_HOST, TABLE_NAME"


def test_what_aws_sets_must_be_there() -> None:
    with pytest.raises(KeyError, match="AWS_REGION"):
        Sample.from_env(RIGHT.to_env())


def test_what_has_a_default_may_be_missing_or_empty() -> None:
    given = {**RIGHT.to_env(), "AWS_REGION": "ca-west-1", "RETRIES": "", "LIMIT": ""}
    del given["FOLDER"]
    read = Sample.from_env(given)
    assert (read.retries, read.limit, read.where_it_lies) == (3, None, "")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("TASKS", "two", "TASKS is 'two'; needed is a value of type int"),
        ("TTL_SECONDS", "nan", "TTL_SECONDS is 'nan'; needed is a value of type float"),
        ("ENABLED", "yes", "ENABLED is 'yes'; needed is true or false"),
        ("COLOUR", "blue", "COLOUR is 'blue'; needed is one of red, green"),
        ("AUTH", "ldap", "AUTH is 'ldap'; needed is one of iam, none"),
        ("REGIONS", '{"a": 1}', "REGIONS is '{\"a\": 1}'; needed is JSON of type tuple"),
        ("REGIONS", "[1]", r"REGIONS is '[1]'; needed is JSON of type tuple[str, ...]"),
        ("PARTITIONS", "[]", "PARTITIONS is '[]'; needed is JSON of type"),
        ("PARTITIONS", '{"a": "6"}', "needed is JSON of type collections.abc.Mapping[str, int]"),
        ("PARTITIONS", '{"a": true}', "needed is JSON of type collections.abc.Mapping[str, int]"),
        ("PARTITIONS", "{", "PARTITIONS is '{'; needed is JSON of type"),
        ("LIMIT", "many", "LIMIT is 'many'; needed is a value of type int"),
        ("PLACE_PORT", "", "PLACE_PORT"),
    ],
)
def test_a_wrong_value_gets_a_sentence(name: str, text: str, sentence: str) -> None:
    with pytest.raises((KeyError, ValueError)) as said:
        Sample.from_env({**RIGHT.to_env(), "AWS_REGION": "ca-west-1", name: text})
    assert sentence in str(said.value.args[0])


@pytest.mark.parametrize("wrong", [replace(RIGHT, table_name=""), replace(RIGHT, speed=None)])
def test_a_construct_cannot_write_an_empty_value_that_is_not_read_as_empty(wrong: Sample) -> None:
    with pytest.raises(ValueError, match="only a field that is empty by default may be"):
        wrong.to_env()


def test_the_database_has_the_names_that_its_readers_know() -> None:
    address = DatabaseAddress("a.test,b.test", 5432, "lifeline", "app", "iam", "ca-west-1")
    assert address.to_env() == {
        "DATABASE_HOST": "a.test,b.test",
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "lifeline",
        "DATABASE_USER": "app",
        "DATABASE_AUTH": "iam",
    }
    assert DatabaseAddress.from_env({**address.to_env(), "AWS_REGION": "ca-west-1"}) == address
