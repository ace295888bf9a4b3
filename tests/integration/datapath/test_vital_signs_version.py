"""The version of a patient's vital signs: cheap however much was corrected, and it misses no change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.services.event_applier.store import Store
from lifeline.services.query_api import vital_signs_lookup
from lifeline.services.query_api.event_lookup import EventLookup
from lifeline.services.query_api.vital_signs_lookup import version_of
from lifeline.services.shared.database import connect
from tests.integration.datapath.applying import region_settings
from tests.integration.datapath.test_kept_vital_signs import (
    answer,
    cache,
    direct,
    lookup,
    server,
    value,
    warm,
)
from tests.integration.datapath.test_vital_signs import apply, rate, store
from tests.integration.datapath.workload_users import WORKLOAD, let_in

__all__ = ["cache", "direct", "lookup", "server", "store"]
Sql = Callable[..., list[Any]]
Workload = psycopg.Connection[Any]
CORRECTED = """
INSERT INTO observation_correction AS held
SELECT 'Patient', %s, md5(%s || n::text), 'amended', clock_timestamp(), 1, gen_random_uuid()
FROM generate_series(1, %s) AS n
ON CONFLICT (aggregate_type, aggregate_id, name) DO UPDATE SET event_id = excluded.event_id
WHERE %s
"""
PAGES = 40
"""Of 8 KB that one look may read: two indexes of any depth, and a patient's row for each code."""


@pytest.fixture
def workload(database: DatabaseAddress) -> Iterator[Workload]:
    """What the services sign in as."""
    with let_in(database), connect(replace(database, user=WORKLOAD), purpose="test") as one:
        yield one


def version(connection: psycopg.Connection[Any], patient: str = "p-1") -> str:
    return version_of(connection, "Patient", patient)


def corrected(sql: Sql, names: int, *, patient: str = "p-1", newer: bool = True) -> None:
    sql(CORRECTED, patient, patient, names, newer)


def pages_read(connection: psycopg.Connection[Any]) -> int:
    explained = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + vital_signs_lookup.VERSION
    (row,) = connection.execute(
        explained.encode(), {"type": "Patient", "id": "p-1"}
    ).fetchone() or ([],)
    plan = row[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_a_look_costs_the_same_however_many_names_were_corrected(
    store: Store, connection: psycopg.Connection[Any], sql: Sql
) -> None:
    """One legal Observation may have thousands of identifiers, and each read asks for the version."""
    apply(store, rate(1, 61))
    corrected(sql, 20_000)
    sql("ANALYZE")
    assert pages_read(connection) <= PAGES


@pytest.mark.parametrize("names", [1, 3])
def test_each_correction_changes_the_version_of_its_patient_alone(
    store: Store, connection: psycopg.Connection[Any], sql: Sql, names: int
) -> None:
    apply(store, rate(1, 61))
    seen = [version(connection)]
    for _ in range(3):  # new names, then newer corrections of the same ones
        corrected(sql, names)
        seen.append(version(connection))
    assert len(set(seen)) == 4
    corrected(sql, names, newer=False)
    corrected(sql, names, patient="p-2")
    assert version(connection) == seen[-1], "nothing of this patient changed"


def test_a_version_never_comes_back(
    store: Store, connection: psycopg.Connection[Any], sql: Sql
) -> None:
    """An older answer lies in the cache for two minutes: forgetting corrections must not make it count."""
    apply(store, rate(1, 61))
    seen = {version(connection)}
    for _ in range(3):
        corrected(sql, 2)
        seen.add(version(connection))
        sql("DELETE FROM observation_correction")
    assert len(seen) == 4


def test_the_release_before_changes_the_version_too(
    store: Store, connection: psycopg.Connection[Any], workload: Workload, sql: Sql
) -> None:
    """It knows nothing of the version, and has no right to its table before `migrate` ends."""
    sql(f"REVOKE ALL ON correction_version, correction_version_number FROM {WORKLOAD}")
    before = version(connection)
    workload.execute(CORRECTED.encode(), ("p-1", "p-1", 2, True))
    assert version(connection) != before


def test_a_database_that_is_not_migrated_yet_answers_without_the_cache(
    store: Store, lookup: EventLookup, direct: Any, sql: Sql
) -> None:
    """A release is deployed before it migrates."""
    apply(store, rate(1, 61, id="a"))
    sql("ALTER TABLE correction_version RENAME TO gone")
    try:
        found = [answer(lookup) for _ in range(2)]
    finally:
        sql("ALTER TABLE gone RENAME TO correction_version")
    assert [(value(one), one["cached"]) for one in found] == [(61, False)] * 2
    assert direct.keys() == []
    warm(lookup)


def test_a_table_that_may_not_be_read_yet_is_as_good_as_none(
    store: Store, database: DatabaseAddress, cache: Any, workload: Workload, sql: Sql
) -> None:
    """`migrate` grants after it has made the table."""
    apply(store, rate(1, 61))
    sql(f"REVOKE ALL ON correction_version FROM {WORKLOAD}")
    reader = EventLookup(replace(database, user=WORKLOAD), region_settings(), 1, cache=cache)
    assert [(value(one), one["cached"]) for one in (answer(reader), answer(reader))] == [
        (61, False)
    ] * 2


def test_an_entry_of_the_release_before_is_a_miss(
    store: Store, connection: psycopg.Connection[Any], sql: Sql
) -> None:
    """Its version says less: corrections of before the migration are in no row of the new table."""
    apply(store, rate(1, 61))
    (old,) = sql(
        "SELECT encode(sha256(convert_to(string_agg(concat_ws(' ', code, array_to_string(readings, ',')),"
        " ';' ORDER BY code), 'UTF8')), 'hex') FROM vital_sign WHERE aggregate_id = 'p-1'"
    )
    assert len(version(connection)) == len(old[0]) == 64
    assert version(connection) != old[0]
