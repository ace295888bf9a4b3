"""The bench's parts that write into the database by statements of their own, at a small size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bench import full_partition, store_path
from lifeline.lambdas.contracts.database import DatabaseAddress


def test_the_filler_fills_todays_partition(
    connection: psycopg.Connection[Any], sql: Callable[..., list[Any]]
) -> None:
    full_partition.fill(connection, 1_000)
    today = f"event_{store_path.START:%Y%m%d}"
    assert sql("SELECT tableoid::regclass::text, count(*) FROM event GROUP BY 1") == [
        (today, 1_000)
    ]
    assert sql("SELECT count(*) FROM event WHERE payload = payload_text::jsonb") == [(1_000,)]
    assert not full_partition.index_larger_than_buffers(connection)


def test_too_few_rows_give_no_figure_of_a_full_partition(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="1000 rows make no index that is larger"):
        full_partition.measure(tmp_path, 1_000, 2)


def test_the_store_path_gives_its_figures(
    database: DatabaseAddress, sql: Callable[..., list[Any]]
) -> None:
    rows = 10 * store_path.ORDINARY_BATCH
    try:
        found = store_path.measure(database, rows, rows // 2)
    finally:
        sql("DROP TABLE raw_copy")
    assert set(found) == {
        "raw_copy_rows_per_s",
        "store_path_ratio",
        "store_path_work_ratio",
        "processor_path_ratio",
        "ordinary_batch_ratio",
    }
    assert all(value > 0 for value in found.values())
    assert sql("SELECT count(*) FROM event") == [(rows + store_path.ORDINARY_BATCH,)]
