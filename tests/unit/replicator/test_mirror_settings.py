"""What MirrorMaker's settings must say: no loop, no reordering, nothing created, both regions alike."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lifeline.lambdas.contracts.replicator import Replicator
from lifeline.streaming.mirror_maker import SCRATCH

FOLDER = Path(__file__).resolve().parents[3] / "services" / "replicator"


@pytest.fixture
def settings() -> dict[str, str]:
    """`mirror.properties` as Java reads it: the last value of a key counts, so none may come twice."""
    found: dict[str, str] = {}
    for line in (FOLDER / "mirror.properties").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        key, value = (part.strip() for part in line.split("=", 1))
        assert key not in found, key
        found[key] = value
    return found


def test_one_direction_with_identical_names_and_the_provenance_filter(
    settings: dict[str, str],
) -> None:
    assert settings["peer->own.enabled"] == "true"
    assert settings["own->peer.enabled"] == "false"
    assert settings["replication.policy.class"].endswith(".IdentityReplicationPolicy")
    assert settings["peer->own.transforms"] == "provenance"
    assert settings["peer->own.transforms.provenance.source.log"] == "${env:PEER_LOG}"
    assert settings["peer->own.transforms.provenance.target.log"] == "${env:OWN_LOG}"
    package, _, name = settings["peer->own.transforms.provenance.type"].rpartition(".")
    source = FOLDER / "src/main/java" / package.replace(".", "/") / f"{name}.java"
    assert 'HEADER = "replicated-from"' in source.read_text()


def test_brokers_are_verified_by_name_against_javas_own_authorities(
    settings: dict[str, str],
) -> None:
    """An empty algorithm would take any name; a store of our own would be one more thing to renew."""
    assert settings["security.protocol"] == "SASL_SSL"
    named = {key: value for key, value in settings.items() if "ssl." in key}
    assert named == {"ssl.endpoint.identification.algorithm": "https"}


def test_order_is_kept_and_nothing_is_skipped(settings: dict[str, str]) -> None:
    assert settings["own.producer.enable.idempotence"] == "true"
    assert settings["own.producer.acks"] == "all"
    assert int(settings["own.producer.max.in.flight.requests.per.connection"]) <= 5
    assert settings["peer->own.errors.tolerance"] == "none"
    assert settings["peer->own.consumer.auto.offset.reset"] == "earliest"
    assert settings["own.exactly.once.source.support"] == "disabled"


def test_topics_are_nobodys_to_create_or_change_but_the_templates(
    settings: dict[str, str],
) -> None:
    assert settings["sync.topic.configs.enabled"] == "false"
    assert settings["sync.topic.acls.enabled"] == "false"
    assert settings["offset-syncs.topic.location"] == "target"


def test_the_window_is_not_kept_small_over_a_long_link(settings: dict[str, str]) -> None:
    """Measured by `bench/long_link.py`: 7 MB/s with Kafka's own buffers over 60 ms, 58 MB/s without."""
    assert settings["peer->own.consumer.receive.buffer.bytes"] == "-1"


def test_brokers_are_reached_by_iam_over_tls_only(settings: dict[str, str]) -> None:
    assert settings["security.protocol"] == "SASL_SSL"
    assert settings["sasl.mechanism"] == "AWS_MSK_IAM"


def test_every_variable_is_given_by_the_construct(settings: dict[str, str]) -> None:
    asked = {name for value in settings.values() for name in re.findall(r"\$\{env:(\w+)\}", value)}
    asked |= set(re.findall(r'getenv\("(\w+)"\)', _java()))
    assert asked == set(Replicator.variable_names()) == set(Replicator.written_names())


def test_the_images_jars_are_pinned_byte_for_byte() -> None:
    pinned = (FOLDER / "jars.sha256").read_text().splitlines()
    assert all(re.fullmatch(r"[0-9a-f]{64}  [\w.\-]+\.jar", line) for line in pinned)
    names = {line.split()[1] for line in pinned}
    assert {"connect-mirror-4.1.2.jar", "aws-msk-iam-auth-2.3.9.jar"} <= names
    for artifact, version in re.findall(
        r"<artifactId>([\w-]+)</artifactId>\s*<version>([\d.]+)</version>\s*"
        r"(?:<scope>runtime</scope>\s*)?</dependency>",
        (FOLDER / "pom.xml").read_text(),
    ):
        assert f"{artifact}-{version}.jar" in names
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert "sha256sum --check --strict" in dockerfile
    assert "USER 10001" in dockerfile


def _java() -> str:
    return "".join(path.read_text() for path in sorted(FOLDER.rglob("*.java")))


def test_the_image_gives_its_user_the_folder_that_the_task_mounts() -> None:
    """Without a declared volume that it owns, the mounted folder is root's and nothing is unpacked."""
    text = (FOLDER / "Dockerfile").read_text().replace("\\\n", " ")
    final = text[text.rindex("FROM ") :]
    assert f"chown 10001 {SCRATCH}" in final
    assert final.index("chown") < final.index("VOLUME") < final.index("USER 10001")
    assert json.loads(_said(final, "VOLUME")) == [SCRATCH]
    command = json.loads(_said(final, "ENTRYPOINT"))
    assert f"-Djava.io.tmpdir={SCRATCH}" in command
    assert "-XX:-UsePerfData" in command
    assert not any("/tmp" in word for word in command)


def _said(dockerfile: str, instruction: str) -> str:
    (found,) = re.findall(rf"^{instruction} (.*)$", dockerfile, re.MULTILINE)
    return str(found)
