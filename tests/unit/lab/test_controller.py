"""The lab starts what ECS would: each service of the templates, by the command of its container."""

from __future__ import annotations

from lab.controller import COMMANDS
from lifeline.application import services
from lifeline.application.service_roles import Service
from lifeline.observability.path_metrics import SERVICES


def test_each_service_is_run_by_its_own_command() -> None:
    assert set(COMMANDS) == set(Service)
    for service in Service:
        assert list(COMMANDS[service]) == services.COMMANDS[service], service


def test_each_service_is_watched() -> None:
    assert set(SERVICES) == set(Service)
