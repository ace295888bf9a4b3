"""Prices, each with its source and its date. What has no price here is unknown, which is never zero.

AWS's price pages are drawn by a script, and a number from memory is no source. So the table is short, and
a file adds to it: AWS's own answers to `aws pricing get-products`, or a table of your own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lifeline.cost.items import Item

EVERYWHERE = "*"
LOCATIONS = {
    "Canada (Central)": "ca-central-1",
    "Canada West (Calgary)": "ca-west-1",
    "US East (N. Virginia)": "us-east-1",
    "US East (Ohio)": "us-east-2",
    "US West (Oregon)": "us-west-2",
}
"""A product of the list has `regionCode` or, in older ones, only the location's name."""


class NoPrices(ValueError):
    """A file that holds no prices in either format; the message is a sentence."""


@dataclass(frozen=True)
class Price:
    """USD for one unit of an item in a region, or in every one."""

    item: str
    region: str
    usd: float
    source: str
    as_of: str
    usage_type: str = ""
    attributes: Mapping[str, str] | None = None
    """Of a product of AWS's list, which names no item: the usage type and the attributes say which it is."""

    def is_for(self, item: Item, region: str) -> bool:
        """Whether it is the price of `item` in `region`."""
        if self.region not in (region, EVERYWHERE):
            return False
        if self.attributes is None:
            return self.item == item.id
        if not item.usage_type or self.attributes.get("servicecode") != item.service_code:
            return False
        if self.usage_type != item.usage_type and not self.usage_type.endswith(
            "-" + item.usage_type
        ):
            return False
        # A product without the attribute is one of a service that does not tell them apart.
        return all(self.attributes.get(name, value) == value for name, value in item.attributes)


KNOWN = (
    Price(
        item="secret",
        region=EVERYWHERE,
        usd=0.40,
        source="https://aws.amazon.com/secrets-manager/pricing/, its examples; as transcribed in "
        "api-evangelist/amazon-secrets-manager, plans",
        as_of="2026-09-20",
    ),
    Price(
        item="kms-key",
        region=EVERYWHERE,
        usd=1.00,
        source="https://aws.amazon.com/kms/pricing/, Key storage, without rotated key material",
        as_of="2026-11-22",
    ),
)
"""What could be cited when this was written."""


def price_of(item: Item, region: str, prices: Sequence[Price]) -> Price | None:
    """The price, a file's before the table's; None when there is none, or two that differ."""
    found = [one for one in prices if one.is_for(item, region)]
    given = [one for one in found if one not in KNOWN] or found
    return given[0] if len({one.usd for one in given}) == 1 else None


def read_prices(path: Path) -> list[Price]:
    """The prices of a file, in one of the two formats of docs/mechanisms/cost.md. Raises NoPrices."""
    try:
        body = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NoPrices(f"{path} cannot be read as JSON ({type(error).__name__}).") from error
    if isinstance(body, dict) and isinstance(body.get("PriceList"), list):
        return list(_of_products(body["PriceList"], path))
    if isinstance(body, dict) and isinstance(body.get("prices"), list):
        return [_own(one, path) for one in body["prices"]]
    raise NoPrices(
        f"{path} has neither `PriceList`, as `aws pricing get-products` answers, nor `prices`."
    )


def _own(row: Any, path: Path) -> Price:
    try:
        price = Price(
            item=str(row["item"]),
            region=str(row["region"]),
            usd=float(row["usd"]),
            source=str(row["source"]),
            as_of=str(date.fromisoformat(row["as_of"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NoPrices(
            f"{path}: {row!r} is no price ({type(error).__name__}: {error}); needed are item, region, usd, "
            "source and as_of (a date)."
        ) from error
    if not 0 <= price.usd < float("inf") or not price.source:
        raise NoPrices(f"{path}: {row!r} is no price; usd is 0 or more, and the source is named.")
    return price


def _of_products(products: Sequence[Any], path: Path) -> Iterator[Price]:
    """The on-demand prices, of the first tier where there are several."""
    for given in products:
        try:
            product = json.loads(given) if isinstance(given, str) else given
            attributes = {
                str(key): str(value) for key, value in product["product"]["attributes"].items()
            }
            dimensions = [
                one
                for term in product.get("terms", {}).get("OnDemand", {}).values()
                for one in term["priceDimensions"].values()
                if float(one.get("beginRange", 0)) == 0
            ]
            for one in dimensions:
                if "USD" in one["pricePerUnit"]:
                    yield Price(
                        item="",
                        region=attributes.get("regionCode")
                        or LOCATIONS.get(attributes.get("location", ""), ""),
                        usd=float(one["pricePerUnit"]["USD"]),
                        source=f"AWS Price List, SKU {product['product'].get('sku', 'not named')}",
                        as_of=str(product.get("publicationDate", ""))[:10],
                        usage_type=attributes.get("usagetype", ""),
                        attributes={
                            "servicecode": str(product.get("serviceCode", "")),
                            **attributes,
                        },
                    )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NoPrices(
                f"{path}: an entry of PriceList is no product ({type(error).__name__}: {error})."
            ) from error
