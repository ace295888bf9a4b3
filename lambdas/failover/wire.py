"""Formats of what travels between processes of different releases.

During a deploy the two regions, and the two halves of one region, run different releases. So a reader accepts
this format and the one before; a writer starts a new format one release after its readers know it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

encoded = json.JSONEncoder(separators=(",", ":")).encode
"""JSON without spaces. `json.dumps` would make an encoder anew for each text."""


@dataclass(frozen=True)
class Wire:
    """One kind of message. `key` names the field that carries the format, a whole number from 1 on.

    `unstamped` is the format of a message without that field: those of before it was introduced.
    """

    what: str
    current: int
    key: str = "format"
    unstamped: int | None = None

    def stamp(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`body` with the format in front."""
        return {self.key: self.current, **body}

    def check(self, body: object) -> int:
        """The format of a message that this code may read. Raises ValueError with a sentence."""
        if not isinstance(body, Mapping):
            raise ValueError(f"a {self.what} must be an object, got {type(body).__name__}")
        if self.key in body:
            given, said = body[self.key], f"of {self.key} {body[self.key]!r}"
        else:
            given, said = self.unstamped, f"without {self.key}"
        readable = [number for number in (self.current, self.current - 1) if number >= 1]
        if type(given) is not int or given not in readable:
            known = " and ".join(str(number) for number in reversed(readable))
            raise ValueError(f"a {self.what} {said} cannot be read; this code reads {known}")
        return given
