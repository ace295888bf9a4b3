"""What the drill pipeline's bootstrap and its environments are called."""

from __future__ import annotations

DRILL_QUALIFIER = "drills"
"""Of a bootstrap of its own (`make account DRILLS=yes`): its roles are not those that deploy production."""
DRILL_SUFFIXES = "dr????????"
"""`dr` and eight digits of the execution's id."""
