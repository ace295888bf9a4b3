"""What API Gateway gives its mapping templates: `$input`, `$util`, `$context`, and their rendering.

Only what the API's own templates use, with API Gateway's meaning: `$input.json(path)` is the JSON text
of a part of the body, `$input.path(path)` the part itself.
"""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import airspeed
import orjson

STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']+)'\]")


@lru_cache(maxsize=2048)
def _steps(path: str) -> tuple[str | int, ...]:
    """`$.a[0].b` as ("a", 0, "b")."""
    return tuple(
        int(index) if index else (name or quoted)
        for name, index, quoted in STEP.findall(path.removeprefix("$"))
    )


class Input:
    """`$input` over a parsed body."""

    def __init__(self, text: bytes, document: Any, parameters: Mapping[str, str]) -> None:
        self._text = text
        self._document = document
        self._parameters = parameters

    @property
    def body(self) -> str:
        return self._text.decode()

    def path(self, path: str) -> Any:
        """The part of the body; empty string when it is not there (as `$!` shows nothing)."""
        found = self._document
        for step in _steps(path):
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return ""
        return found

    def json(self, path: str) -> str:
        return orjson.dumps(self.path(path)).decode()

    def params(self, name: str) -> str:
        return self._parameters.get(name, "")


class Util:
    """`$util`."""

    def base64Encode(self, text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    def base64Decode(self, text: str) -> str:
        return base64.b64decode(text).decode()

    def escapeJavaScript(self, text: object) -> str:
        """As in API Gateway: JSON's escapes, and a single quote gets one too (which it should not)."""
        return orjson.dumps(str(text)).decode()[1:-1].replace("'", "\\'")

    def parseJson(self, text: str) -> Any:
        return orjson.loads(text)

    def urlEncode(self, text: str) -> str:
        return urllib.parse.quote(text)


UTIL = Util()


class MappingTemplate:
    """A mapping template, parsed once."""

    def __init__(self, source: str) -> None:
        self._template: Any = airspeed.Template(source)

    def render(
        self,
        body: bytes,
        document: Any,
        *,
        context: dict[str, Any],
        stage_variables: Mapping[str, str],
    ) -> str:
        """The rendered text. `context["responseOverride"]["status"]` may be set by the template."""
        rendered: str = self._template.merge(
            {"input": Input(body, document, {}), "util": UTIL, "context": context,
             "stageVariables": dict(stage_variables)}
        )  # fmt: skip
        return rendered
