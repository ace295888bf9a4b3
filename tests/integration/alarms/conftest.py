"""The alarms of one synthesized environment."""

from __future__ import annotations

import pytest

from tests.conftest import Assembly
from tests.integration.alarms.deployed import Deployed


@pytest.fixture(scope="session")
def deployed(dev: Assembly) -> Deployed:
    """Of the dev profile."""
    return Deployed(dev)
