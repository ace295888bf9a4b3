"""The lab's logs and replicators are the product's: its releases, and its settings but for the place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab import kafka
from lab.broker import server_properties
from lab.places import HOME, Places
from lifeline.broker_settings import BROKER_SETTINGS
from scripts import kafka_jars

ROOT = Path(__file__).resolve().parents[3]
IMAGE = ROOT / "services" / "replicator"
OF_THE_SIGN_IN = re.compile(
    r"(aws-|.*-2\.51\.2\.jar|httpclient5|httpcore5|reactive-streams|eventstream)"
)
"""AWS's library and what only it needs."""


def image_jars() -> dict[str, str]:
    """SHA-256 by name, of the product's image."""
    lines = (IMAGE / "jars.sha256").read_text().splitlines()
    return {name: sha256 for sha256, name in map(str.split, lines)}


def test_the_replicator_runs_on_the_jars_of_its_image() -> None:
    lab = {Path(path).name: sha256 for path, sha256 in kafka.locked().items()}
    for name, sha256 in image_jars().items():
        if OF_THE_SIGN_IN.match(name):
            assert name not in lab, name
        else:
            assert lab[name] == sha256, name
    classpath = kafka.replicator_command(Path("x"))[-3].split(":")
    assert {Path(one).name for one in classpath[1:]} == set(lab) & set(image_jars())


def test_the_replicators_settings_differ_where_it_says() -> None:
    shipped = (IMAGE / "mirror.properties").read_text().splitlines()
    used = kafka.replicator_settings().splitlines()
    changed = {line.partition("=")[0].strip() for line in set(shipped) ^ set(used)}
    assert changed == {*kafka.LOCAL, *kafka.SIGN_IN}


def test_a_brokers_settings_differ_where_one_broker_must() -> None:
    used = server_properties(HOME, Places(20_000), Path("data"))
    differ = {name for name, value in BROKER_SETTINGS.items() if used[name] != value}
    assert differ == {"default.replication.factor", "min.insync.replicas"}


def test_the_peer_is_told_the_link_and_not_the_door() -> None:
    """A client goes to the address that a broker advertises: any other would go around a cut link."""
    places = Places(20_000)
    told = str(server_properties(HOME, places, Path("data"))["advertised.listeners"])
    link = places.link("log", "ca-west-1", HOME)
    assert f"PEER://127.0.0.1:{link.listen_port}" in told
    assert str(places.broker_export(HOME)) not in told


def test_a_jar_that_is_not_the_locked_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    (repository / "org").mkdir(parents=True)
    (repository / "org" / "a.jar").write_bytes(b"another")
    monkeypatch.setattr(kafka_jars, "JARS", tmp_path)
    with pytest.raises(
        kafka_jars.FetchError, match=r"is not the jar that kafka-jars\.sha256 names"
    ):
        kafka_jars.fetch(repository.as_uri(), "org/a.jar", "0" * 64)
    assert not (tmp_path / "a.jar").exists()


def test_a_repository_that_has_it_not_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_jars, "JARS", tmp_path)
    with pytest.raises(kafka_jars.FetchError, match="MAVEN_REPOSITORY"):
        kafka_jars.fetch(tmp_path.as_uri(), "org/a.jar", "0" * 64)
