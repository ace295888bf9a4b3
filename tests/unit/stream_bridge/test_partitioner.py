"""B27: the partition of a key, computed as the Java client does."""

from __future__ import annotations

import pytest

from lifeline.lambdas.stream_bridge.partitioner import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_the_java_clients(key: bytes, expected: int) -> None:
    """Source: Apache Kafka's own test of its hash (`UtilsTest`)."""
    assert murmur2(key) == expected % 2**32


def test_a_key_keeps_to_the_listed_partitions() -> None:
    found = {partition_of(f"patient-{number}".encode(), 3) for number in range(200)}
    assert found == {0, 1, 2}
    assert partition_of(b"", 3) in found
