"""Where a construct learns where it is: given, told to its stack, or derived from a plain stack."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template
from constructs import Construct

from lifeline.foundation.images import ImageRepositories
from lifeline.foundation.keys import RegionKeys
from lifeline.naming import LONGEST, REGION_CHARACTERS
from lifeline.regions import CATALOG, Region, code_of, region_named
from lifeline.settings import Settings, SettingsError
from lifeline.site import Site


def plain_stack(region: str | None = "eu-west-1", account: str | None = None) -> cdk.Stack:
    """A stack of somebody who knows nothing of Lifeline."""
    return cdk.Stack(
        cdk.App(analytics_reporting=False),
        "Orders",
        env=cdk.Environment(account=account, region=region),
    )


def named(region: str = "ca-central-1", **settings: Any) -> Site:
    """A site as the application makes it."""
    given = Settings(environment_suffix="test", **settings)
    return Site(given, region_named(region, role="test"))


def test_a_given_site_is_taken() -> None:
    stack = plain_stack(region="ca-west-1")
    Site.attach(stack, named("ca-west-1"))
    given = named("ca-west-1", events_per_minute=7)
    assert Site.of(stack, given) is given


def test_the_site_of_another_region_is_refused() -> None:
    """Its keeper would be told of the wrong peer, and its names would be the other region's."""
    stack = plain_stack(region="ca-central-1")
    with pytest.raises(ValueError, match="site of ca-west-1 and stands in a stack of ca-central-1"):
        Site.of(stack, named("ca-west-1"))


def test_a_stack_is_told_once_for_everything_in_it() -> None:
    stack = plain_stack()
    site = named()
    Site.attach(stack, site)
    assert Site.of(Construct(Construct(stack, "A"), "B")) is site
    assert not site.is_derived


def test_a_stack_is_told_before_anything_stands_in_it() -> None:
    stack = plain_stack()
    Construct(stack, "Early")
    with pytest.raises(ValueError, match="Orders got its site after Early; attach it first"):
        Site.attach(stack, named())


def test_a_plain_stack_gives_its_region_and_account() -> None:
    site = Site.of(Construct(plain_stack(account="123456789012"), "Database"))
    assert (site.region.name, site.region.code, site.account) == (
        "eu-west-1",
        "euw1",
        "123456789012",
    )
    assert site.is_derived
    assert site.is_home


def test_two_constructs_in_one_stack_get_different_names() -> None:
    stack = plain_stack()
    names = [Site.of(Construct(stack, one)).names for one in ("Orders", "Wards", "Orders2")]
    assert len({one.regional_name("database", "database") for one in names}) == 3


def test_a_name_is_the_same_at_the_next_synth() -> None:
    first, second = (
        Site.of(Construct(plain_stack(), "Database")).names.regional_name("key") for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("region", ["eu-west-1", None])
@pytest.mark.parametrize("kind", sorted(LONGEST))
def test_no_derived_name_is_too_long(region: str | None, kind: str) -> None:
    scope = Construct(plain_stack(region), "A" * 200)
    made = Site.of(scope).names.cross_region_name("database-monitoring", kind)
    if region is None:
        head, _, token = made.partition("-${Token[")
        assert token
        made = f"{head}-{'r' * REGION_CHARACTERS}"
    assert len(made) <= LONGEST[kind]


def test_a_plain_stack_says_that_it_has_no_other_region() -> None:
    site = Site.of(plain_stack())
    assert not site.has_peer
    assert site.witness is None
    with pytest.raises(ValueError, match="plain stack in eu-west-1 knows of no recovery region"):
        _ = site.peer


def test_two_sets_of_keys_stand_in_one_plain_stack() -> None:
    stack = plain_stack()
    for one in ("Orders", "Wards"):
        RegionKeys(stack, one)
    aliases = Template.from_stack(stack).find_resources("AWS::KMS::Alias").values()
    assert len({one["Properties"]["AliasName"] for one in aliases}) == 6


def test_a_construct_in_a_stack_that_was_told_takes_todays_name() -> None:
    stack = plain_stack("ca-central-1")
    Site.attach(stack, named())
    keys = RegionKeys(stack, "Keys").keys
    ImageRepositories(stack, "Images", keys=keys)
    Template.from_stack(stack).has_resource_properties(
        "AWS::KMS::Alias", {"AliasName": "alias/data-key-test"}
    )


@pytest.mark.parametrize("region", sorted(CATALOG))
def test_a_derived_code_is_the_catalogs(region: str) -> None:
    assert code_of(region) == CATALOG[region].code


def test_regions_of_one_direction_have_different_codes() -> None:
    assert code_of("ap-south-2") != code_of("ap-southeast-2")


def test_an_application_brings_its_own_regions_and_country() -> None:
    europe = {one: Region(one, code_of(one), "Germany") for one in ("eu-central-1", "eu-central-2")}
    given: dict[str, Any] = {
        "home_region": "eu-central-1",
        "recovery_region": "eu-central-2",
        "catalog": europe,
    }
    Settings(environment_suffix="test", data_country="Germany", witness_region=None, **given)
    with pytest.raises(SettingsError, match="must stay in Canada; allowed are none"):
        Settings(environment_suffix="test", witness_region=None, **given)
