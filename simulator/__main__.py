"""`python -m simulator`: run seeds of a world, tell the story of one, keep one as a scenario."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from simulator import scenarios
from simulator.done import Done, Ran
from simulator.killers import killers
from simulator.mutants import ARGUED, survivors
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
    resume: Annotated[
        Path | None,
        typer.Option(help="Keep the runs in this file, and do not repeat those that it holds."),
    ] = None,
) -> None:
    """Run seeds. The last line is JSON; the exit status is 1 if a run failed."""
    console = Console(stderr=True)
    try:
        done = Done(resume)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    worlds = [world] if world else list(Name)
    numbers = range(first, first + seeds)
    with (
        Progress(console=console) as progress,
        # `gc.freeze`: what is imported stays, and need not be looked through after each run.
        ProcessPoolExecutor(workers, initializer=gc.freeze) as pool,
    ):
        for name in worlds:
            left = [seed for seed in numbers if done.get(name, seed) is None]
            task = progress.add_task(name, total=seeds, completed=seeds - len(left))
            for ran in pool.map(partial(_ran, name), left, chunksize=4):
                done.keep(ran)
                if not ran.well:
                    console.print(f"{name} {ran.seed}: {'; '.join((*ran.violations, *ran.stuck))}")
                progress.advance(task)
    runs = {
        name: [one for one in (done.get(name, seed) for seed in numbers) if one] for name in worlds
    }
    every = [ran for name in worlds for ran in runs[name]]
    unreached = [
        state
        for name in worlds
        for state in sorted(WORLDS[name].sometimes.difference(*(ran.reached for ran in runs[name])))
    ]
    failed = [ran for ran in every if not ran.well]
    for ran in failed[:3]:
        console.print(f"[b]its story[/b]: python -m simulator story {ran.seed} --world {ran.world}")
    simulated = {name: seeds * WORLDS[name].seconds for name in worlds}
    spent = {name: sum(ran.seconds for ran in runs[name]) for name in worlds}
    print(
        json.dumps(
            {
                "seeds": seeds,
                "simulated_hours": round(sum(simulated.values()) / 3600, 1),
                "factor": {name: round(simulated[name] / spent[name]) for name in worlds},
                "violations": sum(len(ran.violations) for ran in every),
                "stuck": sum(len(ran.stuck) for ran in every),
                "unreached": unreached,
                "trace_hash": hashlib.sha256(
                    "".join(ran.hash for ran in every).encode()
                ).hexdigest(),
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
    """Switch off each built rule, by a switch or by a change of the code, and show what goes red (E4)."""
    logging.disable(logging.CRITICAL)
    survived = False
    for one in killers():
        survived |= not one.well
        print(
            f"{one.rule} off ({one.without}), {one.run}: {'; '.join(one.without_rule) or 'GREEN'}"
        )
        if one.with_rule:
            print(f"  and with the rule: {'; '.join(one.with_rule)}")
    for mutant, wrong in survivors():
        survived |= bool(wrong)
        print(f"{mutant.rule} out of {mutant.file}, {mutant.test}: {wrong or 'red'}")
    for rule, why in ARGUED.items():
        print(f"{rule} has no killer: {why}")
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


def _ran(world: Name, seed: int) -> Ran:
    began = time.process_time()
    found = _found(world, seed)
    return Ran(
        world=world.value,
        seed=seed,
        hash=found.hash,
        violations=found.violations,
        stuck=found.stuck,
        reached=tuple(sorted(found.reached)),
        seconds=time.process_time() - began,
    )


if __name__ == "__main__":
    app()
