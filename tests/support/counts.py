"""The bridge's table of counts in memory: what `CountTable` promises, which its own test holds it to."""

from __future__ import annotations

from lifeline.lambdas.failover.markers import Pair
from lifeline.lambdas.stream_bridge.count_table import Conflict, CountTable, Stored
from lifeline.lambdas.stream_bridge.shard_count import ShardCount


class CountsInMemory(CountTable):
    """One table; every load and save may be overridden to fail."""

    def __init__(self) -> None:
        self._stored: dict[Pair, Stored] = {}

    def load(self, pair: Pair) -> Stored | None:
        return self._stored.get(pair)

    def save(self, pair: Pair, count: ShardCount, over: int) -> Stored:
        held = self._stored.get(pair)
        if over != (held.version if held else 0):
            raise Conflict
        self._stored[pair] = Stored(over + 1, count)
        return self._stored[pair]
