"""What an event may be at most: one table for door, bridge, database and docs (B23)."""

from __future__ import annotations

from datetime import timedelta

MAX_EVENT_BYTES = 1024 * 1024 - 1024
"""Kinesis takes 1 MiB for data and partition key together, and a key has at most 256 characters."""

MAX_AGGREGATE_ID = 250
"""Characters. A partition key of Kinesis takes 256, the prefix `e:` two. The door refuses more (400)."""

MAX_NESTING = 64
"""Levels of objects and lists, the event itself being the first.

Source: the default of the strictest common JSON reader (.NET's System.Text.Json). orjson, which the bridge
and the event applier use, reads 1,024 levels and writes 254; jsonb takes thousands. The released schemas
need 6; the FHIR Observation of version 2 needs 12.
"""

MAX_NUMBER_CHARACTERS = 10_000
"""As written. PostgreSQL's numeric, which jsonb uses, takes 16,383 digits after the point."""

MAX_EXPONENT = 308
"""A number lies within what a double can express: the bridge's reader refuses more (numeric: 131,072)."""

MAX_VERSION = 2**15 - 1
"""`event.version` is a smallint."""

MAX_SEQUENCE = 2**53 - 1
"""The greatest integer that every JSON reader keeps: at 1,000 events a second it lasts 285,000 years."""

MAX_SEQUENCE_JUMP = 1_000_000
"""A wider gap between two sequences of an aggregate parts them into runs; the aggregate follows one (C9).

Ten events a second for a day: what an edge still holds back while its newest events are stored already.
"""

HOT_RETENTION = timedelta(days=35)
"""Older events have no partition any more (C3)."""

MAX_FUTURE = timedelta(minutes=5)
"""Beyond it a clock is wrong (C3)."""

MAX_OFFSET = timedelta(hours=15, minutes=59)
"""PostgreSQL refuses wider zone offsets."""

MAX_FRACTION_DIGITS = 6
"""PostgreSQL keeps microseconds (C2)."""
