"""A function's contract: a frozen dataclass that is written into an environment and read out of it.

A field is one variable, named like it in capitals (`table_name` is `TABLE_NAME`), or a contract of its own
whose variables stand beside the others. A field without a default must be given; one with a default may be
left out on either side. `set_by_aws()` marks what the runtime itself sets: read, never written.
"""

from __future__ import annotations

import dataclasses
import json
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, ClassVar, Self

_SET_BY_AWS = "set_by_aws"


class RegionRole(StrEnum):
    """Where a call goes, seen from the caller; never *active*, which changes at run time."""

    OWN = "own"
    PEER = "peer"
    WITNESS = "witness"
    GLOBAL = "global"


@dataclass(frozen=True)
class AwsCall:
    """One AWS action that the code calls, such as `dynamodb:GetItem`, and in which region."""

    action: str
    region: RegionRole = RegionRole.OWN


@dataclass(frozen=True)
class HostCall:
    """One connection that the code opens: what it reaches, and the port (None: the address says it)."""

    what: str
    port: int | None
    region: RegionRole = RegionRole.OWN


Call = AwsCall | HostCall


def set_by_aws() -> Any:
    """A field whose variable the runtime sets (AWS_REGION): read, never written by a construct."""
    return dataclasses.field(default="", metadata={_SET_BY_AWS: True})


@dataclass(frozen=True, kw_only=True)
class Contract:
    """Base of all contracts. Subclasses are frozen, keyword-only dataclasses."""

    calls: ClassVar[tuple[Call, ...]] = ()
    """Everything outside its own process that the code calls."""

    def to_env(self) -> dict[str, str]:
        """The variables, by name. What has the value of its default is written all the same."""
        found: dict[str, str] = {}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Contract):
                found |= value.to_env()
            elif not one.metadata.get(_SET_BY_AWS):
                found[one.name.upper()] = _text(value)
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
        return tuple(name for name, _ in cls._variables())

    @classmethod
    def required_names(cls) -> tuple[str, ...]:
        """The variables without which the code does not start."""
        return tuple(name for name, required in cls._variables() if required)

    @classmethod
    def _variables(cls) -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = []
        hints = typing.get_type_hints(cls)
        for one in dataclasses.fields(cls):
            inner = _contract_in(hints[one.name])
            if inner is not None:
                found += inner._variables()
            else:
                required = one.metadata.get(_SET_BY_AWS, False) or not _has_default(one)
                found.append((one.name.upper(), required))
        return found

    @classmethod
    def _read(cls, given: Mapping[str, str]) -> Self:
        values: dict[str, Any] = {}
        hints = typing.get_type_hints(cls)
        for one in dataclasses.fields(cls):
            inner = _contract_in(hints[one.name])
            name = one.name.upper()
            if inner is not None:
                values[one.name] = inner._read(given)
            elif name in given and (given[name] or not _has_default(one)):
                values[one.name] = _value(name, hints[one.name], given[name])
        return cls(**values)


def _has_default(one: dataclasses.Field[Any]) -> bool:
    return one.default is not dataclasses.MISSING or one.default_factory is not dataclasses.MISSING


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
    """`text` as the field's type: str, int, float, bool, an enum, or JSON for tuples and mappings."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    origin = typing.get_origin(hint) or hint
    try:
        if origin is bool:
            return {"true": True, "false": False}[text]
        if origin in (str, int, float) or issubclass(origin, Enum):
            return origin(text)
        read = json.loads(text)
        return tuple(read) if origin is tuple else dict(read)
    except (ValueError, KeyError, TypeError) as error:
        wanted = getattr(hint, "__name__", str(hint))
        raise ValueError(f"{name} is {text!r}; a value of type {wanted} is needed") from error
