"""Every state of a state machine, and whether each is reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def machines(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The states of the machine and of every branch in it."""
    yield machine["States"]
    for state in machine["States"].values():
        for branch in state.get("Branches", []):
            yield from machines(branch)


def successors(state: dict[str, Any]) -> set[str]:
    """The states that may follow."""
    found = {state[key] for key in ("Next", "Default") if key in state}
    found |= {catch["Next"] for catch in state.get("Catch", [])}
    return found | {choice["Next"] for choice in state.get("Choices", [])}


def walk(machine: dict[str, Any]) -> None:
    """Every state is reached and every next one exists, in the machine and in each branch."""
    reached, todo = set(), [machine["StartAt"]]
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        reached.add(name)
        state = machine["States"][name]
        todo.extend(successors(state))
        for branch in state.get("Branches", []):
            walk(branch)
    assert reached == set(machine["States"])
