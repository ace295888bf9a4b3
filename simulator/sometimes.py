"""Rare states that a search must reach: a seed set that never saw one has not tried what it was written
for."""

from __future__ import annotations

SOMETIMES: frozenset[str] = frozenset()
