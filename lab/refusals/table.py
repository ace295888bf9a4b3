"""The table of refusals: one file a group of services."""

from __future__ import annotations

from lab.refusals import (
    caches,
    databases,
    edge,
    functions,
    keys,
    network,
    operations,
    storage,
    streams,
)
from lab.refusals.row import Row

ROWS: tuple[Row, ...] = (
    *caches.ROWS,
    *databases.ROWS,
    *streams.ROWS,
    *functions.ROWS,
    *edge.ROWS,
    *keys.ROWS,
    *storage.ROWS,
    *network.ROWS,
    *operations.ROWS,
)
