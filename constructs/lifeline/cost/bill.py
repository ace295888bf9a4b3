"""The bill of a month: each quantity with its price, and a total that says what it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lifeline.cost.prices import Price, price_of
from lifeline.cost.quantities import Quantity

DAYS_PER_MONTH = 365 / 12


@dataclass(frozen=True)
class Line:
    """One quantity; without a price nobody knows what it costs."""

    quantity: Quantity
    price: Price | None

    @property
    def usd(self) -> float | None:
        """A month's; None is not known."""
        return None if self.price is None else self.quantity.amount * self.price.usd


@dataclass(frozen=True)
class Bill:
    """All lines, by region and service."""

    lines: tuple[Line, ...]

    @property
    def usd(self) -> float:
        """The sum of what is known."""
        return sum(line.usd or 0.0 for line in self.lines)

    @property
    def unknown(self) -> int:
        """Lines without a price."""
        return sum(line.price is None for line in self.lines)

    def of(self, region: str, service: str) -> Bill:
        """One service's part in one region."""
        return Bill(
            tuple(
                line
                for line in self.lines
                if line.quantity.region == region and line.quantity.item.service == service
            )
        )

    @property
    def words(self) -> str:
        """The total as a sentence's end: never a number that leaves out what is unknown without a word."""
        if self.unknown == len(self.lines):
            return "unknown"
        least = "at least " if self.unknown else ""
        return f"{least}{self.usd:,.2f} USD"


def bill_of(found: Sequence[Quantity], prices: Sequence[Price]) -> Bill:
    """The bill, in the order of region, service and item."""
    order = sorted(found, key=lambda one: (one.region, one.item.service, one.item.id))
    return Bill(tuple(Line(one, price_of(one.item, one.region, prices)) for one in order))
