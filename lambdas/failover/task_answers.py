"""How the answer of a one-off task travels: in lines of its log, which is the only way back.

A container's log driver cuts long lines, so an answer is packed into several.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

PART_CHARACTERS = 8_000
"""A container's log driver cuts lines of more than 16 KiB."""


def packed(run: str, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields of the lines that carry `answer`."""
    text = base64.b64encode(zlib.compress(json.dumps(answer).encode())).decode()
    parts = [text[at : at + PART_CHARACTERS] for at in range(0, len(text), PART_CHARACTERS)]
    return [
        {"run": run, "part": number, "of": len(parts), "data": part}
        for number, part in enumerate(parts)
    ]


def unpacked(run: str, message: str, lines: Iterable[str]) -> dict[str, Any] | None:
    """The answer to `run` among the lines of a log named `message`; None while a part of it is missing."""
    parts: dict[int, str] = {}
    of = -1
    for line in lines:
        if message not in line:
            continue
        try:
            read = json.loads(line)
        except ValueError:
            continue
        if read.get("message") == message and read.get("run") == run:
            parts[read["part"]], of = read["data"], read["of"]
    if len(parts) != of:
        return None
    text = "".join(parts[number] for number in range(of))
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    return found
