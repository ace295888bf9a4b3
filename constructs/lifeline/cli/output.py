"""What a command prints: words for a person, or one JSON object that stands alone on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Output:
    """`as_json`: the result is JSON on standard output, and words go to standard error."""

    as_json: bool = False

    def say(self, line: str) -> None:
        """A sentence of the result."""
        print(line, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def note(self, line: str) -> None:
        """Progress: never part of the result."""
        print(line, file=sys.stderr, flush=True)

    def result(self, facts: Mapping[str, Any]) -> None:
        """The result as JSON, if it was asked for."""
        if self.as_json:
            print(json.dumps(facts, indent=2, ensure_ascii=False), flush=True)
