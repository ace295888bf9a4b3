"""A price has a source; what has none is unknown, and never zero."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lifeline.cost import items
from lifeline.cost.bill import bill_of
from lifeline.cost.prices import KNOWN, NoPrices, Price, price_of, read_prices
from lifeline.cost.quantities import Quantity
from tests.unit.cost.cost_parts import documented, price_list, product

HOME = "ca-central-1"
VOLUME = items.Item("volume", "EBS", "AmazonEC2", "EBS:VolumeUsage.piops", "GB-month")


def test_the_answer_that_aws_documents_is_read(tmp_path: Path) -> None:
    """Source: botocore's example of GetProducts. It names its region by the location only."""
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(documented()))
    (price,) = read_prices(path)
    assert (price.region, price.usd, price.as_of) == (HOME, 0.138, "2017-09-01")
    assert "WQGC34PB2AWS8R4U" in price.source
    assert price_of(VOLUME, HOME, [price]) == price


@pytest.mark.parametrize(
    "other",
    [
        replace(VOLUME, service_code="AmazonRDS"),
        replace(VOLUME, usage_type="VolumeUsage.piops"),
        replace(VOLUME, attributes=(("volumeType", "Magnetic"),)),
    ],
)
def test_a_price_of_something_else_is_not_taken(tmp_path: Path, other: items.Item) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(documented()))
    assert price_of(other, HOME, read_prices(path)) is None


def test_a_price_of_another_region_is_not_taken(tmp_path: Path) -> None:
    found = read_prices(price_list(tmp_path, product("AmazonEC2", "CAN1-NatGateway-Hours", "0.05")))
    assert price_of(items.NAT, HOME, found) is not None
    assert price_of(items.NAT, "ca-west-1", found) is None


def test_two_prices_that_differ_are_none(tmp_path: Path) -> None:
    """A file with the products of two kinds of load balancer, say, and nothing that tells them apart."""
    one, two = (product("AmazonEC2", "CAN1-NatGateway-Hours", usd) for usd in ("0.05", "0.06"))
    assert price_of(items.NAT, HOME, read_prices(price_list(tmp_path, one, two))) is None
    assert price_of(items.NAT, HOME, read_prices(price_list(tmp_path, one, one))) is not None


def test_attributes_tell_products_of_one_usage_type_apart(tmp_path: Path) -> None:
    found = read_prices(
        price_list(
            tmp_path,
            product("AWSELB", "CAN1-LoadBalancerUsage", "9", operation="LoadBalancing:Application"),
            product("AWSELB", "CAN1-LoadBalancerUsage", "7", operation="LoadBalancing:Network"),
        )
    )
    price = price_of(items.BALANCER, HOME, found)
    assert price is not None
    assert price.usd == 7


def test_a_table_of_ones_own_is_read_and_goes_before_ours(tmp_path: Path) -> None:
    row = {
        "item": "secret",
        "region": HOME,
        "usd": 0.5,
        "source": "our contract",
        "as_of": "2026-11-22",
    }
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"prices": [row]}))
    price = price_of(items.SECRET, HOME, [*KNOWN, *read_prices(path)])
    assert price is not None
    assert price.usd == 0.5
    ours = price_of(items.SECRET, "ca-west-1", [*KNOWN, *read_prices(path)])
    assert ours is not None
    assert ours.usd == 0.40


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing", "cannot be read as JSON"),
        ("{}", "has neither `PriceList`"),
        ('{"PriceList": ["{}"]}', "an entry of PriceList is no product"),
        ('{"prices": [{"item": "secret"}]}', "needed are item, region, usd, source and as_of"),
        (
            '{"prices": [{"item": "a", "region": "b", "usd": -1, "source": "c", "as_of": "2026-01-01"}]}',
            "usd is 0 or more",
        ),
        (
            '{"prices": [{"item": "a", "region": "b", "usd": 1, "source": "", "as_of": "2026-01-01"}]}',
            "the source is named",
        ),
        (
            '{"prices": [{"item": "a", "region": "b", "usd": 1, "source": "c", "as_of": "today"}]}',
            "as_of \\(a date\\)",
        ),
    ],
)
def test_what_is_no_price_gets_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(NoPrices, match=words):
        read_prices(path)


def test_every_price_of_ours_names_a_source_and_a_date() -> None:
    for price in KNOWN:
        assert price.source.startswith("https://aws.amazon.com/"), price
        assert len(price.as_of) == 10


def test_what_is_unknown_is_never_zero() -> None:
    """The total says "at least"; with nothing known it is no number."""
    key, nat = Quantity(HOME, items.KEY, 3), Quantity(HOME, items.NAT, 730)
    price = Price(item="kms-key", region=HOME, usd=1.0, source="a", as_of="2026-11-22")
    assert bill_of([key, nat], [price]).words == "at least 3.00 USD"
    assert bill_of([key], [price]).words == "3.00 USD"
    assert bill_of([nat], [price]).words == "unknown"
    assert bill_of([nat], [price]).lines[0].usd is None
