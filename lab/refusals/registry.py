"""What CloudFormation's registry schema of a type says of properties, in the region; cfn-lint carries them.

Only what is surely wrong is told: a value that is not known before the deployment passes everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sized
from functools import cache
from typing import Any

import regex  # type: ignore[import-untyped]
from cfnlint.schema import ResourceNotFoundError  # type: ignore[import-untyped]
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from lab.refusals.values import UNKNOWN, Unknown, has_unknown

Schema = Mapping[str, Any]
Path = tuple[str | int, ...]
Finding = tuple[Path, str]
NO_SCHEMA = ("Custom::", "AWS::CloudFormation::")
"""Of custom resources nobody has a schema; CloudFormation's own types are judged by itself."""
TRUTH = {"true": True, "false": False}


@cache
def schema_of(resource_type: str, region: str) -> Schema | None:
    """The type's schema; None where it is custom. Raises ResourceNotFoundError: not in this region."""
    if resource_type.startswith(NO_SCHEMA):
        return None
    found: Schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, resource_type).schema
    return found


def is_there(resource_type: str, region: str) -> bool:
    """Whether the region has the type."""
    try:
        schema_of(resource_type, region)
    except ResourceNotFoundError:
        return False
    return True


def findings(resource_type: str, region: str, properties: Mapping[str, Any]) -> Iterator[Finding]:
    """What the schema refuses of resolved properties: where, and why."""
    schema = schema_of(resource_type, region)
    if schema is None:
        return
    for pointer in schema.get("readOnlyProperties", []):
        if _at(properties, pointer) is not None and pointer not in _writable(schema):
            yield _names(pointer), "is read-only"
    yield from _checked(properties, schema, schema, ())


def _writable(schema: Schema) -> set[str]:
    """Pointers that stand in both lists: given at creation, then read back."""
    return {*schema.get("createOnlyProperties", []), *schema.get("writeOnlyProperties", [])}


def replaced_under_its_name(
    resource_type: str, region: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> str | None:
    """The create-only property whose change would replace a resource that keeps its own name."""
    schema = schema_of(resource_type, region)
    identifier = (schema or {}).get("primaryIdentifier", [])
    read_only = (schema or {}).get("readOnlyProperties", [])
    if schema is None or len(identifier) != 1 or identifier[0] in read_only:
        return None
    name = _at(now, identifier[0])
    if not isinstance(name, str) or name != _at(before, identifier[0]):
        return None
    for pointer in schema.get("createOnlyProperties", []):
        was, is_now = _at(before, pointer), _at(now, pointer)
        if not has_unknown(was) and not has_unknown(is_now) and _text(was) != _text(is_now):
            return ".".join(str(one) for one in _names(pointer))
    return None


def _text(value: Any) -> str:
    """As CloudFormation compares: 5 and "5" are one value."""
    plain = value if isinstance(value, (dict, list)) else str(value)
    return json.dumps(plain, sort_keys=True, default=str)


def _names(pointer: str) -> tuple[str, ...]:
    return tuple(pointer.removeprefix("/properties/").split("/"))


def _at(properties: Mapping[str, Any], pointer: str) -> Any:
    found: Any = properties
    for name in _names(pointer):
        if isinstance(found, Unknown):
            return UNKNOWN
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found


def _checked(value: Any, schema: Any, root: Schema, path: Path) -> Iterator[Finding]:
    if isinstance(value, Unknown) or not isinstance(schema, dict):
        return
    if "$ref" in schema:
        target: Any = root
        for name in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target.get(name, {}) if isinstance(target, dict) else {}
        yield from _checked(value, target, root, path)
        return
    wrong = _wrong_type(value, schema)
    if wrong:
        yield path, wrong
        return
    for keyword, check in CHECKS.items():
        if keyword in schema:
            sentence = check(value, schema[keyword])
            if sentence:
                yield path, sentence
    yield from _of_object(value, schema, root, path)
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _checked(one, schema.get("items"), root, (*path, number))
    for each in schema.get("allOf", []):
        yield from _checked(value, each, root, path)
    for keyword in ("anyOf", "oneOf"):
        # More than one that holds is not judged: what is unknown holds in each.
        if keyword in schema:
            every = [list(_checked(value, one, root, path)) for one in schema[keyword]]
            if all(every):
                yield from every[0]


def _of_object(value: Any, schema: Schema, root: Schema, path: Path) -> Iterator[Finding]:
    if not isinstance(value, dict):
        return
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield path, f"has no {name}, which is required"
    for name, one in value.items():
        if name in known:
            yield from _checked(one, known[name], root, (*path, name))
            continue
        matching = [each for pattern, each in patterns.items() if _matches(pattern, name)]
        for each in matching:
            yield from _checked(one, each, root, (*path, name))
        if not matching and schema.get("additionalProperties") is False:
            yield (*path, name), "is no property of the type"


def _wrong_type(value: Any, schema: Schema) -> str | None:
    wanted = schema.get("type")
    if wanted is None:
        return None
    allowed = [wanted] if isinstance(wanted, str) else list(wanted)
    if any(_is(value, one) for one in allowed):
        return None
    return f"is {value!r}; allowed is {' or '.join(allowed)}"


def _is(value: Any, wanted: str) -> bool:
    """As CloudFormation converts: a number as text is a number, and a number is a text."""
    match wanted:
        case "string":
            return isinstance(value, (str, int, float))
        case "boolean":
            return isinstance(value, bool) or str(value).lower() in TRUTH
        case "integer":
            number = _number(value)
            return number is not None and number == int(number)
        case "number":
            return _number(value) is not None
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    return True


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _enum(value: Any, allowed: list[Any]) -> str | None:
    if isinstance(value, (dict, list)) or any(_text(value) == _text(one) for one in allowed):
        return None
    if isinstance(value, bool) and str(value).lower() in {str(one).lower() for one in allowed}:
        return None
    return f"is {value!r}; allowed are {', '.join(str(one) for one in allowed)}"


def _pattern(value: Any, pattern: str) -> str | None:
    if isinstance(value, str) and not _matches(pattern, value):
        return f"is {value!r}, which is not of the form {pattern}"
    return None


@cache
def _compiled(pattern: str) -> Any:
    try:
        return regex.compile(pattern)
    except regex.error:  # a form that only Java knows: not judged
        return None


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(value) is not None


def _limit(word: str, holds: Callable[[float, float], bool]) -> Callable[[Any, Any], str | None]:
    def check(value: Any, bound: Any) -> str | None:
        number = _number(value)
        if number is None or holds(number, float(bound)):
            return None
        return f"is {value}; allowed is {word} {bound}"

    return check


def _length(
    word: str, kind: type[Sized], holds: Callable[[int, int], bool]
) -> Callable[[Any, Any], Any]:
    def check(value: Any, bound: Any) -> str | None:
        if not isinstance(value, kind) or holds(len(value), int(bound)):
            return None
        return f"has {len(value)}; allowed are {word} {bound}"

    return check


CHECKS: Mapping[str, Callable[[Any, Any], str | None]] = {
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _limit("at least", lambda number, bound: number >= bound),
    "maximum": _limit("at most", lambda number, bound: number <= bound),
    "minLength": _length("at least", str, lambda length, bound: length >= bound),
    "maxLength": _length("at most", str, lambda length, bound: length <= bound),
    "minItems": _length("at least", list, lambda length, bound: length >= bound),
    "maxItems": _length("at most", list, lambda length, bound: length <= bound),
}
