"""Tables keyed by `id`, in moto's DynamoDB."""

from __future__ import annotations

from typing import Any

from lifeline.lambdas.adapters.aws import client


def made_table(region: str, name: str) -> Any:
    """A DynamoDB client of `region`, with the new table in it; call it inside `mock_aws`."""
    tables = client("dynamodb", region)
    tables.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return tables
