"""The prod assembly and an account to ask, shared by the preflight's tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest

from lifeline.preflight.account import Account
from lifeline.preflight.asking import planned, run_all
from lifeline.preflight.assembly import Assembly, read_assembly
from lifeline.preflight.probe import Certificate, Place, Probe, Result
from lifeline.preflight.probes import PROBES
from tests.conftest import Assembly as Synthesized
from tests.support.fake_account import FakeAccount, Reply
from tests.unit.preflight.good_account import ACCOUNT, GOOD, HOME, NOW

BUNDLE = (Certificate("Amazon RDS Root 2048 G1", "ab" * 20, NOW + 30 * 365 * 86_400),)

Preflight = Callable[..., list[Result]]


@pytest.fixture(scope="session")
def prod(assembly_of: Callable[..., Synthesized]) -> Assembly:
    """What `prod` with the suffix `test` would create."""
    return read_assembly(assembly_of("prod").folder, ACCOUNT)


@pytest.fixture(scope="session")
def everywhere(prod: Assembly) -> Place:
    """The home region's place with everything."""
    return Place(
        region=HOME,
        home=HOME,
        suffix="test",
        account=ACCOUNT,
        stacks=prod.stacks,
        resources=prod.resources,
        now=NOW,
        bundle=BUNDLE,
        profile="prod",
    )


@pytest.fixture
def preflight(prod: Assembly, everywhere: Place) -> Preflight:
    """Runs probes (`ids`, else all) against the good account, changed by `changes`."""

    def run(
        changes: Mapping[tuple[str, str], Reply] | None = None,
        *,
        ids: tuple[str, ...] = (),
        place: Place = everywhere,
        fake: FakeAccount | None = None,
    ) -> list[Result]:
        asked: list[Probe] = [one for one in PROBES if not ids or one.id in ids]
        account = Account(fake or FakeAccount({**GOOD, **(changes or {})}))
        return run_all(planned(asked, place, prod), account, now=time.monotonic)

    return run
