"""docs/reference/api.md: the library's public names, with signature and first line of docstring."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any

AREAS = (
    *("foundation", "data", "streaming", "application"),
    *("failover", "observability", "compliance"),
)


@dataclass(frozen=True)
class PublicName:
    """A name that an area exports, or a public member of it (`Class.member`)."""

    area: str
    name: str
    signature: str
    description: str
    is_member: bool = False


def public_names() -> list[PublicName]:
    """Every public name of every area, each followed by its public members."""
    found = []
    for area in AREAS:
        module = importlib.import_module(f"lifeline.{area}")
        for name in exported(module):
            one = getattr(module, name)
            found.append(PublicName(area, name, _signature(one), _first_line(one)))
            if inspect.isclass(one):
                found += [
                    PublicName(
                        area, f"{name}.{member}", _signature(value), _first_line(value), True
                    )
                    for member, value in members(one)
                ]
    return found


def exported(module: ModuleType) -> list[str]:
    """What `__all__` of an area names; nothing where there is none."""
    return sorted(getattr(module, "__all__", ()))


def members(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that the class itself defines."""
    for name, value in sorted(vars(cls).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, property):
            yield name, value.fget
        elif inspect.isfunction(value) or isinstance(value, (classmethod, staticmethod)):
            yield name, getattr(cls, name)


def page() -> str:
    """The whole page."""
    lines = [
        "# What does the library offer?",
        "",
        "Made by `make docs` from the code. The parts that are exported from `lifeline.<area>`, with their",
        "signatures and the first line of their docstrings. Examples that run are in",
        "[docs/constructs](../constructs/).",
    ]
    area = ""
    for one in public_names():
        if one.area != area:
            area = one.area
            about = _first_line(importlib.import_module(f"lifeline.{area}"))
            lines += ["", f"## lifeline.{area}", "", about]
        if not one.is_member:
            lines += ["", f"### {one.name}", ""]
            lines += ["```python", f"{one.name}{one.signature}", "```", "", one.description, ""]
        else:
            lines.append(f"- `{one.name.split('.')[1]}{one.signature}`: {one.description}")
    empty = [area for area in AREAS if not exported(importlib.import_module(f"lifeline.{area}"))]
    for area in empty:
        about = _first_line(importlib.import_module(f"lifeline.{area}"))
        lines += [
            "",
            f"## lifeline.{area}",
            "",
            f"{about} It exports no names; import its modules.",
        ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _signature(one: Any) -> str:
    """Keyword by keyword on a line of its own where it would be long."""
    if inspect.isclass(one) and issubclass(one, Enum):
        return f": {', '.join(member.name for member in one)}"
    signature = inspect.signature(one.__init__ if inspect.isclass(one) else one)
    parameters = [p for name, p in signature.parameters.items() if name not in ("self", "cls")]
    result = signature.return_annotation
    returns = "" if inspect.isclass(one) else f" -> {_annotation(result)}"
    words, starred = [], False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            words.append("*")
            starred = True
        starred = starred or parameter.kind is parameter.VAR_POSITIONAL
        words.append(_parameter(parameter))
    flat = f"({', '.join(words)}){returns}"
    if len(flat) <= 90 or not inspect.isclass(one):
        return flat
    return "(\n" + "".join(f"    {word},\n" for word in words) + ")"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = ""
    if parameter.kind is parameter.VAR_POSITIONAL:
        stars = "*"
    elif parameter.kind is parameter.VAR_KEYWORD:
        stars = "**"
    text = f"{stars}{parameter.name}: {_annotation(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    return f"{text} = {_default(parameter.default)}"


def _default(value: object) -> str:
    if isinstance(value, (str, int, float, bool, tuple, type(None))):
        return value.name if isinstance(value, Enum) else repr(value)
    return "..."  # an object's repr may name an address


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Signature.empty:
        return "Any"
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _first_line(one: Any) -> str:
    """The docstring's first sentence or paragraph; empty where there is none of its own."""
    text = one.__doc__ or ""
    if inspect.isclass(one) and text.startswith(f"{one.__name__}("):
        return ""  # what `dataclass` writes where nobody wrote anything
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())
