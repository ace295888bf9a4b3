"""Calls of AWS that something waits for: short, and once. Who calls tries again by itself."""

from __future__ import annotations

from botocore.config import Config

BRIEF = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1})
