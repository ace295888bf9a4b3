"""What the commands take: scenarios and numbers, checked as they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from drill.plan_steps import BUDGETS
from drill.scenarios import SCENARIOS

MOST_EVENTS_PER_SECOND = 20_000.0


def scenario(text: str) -> str:
    if text not in SCENARIOS:
        raise typer.BadParameter(f"{text!r} is no scenario: {', '.join(sorted(SCENARIOS))}")
    return text


def plan_step(text: str) -> str:
    if text not in BUDGETS:
        raise typer.BadParameter(f"{text!r} is no step of the plan: {', '.join(BUDGETS)}")
    return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"must be a number, got {text!r}") from None


def within(what: str, low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = _number(text)
        if not low <= value <= high:
            raise typer.BadParameter(f"{what} must be from {low:g} to {high:g}, got {text}")
        return value

    return parse


def count(given: str | int) -> int:
    # Typer parses a default, too.
    text = str(given)
    if not text.isdecimal() or int(text) > 100:
        raise typer.BadParameter(f"must be a whole number from 0 to 100, got {text}")
    return int(text)


Before = Annotated[
    float,
    typer.Option(
        parser=within("seconds", 1, 3600), metavar="SECONDS", help="Streaming before the fault."
    ),
]
Seed = Annotated[int, typer.Option(help="Monitors, shifts and ids follow from it.")]
