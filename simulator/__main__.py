"""`python -m simulator`: run seeds, tell the story of one, keep one as a scenario."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from simulator import scenarios
from simulator.killers import killers
from simulator.partial_losses import DECIDED_SECONDS, LOSSES
from simulator.properties import END_SECONDS
from simulator.run import Finding, run_authority, shrink
from simulator.sometimes import SOMETIMES

app = typer.Typer(
    help="The shipped recovery code on a virtual clock: one seed, one run, one trace.",
    no_args_is_help=True,
    add_completion=False,
)
Seed = Annotated[int, typer.Argument(help="The number from which a run's chance comes.", min=0)]


@app.command()
def run(
    seeds: Annotated[int, typer.Option(help="How many runs.", min=1)] = 300,
    first: Annotated[int, typer.Option("--from", help="The first seed.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    all_states: Annotated[
        bool, typer.Option("--all-states", help="Fail when a rare state was not reached.")
    ] = False,
) -> None:
    """Run seeds of the authority world. The last line is JSON; the exit status is 1 if a run failed."""
    console = Console(stderr=True)
    failed: list[int] = []
    violations = stuck = 0
    seconds = 0.0
    reached: set[str] = set()
    whole = hashlib.sha256()
    with Progress(console=console) as progress, ProcessPoolExecutor(workers) as pool:
        task = progress.add_task("simulate", total=seeds)
        for finding, spent in pool.map(_timed, range(first, first + seeds), chunksize=4):
            seconds += spent
            violations += len(finding.violations)
            stuck += len(finding.stuck)
            reached |= finding.reached
            whole.update(finding.hash.encode())
            if not finding.well:
                failed.append(finding.seed)
                console.print(f"seed {finding.seed}: {'; '.join(sorted(finding.faulty))}")
            progress.advance(task)
    unreached = sorted(SOMETIMES - reached)
    for seed in failed[:3]:
        console.print(f"[b]the story of seed {seed}[/b]: python -m simulator story {seed}")
    simulated = seeds * END_SECONDS
    print(
        json.dumps(
            {
                "seeds": seeds,
                "simulated_hours": round(simulated / 3600, 1),
                "factor": {"authority": round(simulated / seconds)},
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
    whole: Annotated[
        bool, typer.Option("--whole", help="With all of its faults, not only those it needs.")
    ] = False,
) -> None:
    """Tell what happened in a run: time, who, what. A failed run is told with as few faults as it needs."""
    finding = _found(seed)
    if not finding.well and not whole:
        finding = shrink(finding)
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
) -> None:
    """Keep a run as a named scenario, which the tests run from then on."""
    finding = _found(seed)
    kept = finding if finding.well else shrink(finding)
    try:
        print(scenarios.keep(kept, name=name, story=because))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _found(seed: int) -> Finding:
    logging.disable(logging.CRITICAL)
    return run_authority(seed)


def _timed(seed: int) -> tuple[Finding, float]:
    began = time.process_time()
    return _found(seed), time.process_time() - began


if __name__ == "__main__":
    app()
