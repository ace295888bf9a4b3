"""Which partition a key belongs to: computed from the listed count, never from what a broker says (B27).

The markers cover the listed partitions. A topic that is being grown has more of them at the brokers.
"""

from __future__ import annotations

from functools import lru_cache

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C
_KEPT_KEYS = 100_000
"""An aggregate's key comes again and again; about 20 MiB."""


@lru_cache(maxsize=_KEPT_KEYS)
def partition_of(key: bytes, count: int) -> int:
    """As the Java client's default partitioner places a record with this key."""
    return (murmur2(key) & 0x7FFFFFFF) % count


def murmur2(data: bytes) -> int:
    """Austin Appleby's MurmurHash2, 32 bits, with the seed of Kafka's Java client."""
    length = len(data)
    found = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        block = int.from_bytes(data[at : at + 4], "little") * _MULTIPLIER & _MASK
        block = (block ^ (block >> 24)) * _MULTIPLIER & _MASK
        found = (found * _MULTIPLIER & _MASK) ^ block
    if length > whole:
        found = (found ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    found = (found ^ (found >> 13)) * _MULTIPLIER & _MASK
    return found ^ (found >> 15)
