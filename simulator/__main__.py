"""`python -m simulator`: run seeds of a world, tell the story of one, keep one as a scenario."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from simulator import scenarios
from simulator.killers import killers
from simulator.partial_losses import DECIDED_SECONDS, LOSSES
from simulator.run import Finding, shrink
from simulator.worlds import WORLDS, Name

app = typer.Typer(
    help="The shipped recovery code on a virtual clock: one seed, one run, one trace.",
    no_args_is_help=True,
    add_completion=False,
)
Which = Annotated[Name, typer.Option("--world", help="Which world.")]
Seed = Annotated[int, typer.Argument(help="The number from which a run's chance comes.", min=0)]


@app.command()
def run(
    seeds: Annotated[int, typer.Option(help="How many runs.", min=1)] = 300,
    first: Annotated[int, typer.Option("--from", help="The first seed.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    all_states: Annotated[
        bool, typer.Option("--all-states", help="Fail when a rare state was not reached.")
    ] = False,
    world: Annotated[
        Name | None, typer.Option("--world", help="Which world; every one if not given.")
    ] = None,
) -> None:
    """Run seeds. The last line is JSON; the exit status is 1 if a run failed."""
    console = Console(stderr=True)
    failed: list[tuple[Name, int]] = []
    violations = stuck = 0
    spent = dict.fromkeys([world] if world else Name, 0.0)
    unreached: list[str] = []
    whole = hashlib.sha256()
    with Progress(console=console) as progress, ProcessPoolExecutor(workers) as pool:
        for name in spent:
            reached: set[str] = set()
            task = progress.add_task(name, total=seeds)
            numbers = range(first, first + seeds)
            for finding, seconds in pool.map(partial(_timed, name), numbers, chunksize=4):
                spent[name] += seconds
                violations += len(finding.violations)
                stuck += len(finding.stuck)
                reached |= finding.reached
                whole.update(finding.hash.encode())
                if not finding.well:
                    failed.append((name, finding.seed))
                    console.print(f"{name} {finding.seed}: {'; '.join(sorted(finding.faulty))}")
                progress.advance(task)
            unreached += sorted(WORLDS[name].sometimes - reached)
    for name, seed in failed[:3]:
        console.print(f"[b]its story[/b]: python -m simulator story {seed} --world {name}")
    simulated = {name: seeds * WORLDS[name].seconds for name in spent}
    print(
        json.dumps(
            {
                "seeds": seeds,
                "simulated_hours": round(sum(simulated.values()) / 3600, 1),
                "factor": {name: round(simulated[name] / spent[name]) for name in spent},
                "violations": violations,
                "stuck": stuck,
                "unreached": unreached,
                "trace_hash": whole.hexdigest(),
            }
        )
    )
    if failed or (all_states and unreached):
        raise typer.Exit(1)


@app.command()
def story(
    seed: Seed,
    world: Which = Name.AUTHORITY,
    whole: Annotated[
        bool, typer.Option("--whole", help="With all of its faults, not only those it needs.")
    ] = False,
) -> None:
    """Tell what happened in a run: time, who, what. A failed run is told with as few faults as it needs."""
    finding = _found(world, seed)
    if not finding.well and not whole:
        finding = shrink(finding, WORLDS[world].run)
    for line in finding.lines:
        print(line)
    said = "; ".join(sorted(finding.faulty)) or "nothing was violated, and nobody stood still"
    print(f"seed {seed}, faults {list(finding.faults)}: {said}")
    raise typer.Exit(0 if finding.well else 1)


@app.command()
def losses(
    name: Annotated[str, typer.Argument(help="One of them; without it all are run.")] = "",
) -> None:
    """Run partial losses and say after how many seconds each was decided; of one, tell the story."""
    logging.disable(logging.CRITICAL)
    if name and name not in LOSSES:
        raise typer.BadParameter(f"no partial loss is called {name!r}: {', '.join(LOSSES)}")
    undecided = False
    for one in [name] if name else LOSSES:
        loss = LOSSES[one]
        finding = loss.run()
        for line in finding.lines if name else ():
            print(line)
        after = loss.decided_after(finding)
        undecided |= not finding.well or after is None or after > DECIDED_SECONDS
        said = "; ".join(sorted(finding.faulty)) or loss.story
        print(f"{one}: decided {'never' if after is None else f'after {after:.0f} s'}. {said}")
    raise typer.Exit(1 if undecided else 0)


@app.command("killers")
def show_killers() -> None:
    """Switch off each rule that has a switch, and show the run that goes red without it (E4)."""
    logging.disable(logging.CRITICAL)
    survived = False
    for one in killers():
        survived |= not one.well
        print(
            f"{one.rule} off ({one.without}), {one.run}: {'; '.join(one.without_rule) or 'GREEN'}"
        )
        if one.with_rule:
            print(f"  and with the rule: {'; '.join(one.with_rule)}")
    raise typer.Exit(1 if survived else 0)


@app.command()
def keep(
    seed: Seed,
    name: Annotated[str, typer.Argument(help="Lower-case words joined by '-'.")],
    because: Annotated[str, typer.Option("--because", help="What the run shows, in a sentence.")],
    world: Which = Name.AUTHORITY,
) -> None:
    """Keep a run as a named scenario, which the tests run from then on."""
    finding = _found(world, seed)
    kept = finding if finding.well else shrink(finding, WORLDS[world].run)
    try:
        print(scenarios.keep(kept, name=name, story=because, world=world))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _found(world: Name, seed: int) -> Finding:
    logging.disable(logging.CRITICAL)
    return WORLDS[world].run(seed, None)


def _timed(world: Name, seed: int) -> tuple[Finding, float]:
    began = time.process_time()
    return _found(world, seed), time.process_time() - began


if __name__ == "__main__":
    app()
