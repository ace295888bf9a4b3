"""`python -m lab.emulated_app FOLDER`: the app as the CDK's command line gets it in a shell of the lab.

It takes the place of `app.py` by the variable `CDK_APP`. It runs `app.py`, refuses what AWS would refuse, and
leaves the rewritten assembly where the command line looks for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab.engines import certificates_folder
from lab.folder import port_base_of_running
from lab.places import Places
from lab.stacks import Stacks
from lab.toolkit import ROOT, SYNTH_SECONDS
from lab.waiting import LabError


def main(workdir: Path) -> int:
    """0, or 1 with one sentence on standard error."""
    stacks = Stacks(
        suffix="", profile="", places=_places(workdir), folder=workdir,
        log=workdir / "logs" / "cdk.log", say=print,
    )  # fmt: skip
    made = workdir / "synthesized"
    shutil.rmtree(made, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        env={**os.environ, "CDK_OUTDIR": str(made)}, timeout=SYNTH_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        return done.returncode
    stacks.rewrite()
    stacks.require_allowed()
    # Into what is there: the command line keeps a lock file of its own in the folder.
    shutil.copytree(stacks.assembly, os.environ["CDK_OUTDIR"], dirs_exist_ok=True)
    return 0


def _places(workdir: Path) -> Places:
    return Places(port_base_of_running(workdir), str(certificates_folder(workdir) / "ca.pem"))


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except LabError as error:
        sys.exit(str(error))
