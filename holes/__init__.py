"""Faults of the replicated log, on Apache Kafka with the product's replicator, bridge and reader.

`python -m holes` breaks the log in each way that is known to lose records, and in some that lose none, and
writes what was noticed to `build/holes.json`.
"""
