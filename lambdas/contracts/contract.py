"""A function's contract: a frozen dataclass that is written into an environment and read out of it.

A field is one variable, named like it in capitals (`table_name` is `TABLE_NAME`) behind the class's `PREFIX`,
or like its `variable(...)` says; or it is a contract of its own, whose variables stand beside the others.
A field without a default must be given; one with a default may be left out on either side.
`set_by_aws()` marks what the runtime itself sets, `overridable(...)` what the lab may set: both are read and
never written.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, ClassVar, Literal, Self

_NOT_WRITTEN = "not_written"
_REQUIRED = "required"
_VARIABLE = "variable"


class RegionRole(StrEnum):
    """Where a call goes, seen from the caller; never *active*, which changes at run time."""

    OWN = "own"
    PEER = "peer"
    WITNESS = "witness"
    GLOBAL = "global"


@dataclass(frozen=True)
class AwsCall:
    """One AWS action that the code calls, such as `dynamodb:GetItem`, and in which region.

    `context`: condition keys that each such call carries, beside those that AWS sets.
    """

    action: str
    region: RegionRole = RegionRole.OWN
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class HostCall:
    """One connection that the code opens: what it reaches, and the port (None: the address says it)."""

    what: str
    port: int | None
    region: RegionRole = RegionRole.OWN


Call = AwsCall | HostCall


def set_by_aws(name: str = "") -> Any:
    """A field whose variable the runtime sets (AWS_REGION): read, never written by a construct.

    `name` is the variable's, where it is not the field's in capitals.
    """
    return dataclasses.field(
        default="", metadata={_NOT_WRITTEN: True, _REQUIRED: True, _VARIABLE: name}
    )


def variable(name: str, default: Any = dataclasses.MISSING) -> Any:
    """A field whose variable is called `name`, not like the field."""
    return dataclasses.field(default=default, metadata={_VARIABLE: name})


def overridable(
    default: Any = dataclasses.MISSING, name: str = "", *, factory: Any = dataclasses.MISSING
) -> Any:
    """A field with a value that is right in AWS, and a variable for those who need another (the lab).

    `factory` makes the value of a field whose type has no constant.
    """
    metadata = {_NOT_WRITTEN: True, _VARIABLE: name}
    return dataclasses.field(default=default, default_factory=factory, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Contract:
    """Base of all contracts. Subclasses are frozen dataclasses, keyword-only unless they are small.

    Invariant: `from_env(to_env() and what AWS sets)` is the contract that was written.
    """

    PREFIX: ClassVar[str] = ""
    """Stands before the name of each field's variable, unless the field names its own."""
    calls: ClassVar[tuple[Call, ...]] = ()
    """Everything outside its own process that the code calls."""

    def to_env(self) -> dict[str, str]:
        """The variables, by name. What has the value of its default is written all the same.

        Raises ValueError for an empty value that `from_env` would not read as empty.
        """
        found: dict[str, str] = {}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Contract):
                found |= value.to_env()
            elif not one.metadata.get(_NOT_WRITTEN):
                text = _text(value)
                if not text and not (_has_default(one) and _text(_default(one)) == ""):
                    raise ValueError(
                        f"{one.name} of {type(self).__name__} is empty ({value!r}); "
                        "only a field that is empty by default may be"
                    )
                found[self.variable_of(one)] = text
        return found

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read from `environment` (default: the process's own).

        Raises KeyError that names every variable that is missing or empty, ValueError for one whose value
        is not of its type.
        """
        given = os.environ if environment is None else environment
        missing = [name for name in cls.required_names() if not given.get(name)]
        if missing:
            raise KeyError(f"the environment lacks {', '.join(missing)}")
        return cls._read(given)

    @classmethod
    def variable_names(cls) -> tuple[str, ...]:
        """Every variable that the code may read, in the order of the fields."""
        return tuple(dict.fromkeys(name for name, _, _ in cls._variables()))

    @classmethod
    def required_names(cls) -> tuple[str, ...]:
        """The variables without which the code does not start."""
        return tuple(dict.fromkeys(name for name, required, _ in cls._variables() if required))

    @classmethod
    def written_names(cls) -> tuple[str, ...]:
        """The variables that `to_env` writes: all but what is only read."""
        return tuple(dict.fromkeys(name for name, _, written in cls._variables() if written))

    @classmethod
    def variable_of(cls, one: dataclasses.Field[Any]) -> str:
        """The name of a field's variable."""
        return one.metadata.get(_VARIABLE) or f"{cls.PREFIX}{one.name.upper()}"

    @classmethod
    def nested(cls, name: str) -> type[Contract] | None:
        """The contract that the field `name` is; None for a variable."""
        return _contract_in(_hints(cls)[name])

    @classmethod
    def _variables(cls) -> Iterator[tuple[str, bool, bool]]:
        """Each variable's name, whether it must be given and whether `to_env` writes it."""
        hints = _hints(cls)
        for one in dataclasses.fields(cls):
            inner = _contract_in(hints[one.name])
            if inner is not None:
                yield from inner._variables()
            else:
                required = one.metadata.get(_REQUIRED, not _has_default(one))
                yield cls.variable_of(one), required, not one.metadata.get(_NOT_WRITTEN, False)

    @classmethod
    def _read(cls, given: Mapping[str, str]) -> Self:
        values: dict[str, Any] = {}
        hints = _hints(cls)
        for one in dataclasses.fields(cls):
            inner = _contract_in(hints[one.name])
            name = cls.variable_of(one)
            if inner is not None:
                values[one.name] = inner._read(given)
            elif given.get(name):
                values[one.name] = _value(name, hints[one.name], given[name])
        return cls(**values)


_HINTS: dict[Any, dict[str, Any]] = {}
"""By contract: its fields' types. Their annotations are text, which is costly to read at each look."""


def _hints(contract: type[Contract]) -> dict[str, Any]:
    if contract not in _HINTS:
        _HINTS[contract] = typing.get_type_hints(contract)
    return _HINTS[contract]


def _has_default(one: dataclasses.Field[Any]) -> bool:
    return one.default is not dataclasses.MISSING or one.default_factory is not dataclasses.MISSING


def _default(one: dataclasses.Field[Any]) -> Any:
    factory = one.default_factory
    return one.default if factory is dataclasses.MISSING else factory()


def _contract_in(hint: Any) -> type[Contract] | None:
    return hint if isinstance(hint, type) and issubclass(hint, Contract) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str | int | float):
        return str(value)
    plain = list(value) if isinstance(value, tuple) else dict(value)
    return json.dumps(plain, sort_keys=True)


