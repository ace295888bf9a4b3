"""The lab starts what ECS would: each service of the templates, by the command of its container."""

from __future__ import annotations

from pathlib import Path

from lab.controller import COMMANDS, MIRROR, service_commands
from lifeline.application import services
from lifeline.application.service_roles import Service
from lifeline.foundation.images import Image
from lifeline.observability.path_metrics import SERVICES, PathMetrics

OF_A_WARM_STANDBY = set(Service) - {Service.WATERMARK}
"""The lab runs this strategy only; a pilot light's service `watermark` ran nowhere yet (docs/status.md)."""


def test_each_service_is_run_by_its_own_command() -> None:
    assert set(COMMANDS) == OF_A_WARM_STANDBY
    for service in OF_A_WARM_STANDBY:
        assert list(COMMANDS[service]) == services.COMMANDS[service], service


def test_the_logs_are_copied_by_the_products_own_service(tmp_path: Path) -> None:
    assert MIRROR == Image.MIRROR
    command = service_commands(tmp_path / "mirror.properties")[MIRROR]
    assert command[-2:] == ["lifeline.replicator.Main", str(tmp_path / "mirror.properties")]


def test_each_service_is_watched() -> None:
    """A pilot light's `watermark` and the archiver, which never rest, by alarms of their own."""
    assert {*SERVICES, "archiver"} == OF_A_WARM_STANDBY
    assert {"watermark_tasks", "archiver_tasks"} <= set(PathMetrics.__dataclass_fields__)
