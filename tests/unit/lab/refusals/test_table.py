"""Every row of the table refuses what AWS refuses, and nothing beside it."""

from __future__ import annotations

import pytest

from lab.refusals import ROWS, Refusal, Row, judge
from tests.unit.lab.refusals.examples import EXAMPLES, Deployment

LEAST_ROWS = 40
BY_ID = {row.id: row for row in ROWS}


def judged(row: Row, deployment: Deployment) -> list[Refusal]:
    """What this row, and no schema, refuses of a deployment."""
    found = judge(
        deployment.template, deployment.region, deployment.before, deployment.around, rows=[row]
    )
    return [one for one in found if one.row == row.id]


def test_the_table_is_long_and_its_rows_differ() -> None:
    assert len(BY_ID) == len(ROWS) >= LEAST_ROWS


def test_every_row_has_an_example_of_both_kinds() -> None:
    assert set(EXAMPLES) == set(BY_ID)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_says_what_is_allowed_and_where_that_stands(row: Row) -> None:
    assert row.sentence.endswith(".")
    assert len(row.sentence) > 20
    assert row.source.startswith(("https://", "docs/"))
    assert row.types
    assert all(one.startswith("AWS::") for one in row.types)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_aws_refuses_is_refused(row: Row) -> None:
    refused, _taken = EXAMPLES[row.id]
    found = judged(row, refused)
    assert found, row.id
    assert row.source in str(found[0])
    assert found[0].path in str(found[0])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_aws_takes_is_not_refused(row: Row) -> None:
    _refused, taken = EXAMPLES[row.id]
    assert judged(row, taken) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_resource_without_properties_is_refused_only_for_what_it_lacks(row: Row) -> None:
    """Nothing known, nothing refused: but for the rows that ask for a property."""
    lacking = {"rule-that-nothing-starts"}
    empty = {"Resources": {"It": {"Type": row.types[0], "Properties": {}}}}
    assert row.id in lacking or judged(row, Deployment(empty, empty)) == []
