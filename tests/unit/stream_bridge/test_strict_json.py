"""Nothing that a lenient reader would bend passes: repeated keys, numbers that no double holds (C8, B23)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.lambdas.failover.event_limits import (
    MAX_EVENT_BYTES,
    MAX_NUMBER_CHARACTERS,
)
from lifeline.lambdas.stream_bridge.strict_json import NotTaken, strictly_read

REPEATED = "An object of the event names a key twice."


def said(raw: bytes) -> str:
    """The sentence of the refusal; empty when `raw` is taken."""
    try:
        strictly_read(raw)
    except NotTaken as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a" : 1,\n"a" : 2}',
        '{"a":1,"\\u0061":2}',
        '{"p":{"value":80.0,"unit":"x","value":81.0}}',
        '{"p":[{"a":1},{"b":[{"a":1,"a":2}]}]}',
        '{"":1,"":2}',
        # A text that looks like a key makes up for the key that is lost.
        '{"a":1,"a":2,"b":"\\u003a"}',
        '{"a":1,"a":2,"b":"\\u0020:"}',
        '{"a":1,"a":2,"b":"x\\u0022:"}',
        '{"a":1,"a":2,"b":" :"}',
        '{"a":1,"a":2,"b":"\\":"}',
    ],
)
def test_a_key_that_is_named_twice_is_refused(text: str) -> None:
    """A reader takes the first or the last: what is stored and what is read would differ."""
    assert said(text.encode()) == REPEATED


@pytest.mark.parametrize(
    "text",
    ['{"a":{"x":1},"b":{"x":1}}', '{"a":"x\\":","b":":"}', '{"a":"a","b":[{"a":1},{"a":1}]}'],
)
def test_the_same_key_in_two_objects_is_no_repetition(text: str) -> None:
    assert said(text.encode()) == ""


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("1e-20000", "A number of the event has an exponent beyond 308."),
        ("0e-99999", "A number of the event has an exponent beyond 308."),
        ("-0E+309", "A number of the event has an exponent beyond 308."),
        ("0e" + "9" * 5_000, "A number of the event has an exponent beyond 308."),
        (
            "0." + "1" * MAX_NUMBER_CHARACTERS,
            "A number of the event has more than 10000 characters.",
        ),
        ("1e400", "The record is not JSON that can be read."),
        *((one, "") for one in ("0e-308", "0.00", "-0.0", "1e308", "5e-324", "0." + "1" * 9_000)),
        *((one, "") for one in ("1" + "0" * 300, "0e-000000001", "80.00", "0e0")),
    ],
)
@pytest.mark.parametrize("pad", ["", "x" * 20_000])
def test_the_limits_of_a_number_hold_whatever_lies_beside_it(
    number: str, sentence: str, pad: str
) -> None:
    assert said(f'{{"pad":"{pad}","a":[{number}]}}'.encode()) == sentence


def test_an_event_has_a_size() -> None:
    longest = MAX_EVENT_BYTES - len('{"a":""}')
    assert said(b'{"a":"' + b"x" * longest + b'"}') == ""
    assert said(b'{"a":"' + b"x" * (longest + 1) + b'"}').startswith("The event is longer than ")


texts = st.text(st.sampled_from('a:" \\{}\t\u0000é'), max_size=5)


@st.composite
def documents(draw: st.DrawFn, depth: int = 0) -> tuple[str, bool]:
    """JSON text and whether an object in it names a key twice; keys and texts from few awkward letters."""
    if depth == 3 or draw(st.booleans()):
        number = draw(st.sampled_from(["1", "0.0", "80.00", "1e5", "-0"]))
        return draw(st.one_of(st.just(number), texts.map(spelled))), False
    gap = draw(st.sampled_from(["", " ", "\n", "\t "]))
    inner = draw(st.lists(st.tuples(texts, documents(depth + 1)), max_size=4))
    repeated = any(bad for _, (_, bad) in inner)
    if draw(st.booleans()):
        return f"[{gap}{f',{gap}'.join(text for _, (text, _) in inner)}]", repeated
    keys = [key for key, _ in inner]
    pairs = [f"{spelled(key, draw(st.booleans()))}{gap}:{gap}{text}" for key, (text, _) in inner]
    return f"{{{','.join(pairs)}{gap}}}", repeated or len(set(keys)) < len(keys)


def spelled(text: str, escaped: bool = False) -> str:
    if escaped:
        return '"' + "".join(f"\\u{ord(one):04x}" for one in text) + '"'
    return json.dumps(text)


@given(documents())
@settings(max_examples=1_500, deadline=None)
def test_every_repeated_key_is_found_and_nothing_else(document: tuple[str, bool]) -> None:
    text, bad = document
    raw = f'{{"x":{text},"y":":"}}'.encode()
    found = said(raw)
    if "NUL" not in found:
        assert (found == REPEATED) is bad, raw
    plain: Any = json.loads(raw)
    assert found or strictly_read(raw) == plain
