"""Every state of a state machine, whether each is reached, and what its longest run writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lifeline.lambdas.failover.plan import MAX_ROUNDS, POINT_OF_NO_RETURN, Outcome


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


@dataclass
class WorstRun:
    """A run that recovers after every failure there is: it goes through the states, and counts its events.

    A step that is repeated fails until its last round. The promotion and its release fail, too, and the
    release then finds the promotion accepted. What may degrade does.
    """

    events: int = 1
    rounds: Counter[str] = field(default_factory=Counter)

    def go(self, machine: dict[str, Any], start: str = "") -> str:
        """Run the machine; the name of the state in which it ended."""
        name = start or machine["StartAt"]
        while True:
            state = machine["States"][name]
            following = self._visit(name, state, machine["States"])
            if not following:
                return name
            name = following

    def _visit(self, name: str, state: dict[str, Any], states: dict[str, Any]) -> str:
        self.events += 2
        match state["Type"]:
            case "Task":
                attempts = 1 + sum(one["MaxAttempts"] for one in state.get("Retry", []))
                self.events += 4 * attempts
                if self._fails(name, states):
                    return str(state["Catch"][-1]["Next"])
            case "Parallel":
                self.events += 2
                for branch in state["Branches"]:
                    end = self.go(branch)
                    assert branch["States"][end]["Type"] != "Fail", end
            case "Choice":
                return self._choose(state)
        return str(state.get("Next", ""))

    def _fails(self, name: str, states: dict[str, Any]) -> bool:
        if f"{name}_again" in states:
            self.rounds[name] += 1
            return self.rounds[name] < MAX_ROUNDS
        return name == POINT_OF_NO_RETURN or f"{name}_degraded" in states

    def _choose(self, state: dict[str, Any]) -> str:
        (choice,) = state["Choices"]
        if "StringEquals" in choice:
            assert choice["StringEquals"] == Outcome.PROMOTION_ACCEPTED
            return str(choice["Next"])
        name = choice["Variable"].split(".")[2]
        reached = self.rounds[name] >= choice["NumericGreaterThanEquals"]
        return str(choice["Next"] if reached else state["Default"])
