"""Each rule is switched off, and the run that goes red without it is shown (E4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.mutants import ARGUED, MUTANTS
from simulator.partial_losses import DECIDED_SECONDS, LOSSES
from simulator.path import switches as path
from simulator.path.run import run_path
from simulator.run import Finding, run_authority
from simulator.switches import SWITCHES, switched_off


@dataclass(frozen=True)
class Killed:
    """What a rule's run showed with the rule and without it; empty: nothing was wrong."""

    rule: str
    without: str
    run: str
    with_rule: tuple[str, ...]
    without_rule: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Green with the rule, red without it."""
        return not self.with_rule and bool(self.without_rule)


def kill(rule: str) -> Killed:
    """Run with and without the rule. Raises ValueError for one without a switch."""
    with switched_off(rule):
        red = _wrong(SWITCHES[rule].run)
    run = SWITCHES[rule].run
    return Killed(rule, SWITCHES[rule].without, _named(run), _wrong(run), red)


def kill_in_path(rule: str) -> Killed:
    """The same in the path world."""
    switch = path.PATH_SWITCHES[rule]
    with path.switched_off(rule):
        red = _faulty(run_path(int(switch.run)))
    green = _faulty(run_path(int(switch.run)))
    return Killed(rule, switch.without, f"path seed {switch.run}", green, red)


def killers() -> Iterator[Killed]:
    """Every rule that has a switch in either world, one after another."""
    yield from (kill(rule) for rule in SWITCHES)
    yield from (kill_in_path(rule) for rule in path.PATH_SWITCHES)


def _named(run: int | str) -> str:
    return f"seed {run}" if isinstance(run, int) else run


def _wrong(run: int | str) -> tuple[str, ...]:
    if isinstance(run, int):
        return _faulty(run_authority(run))
    loss = LOSSES[run]
    found = loss.run()
    decided = loss.decided_after(found)
    if decided is None or decided > DECIDED_SECONDS:
        after = "never" if decided is None else f"after {decided:.0f} s"
        return (*_faulty(found), f"{run} is decided {after}")
    return _faulty(found)


def _faulty(finding: Finding) -> tuple[str, ...]:
    return tuple(sorted(finding.faulty))


def table() -> tuple[tuple[str, str, str], ...]:
    """Of each rule: what the code does without it, and what goes red; by rule."""
    rows = [
        *((rule, one.without, f"`{_named(one.run)}`") for rule, one in SWITCHES.items()),
        *((rule, one.without, f"path seed {one.run}") for rule, one in path.PATH_SWITCHES.items()),
        *(
            (one.rule, f"`{one.file}` is changed", f"`{one.test.removeprefix('tests/')}`")
            for one in MUTANTS
        ),
        *((rule, "argued", why) for rule, why in ARGUED.items()),
    ]
    return tuple(sorted(rows, key=lambda row: (row[0][0], int(rule_of(row[0])[1:]), row[0])))


def rule_of(name: str) -> str:
    """The code of a rule that has several switches, as `B10-close`."""
    return name.partition("-")[0]
