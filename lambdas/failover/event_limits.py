"""What an event may be at most, in every place that reads it: the bridge refuses more (B23)."""

from __future__ import annotations

MAX_NESTING = 64
"""Levels of objects and lists, the event itself being the first.

Source: the default of the strictest common JSON reader (.NET's System.Text.Json). orjson, which the bridge
and the event applier use, reads 1,024 levels and writes 254; jsonb takes thousands. The released schemas
need 6.
"""
