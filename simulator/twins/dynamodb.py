"""Tables with conditional writes, as far as the shipped adapters use them: strong reads, one item a call.

Expressions are compiled once. Source: Amazon DynamoDB Developer Guide, "Expressions in DynamoDB".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from email.utils import formatdate
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

Request = Mapping[str, Any]
Item = dict[str, Any]
Bound = Mapping[str, Any]
Condition = Callable[[Item, Bound], bool]
Change = Callable[[Item, Item, Bound], None]
_NOTHING: Bound = MappingProxyType({})

_SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+]|[:#]?[A-Za-z_][\w.#]*)")


class Tables:
    """The tables of one region, by name; items by their `id`. `clock` answers epoch seconds.

    With a clock, what is read carries the header `Date`.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.items: dict[str, dict[str, Item]] = {}
        self._clock = clock

    def answer(self, operation: str, request: Request) -> dict[str, Any]:
        """What the table answers to a client's `operation`. Raises ClientError."""
        return _OPERATIONS[operation](self, request)

    def get_item(self, **request: Any) -> dict[str, Any]:
        return self._get(request)

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._put(request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        return self._update(request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        return self._delete(request)

    def _get(self, request: Request) -> dict[str, Any]:
        item = self._table(request).get(request["Key"]["id"]["S"])
        if item is None:
            return {}
        if self._clock is None:
            return {"Item": dict(item)}
        return {"Item": dict(item), **_dated(int(self._clock()))}

    def _put(self, request: Request) -> dict[str, Any]:
        table, item = self._table(request), request["Item"]
        name = item["id"]["S"]
        self._require(table.get(name, {}), request)
        table[name] = dict(item)
        return {}

    def _update(self, request: Request) -> dict[str, Any]:
        table, name = self._table(request), request["Key"]["id"]["S"]
        before = table.get(name, {})
        self._require(before, request)
        after = {**before, "id": {"S": name}}
        bound = request.get("ExpressionAttributeValues", _NOTHING)
        names = request.get("ExpressionAttributeNames")
        known = tuple(names.items()) if names else ()
        for change in update_of(request["UpdateExpression"], known):
            change(before, after, bound)
        table[name] = after
        if request.get("ReturnValues") != "ALL_NEW":
            return {}
        if self._clock is None:
            return {"Attributes": dict(after)}
        return {"Attributes": dict(after), **_dated(int(self._clock()))}

    def _delete(self, request: Request) -> dict[str, Any]:
        self._table(request).pop(request["Key"]["id"]["S"], None)
        return {}

    def _table(self, request: Request) -> dict[str, Item]:
        items, name = self.items, request["TableName"]
        if name not in items:
            items[name] = {}
        return items[name]

    @staticmethod
    def _require(item: Item, request: Request) -> None:
        text = request.get("ConditionExpression")
        if text is None:
            return
        names = request.get("ExpressionAttributeNames")
        condition = condition_of(text, tuple(names.items()) if names else ())
        if not condition(item, request.get("ExpressionAttributeValues", _NOTHING)):
            # Most of a run's errors: the words of each are the same, and are not made anew.
            raise copied(_REFUSAL)


_OPERATIONS: Mapping[str, Callable[[Tables, Request], dict[str, Any]]] = {
    "get_item": Tables._get,
    "put_item": Tables._put,
    "update_item": Tables._update,
    "delete_item": Tables._delete,
}
_REFUSAL = ClientError(
    {
        "Error": {
            "Code": "ConditionalCheckFailedException",
            "Message": "The conditional request failed",
        }
    },
    "UpdateItem",
)


def copied(error: ClientError, kind: type[ClientError] = ClientError) -> ClientError:
    """The same error, as one of that class; its words are made already."""
    made = kind.__new__(kind, *error.args)
    made.response, made.operation_name = error.response, error.operation_name
    return made


@lru_cache(maxsize=4096)
def _dated(second: int) -> dict[str, Any]:
    """The header; every run passes through the same seconds."""
    date = formatdate(second, usegmt=True)
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


def number(value: Any) -> Decimal:
    """A number attribute's value."""
    return _decimal(value["N"])


_decimal = lru_cache(maxsize=1024)(Decimal)


@lru_cache(maxsize=1024)
def condition_of(text: str, names: tuple[tuple[str, str], ...]) -> Condition:
    """A condition expression as a function of (item, values). Raises ValueError for what it does not
    know."""
    parser = _Parser(text, dict(names))
    found = parser.either()
    parser.end()
    return found


@lru_cache(maxsize=1024)
def update_of(text: str, names: tuple[tuple[str, str], ...]) -> tuple[Change, ...]:
    """An update expression's actions; each reads the item before and writes the item after."""
    return tuple(_Parser(text, dict(names)).actions())


class _Parser:
    def __init__(self, text: str, names: Mapping[str, str]) -> None:
        self._text, self._names = text, names
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s", "", text):
            raise ValueError(f"not an expression this twin knows: {text!r}")
        self._next = 0

    def end(self) -> None:
        if self._next != len(self._tokens):
            raise ValueError(f"unexpected {self._tokens[self._next]!r} in {self._text!r}")

    def either(self) -> Condition:
        found = [self._both()]
        while self._took("OR"):
            found.append(self._both())
        if len(found) == 1:
            return found[0]

        def one_of(item: Item, values: Bound) -> bool:
            # A generator would cost a third more.
            for one in found:  # noqa: SIM110
                if one(item, values):
                    return True
            return False

        return one_of

    def _both(self) -> Condition:
        found = [self._one()]
        while self._took("AND"):
            found.append(self._one())
        if len(found) == 1:
            return found[0]

        def all_of(item: Item, values: Bound) -> bool:
            # A generator would cost a third more.
            for one in found:  # noqa: SIM110
                if not one(item, values):
                    return False
            return True

        return all_of

    def _one(self) -> Condition:
        if self._took("NOT"):
            inner = self._one()
            return lambda item, values: not inner(item, values)
        if self._took("("):
            inner = self.either()
            self._need(")")
            return inner
        word = self._take()
        if word in ("attribute_exists", "attribute_not_exists"):
            self._need("(")
            path = self._path(self._take())
            self._need(")")
            if len(path) == 1:
                (name,) = path
                if word == "attribute_exists":
                    return lambda item, _: item.get(name) is not None
                return lambda item, _: item.get(name) is None
            wanted = word == "attribute_exists"
            return lambda item, _: (_at(item, path) is not None) is wanted
        if word == "contains":
            self._need("(")
            path = self._path(self._take())
            self._need(",")
            value = self._take()
            self._need(")")
            return lambda item, values: values[value] in (_at(item, path) or {"L": []})["L"]
        return self._comparison(word)

    def _comparison(self, word: str) -> Condition:
        left, sign, right = self._operand(word), self._take(), self._operand(self._take())
        ordered = _SIGNS[sign]

        def compare(item: Item, values: Bound) -> bool:
            one, other = left(item, values), right(item, values)
            if one is None or other is None:
                # An attribute that is not there equals nothing, and so differs from everything.
                return sign == "<>"
            if "N" in one and "N" in other:
                found: bool = ordered(_decimal(one["N"]), _decimal(other["N"]))
                return found
            if sign in ("=", "<>"):
                return bool(one == other) is (sign == "=")
            if "S" in one and "S" in other:
                return bool(ordered(one["S"], other["S"]))
            return False

        return compare

    def actions(self) -> list[Change]:
        found: list[Change] = []
        while self._next < len(self._tokens):
            word = self._take()
            action = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add}.get(word)
            if action is None:
                raise ValueError(f"unexpected {word!r} in {self._text!r}")
            found.append(action())
            while self._took(","):
                found.append(action())
        return found

    def _set(self) -> Change:
        path = self._path(self._take())
        self._need("=")
        value = self._operand(self._take())
        if self._took("+"):
            more, first = self._operand(self._take()), value

            def total(item: Item, values: Bound) -> Any:
                one, other = first(item, values), more(item, values)
                if one is None:
                    raise _invalid(
                        "The provided expression refers to an attribute that does not exist"
                    )
                return {"N": _plain(number(one) + number(other))}

            value = total
        if len(path) == 1:
            (name,) = path
            return lambda before, after, values: after.__setitem__(name, value(before, values))
        return lambda before, after, values: _put(after, path, value(before, values))

    def _remove(self) -> Change:
        path = self._path(self._take())
        return lambda _before, after, _values: after.pop(path[0], None) and None

    def _add(self) -> Change:
        path, word = self._path(self._take()), self._take()

        def add(before: Item, after: Item, values: Bound) -> None:
            have = _at(before, path)
            more = number(values[word])
            _put(after, path, {"N": _plain(more if have is None else number(have) + more)})

        return add

    def _operand(self, word: str) -> Callable[[Item, Bound], Any]:
        if word.startswith(":"):
            return lambda _item, values: values[word]
        path = self._path(word)
        if len(path) == 1:
            (name,) = path
            return lambda item, _values: item.get(name)
        return lambda item, _values: _at(item, path)

    def _path(self, word: str) -> tuple[str, ...]:
        return tuple(self._names.get(part, part) for part in word.split("."))

    def _take(self) -> str:
        if self._next >= len(self._tokens):
            raise ValueError(f"unexpected end of {self._text!r}")
        self._next += 1
        return str(self._tokens[self._next - 1])

    def _took(self, word: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next] == word:
            self._next += 1
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._took(word):
            raise ValueError(f"expected {word!r} in {self._text!r}")


def _at(item: Item, path: tuple[str, ...]) -> Any:
    found: Any = item.get(path[0])
    for part in path[1:]:
        if found is None:
            return None
        found = found["M"].get(part)
    return found


def _put(item: Item, path: tuple[str, ...], value: Any) -> None:
    if len(path) == 1:
        item[path[0]] = value
        return
    if path[0] not in item:
        raise _invalid("The document path provided in the update expression is invalid for update")
    item[path[0]] = {"M": {**item[path[0]]["M"], path[1]: value}}


def _plain(value: Decimal) -> str:
    return str(int(value)) if value == value.to_integral_value() else str(value)


def _invalid(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "UpdateItem")
