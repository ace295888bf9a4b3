"""An event's JSON as the bridge reads it: what a lenient reader would bend is refused (C8, B23)."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from lifeline.lambdas.failover.event_limits import (
    MAX_EVENT_BYTES,
    MAX_EXPONENT,
    MAX_NESTING,
    MAX_NUMBER_CHARACTERS,
)

_WHITE = b" \t\n\r"
_EXPONENT = re.compile(r"[eE][+-]?0*(\d*)$", re.ASCII)


class NotTaken(ValueError):
    """Why the bytes are no event. The sentence holds no value out of them."""


def strictly_read(raw: bytes) -> dict[str, Any]:
    """The event that `raw` holds. Raises NotTaken.

    Numbers in it are doubles: good enough to judge, never to store. What is stored is `raw` itself (C8).
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise NotTaken(f"The event is longer than {MAX_EVENT_BYTES} bytes.")
    try:
        event = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise NotTaken("The record is not JSON that can be read.") from None
    if not isinstance(event, dict):
        raise NotTaken("The record is not a JSON object.")
    # Before all that recurses: the schemas' validators have limits of their own.
    if raw.count(b"{") + raw.count(b"[") > MAX_NESTING:
        _check_nesting(event)
    if len(raw) > MAX_NUMBER_CHARACTERS or _may_be_bent(raw, orjson.dumps(event)):
        _check_slowly(raw)
    if b"\\u0000" in raw and _holds_nul(event):
        raise NotTaken("The event holds a NUL character, which cannot be stored.")
    return event


def _check_nesting(event: dict[str, Any]) -> None:
    level: list[Any] = [event]
    for _ in range(MAX_NESTING):
        level = [
            inner
            for holder in level
            for inner in (holder.values() if type(holder) is dict else holder)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    raise NotTaken(f"The event nests deeper than {MAX_NESTING} levels.")


def _may_be_bent(raw: bytes, parsed: bytes) -> bool:
    """Whether a key may be lost in `parsed`, or a number too small for a double became 0.

    Each key ends in `":` once white space is gone: as many of them in both is no key lost, unless a text
    hides a quote, a colon or white space behind an escape.
    """
    sent, kept = raw.translate(None, _WHITE), parsed.translate(None, _WHITE)
    return sent != kept and (
        sent.count(b'":') != kept.count(b'":')
        or b"0.0" in kept
        or (b"\\" in sent and b"\\u00" in sent)
    )


def _check_slowly(raw: bytes) -> None:
    """Every key and number as written. Python's reader shows both; it takes five times as long."""
    json.loads(raw.decode(), object_pairs_hook=_once, parse_int=_number, parse_float=_number)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise NotTaken("An object of the event names a key twice.")


def _number(text: str) -> None:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise NotTaken(f"A number of the event has more than {MAX_NUMBER_CHARACTERS} characters.")
    exponent = _EXPONENT.search(text)
    if exponent is None or float(text) != 0:
        return
    if len(exponent[1]) > 3 or int(exponent[1] or "0") > MAX_EXPONENT:
        raise NotTaken(f"A number of the event has an exponent beyond {MAX_EXPONENT}.")


def _holds_nul(event: dict[str, Any]) -> bool:
    level: list[Any] = [event]
    while level:
        inner: list[Any] = []
        for holder in level:
            texts = [*holder, *holder.values()] if type(holder) is dict else holder
            if any(isinstance(one, str) and "\x00" in one for one in texts):
                return True
            inner += [one for one in texts if type(one) is dict or type(one) is list]
        level = inner
    return False
