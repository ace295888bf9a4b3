"""The lab starts what ECS would: each service of the templates, by the command of its container."""

from __future__ import annotations

from pathlib import Path

from lab.controller import COMMANDS, MIRROR, service_commands
from lifeline.application import services
from lifeline.application.service_roles import Service
from lifeline.foundation.images import Image
from lifeline.observability.path_metrics import SERVICES


def test_each_service_is_run_by_its_own_command() -> None:
    assert set(COMMANDS) == set(Service)
    for service in Service:
        assert list(COMMANDS[service]) == services.COMMANDS[service], service


def test_the_logs_are_copied_by_the_products_own_service(tmp_path: Path) -> None:
    assert MIRROR == Image.MIRROR
    command = service_commands(tmp_path / "mirror.properties")[MIRROR]
    assert command[-2:] == ["lifeline.replicator.Main", str(tmp_path / "mirror.properties")]


def test_each_service_is_watched() -> None:
    assert set(SERVICES) == set(Service)