def _value(name: str, hint: Any, text: str) -> Any:
    """`text` as the field's type; raises ValueError that says what was wrong, given and wanted."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    try:
        return _read_as(hint, text)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{name} is {text!r}; needed is {_wanted(hint)}") from error


def _read_as(hint: Any, text: str) -> Any:
    """A str, int, float, bool, enum or literal as it stands; JSON for tuples and mappings."""
    kind, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind is Literal:
        return {str(one): one for one in arguments}[text]
    if kind is bool:
        return {"true": True, "false": False}[text]
    if kind is float:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError("not finite")
        return number
    if kind in (str, int) or (isinstance(kind, type) and issubclass(kind, Enum)):
        return kind(text)
    read = json.loads(text)
    if kind is tuple:
        if not isinstance(read, list):
            raise TypeError("no list")
        return tuple(_of_type(one, arguments[0]) for one in read)
    if not isinstance(read, dict):
        raise TypeError("no object")
    return {key: _of_type(one, arguments[1]) for key, one in read.items()}


def _of_type(value: Any, wanted: type) -> Any:
    """JSON's own type must be right: a text that looks like a number is none."""
    if type(value) is not wanted:
        raise TypeError(f"{value!r} is no {wanted.__name__}")
    return value


def _wanted(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return f"one of {', '.join(str(one) for one in typing.get_args(hint))}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return f"one of {', '.join(str(one.value) for one in hint)}"
    if hint is bool:
        return "true or false"
    if typing.get_origin(hint) is None:
        return f"a value of type {getattr(hint, '__name__', hint)}"
    return f"JSON of type {hint}"
