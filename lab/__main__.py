"""`python -m lab up|down|status|deploy|destroy|account`: the emulated regions for experiments by hand."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

from lab import inventory
from lab.account import serve
from lab.folder import port_base_of_running
from lab.lab import Lab
from lab.places import DATA_REGIONS
from lab.processes import end_leftovers, tree
from lab.waiting import LabError


def up(lab: Lab, *, engines_only: bool) -> None:
    """Start, deploy, and keep running until interrupted."""
    with lab:
        if not engines_only:
            lab.deploy()
        for region in DATA_REGIONS:
            print(f"{region}: {lab.regions[region]}")
        print(f"emulator: {lab.places.emulator_url()} (Ctrl-C or `python -m lab down` ends it)")
        while True:
            time.sleep(3600)


def destroy(lab: Lab) -> int:
    """`cdk destroy --all` in a lab that runs in another terminal; then what is left. 1 if anything is."""
    lab.stacks().destroy()
    left = inventory.of_suffix(inventory.take(lab.observer), lab.suffix)
    for each in left:
        print(each)
    print(f"destroyed {lab.suffix}: {len(left)} left")
    return 1 if left else 0


def down(workdir: Path) -> None:
    """End a lab that runs in another terminal, or what one left behind."""
    state = workdir / "processes.json"
    if state.is_file():
        owner = int(json.loads(state.read_text())["owner"])
        # The owner stops its controller first; else that would start again what is ended here.
        if owner != os.getpid() and any("lab" in p.cmdline() for p in tree(owner)[:1]):
            os.kill(owner, signal.SIGTERM)
            deadline = time.monotonic() + 20
            while state.is_file() and time.monotonic() < deadline:
                time.sleep(0.2)
    left = end_leftovers(workdir)
    print(f"ended: {', '.join(left)}" if left else "nothing left running")


def status(workdir: Path) -> None:
    """What runs."""
    state = workdir / "processes.json"
    if not state.is_file():
        print("no lab runs")
        return
    for row in json.loads(state.read_text())["processes"]:
        members = tree(row["pid"], row["started"])
        word = members[0].status() if members else "dead"
        megabytes = sum(p.memory_info().rss for p in members) // 2**20
        print(f"{row['name']:<22}{row['region']:<14}{row['pid']:>8}  {word:<10}{megabytes:>6} MB")


def main() -> int:
    """The command line. 0, or 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "deploy", "destroy", "account"))
    parser.add_argument("--suffix", default="drill", help="environmentSuffix (default: drill)")
    parser.add_argument("--profile", default="dev")
    parser.add_argument(
        "--port-base", type=int,
        help="first port (default: up takes a free block; deploy and destroy those of the lab that runs)",
    )  # fmt: skip
    parser.add_argument("--workdir", type=Path, default=Path("build/lab"))
    parser.add_argument("--engines-only", action="store_true", help="up: deploy nothing")
    given = parser.parse_args()
    try:
        if given.command == "down":
            down(given.workdir)
        elif given.command == "status":
            status(given.workdir)
        else:
            port_base = given.port_base
            if port_base is None and given.command not in ("up", "account"):
                port_base = port_base_of_running(given.workdir)
            lab = Lab(
                suffix=given.suffix, profile=given.profile, workdir=given.workdir,
                port_base=port_base,
            )  # fmt: skip
            if given.command == "deploy":
                for line in lab.deploy_stacks().lines():
                    print(line)
            elif given.command == "destroy":
                return destroy(lab)
            elif given.command == "account":
                serve(lab)
            else:
                up(lab, engines_only=given.engines_only)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
