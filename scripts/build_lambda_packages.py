"""Fetch the packages that the functions need into build/lambda: `make setup` runs it, synth never does.

`pure/` goes into the asset that all functions share; `native/python/` becomes the stream bridge's arm64
layer. What differs from one installation to the next (bytecode, records, installer notes) is stripped, so
that two machines make byte-equal assets. Already built from the same pins: nothing happens.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "lambda"
FORMAT = "2"
PYTHON = "3.14"
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
PROVIDED_BY_THE_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "bin")
VARYING_FILES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


def fetch(requirements: Path, target: Path) -> None:
    """Install what `requirements` pins, byte for byte, into `target` for Lambda's machine."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--upgrade"]
    command += ["--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    command += ["--no-deps", "--require-hashes"]  # the lists are complete: nothing else comes along
    command += ["--target", str(target), "--requirement", str(requirements)]
    subprocess.run(command, check=True)


def strip(target: Path) -> None:
    """Remove what the runtime has and what differs between two installations of the same pins."""
    for entry in target.iterdir():
        if entry.name.split("-")[0].lower() in PROVIDED_BY_THE_RUNTIME:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_dir() and path.name == "__pycache__":
            shutil.rmtree(path)
        elif path.name in VARYING_FILES or path.suffix == ".pyc":
            path.unlink()
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def build(name: str, requirements: Path, *, inside: str) -> None:
    """Make `build/lambda/{name}` anew, unless it was made from the same pins."""
    stamp = hashlib.sha256((FORMAT + requirements.read_text()).encode()).hexdigest()
    done = BUILD / f"{name}.stamp"
    if done.exists() and done.read_text() == stamp and (BUILD / name).is_dir():
        return
    fresh = BUILD / f".{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fetch(requirements, fresh / inside)
    strip(fresh / inside)
    shutil.rmtree(BUILD / name, ignore_errors=True)
    fresh.rename(BUILD / name)
    done.write_text(stamp)


def main() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    build("pure", ROOT / "lambdas" / "requirements.txt", inside=".")
    build("native", ROOT / "lambdas" / "requirements-native.txt", inside="python")


if __name__ == "__main__":
    main()
