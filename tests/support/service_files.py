"""The files in which botocore describes AWS's services, read once."""

from __future__ import annotations

import functools
from typing import Any

from botocore.loaders import JSONFileLoader


def read_once() -> None:
    """Let all of botocore's sessions in this process share what they read.

    `mock_aws` gives each test a new session, which would read the same megabytes: two fifths of the time of
    a test of the command line.
    """
    read = JSONFileLoader.load_file
    kept = functools.cache(lambda path: read(JSONFileLoader(), path))

    def load_file(_loader: JSONFileLoader, path: str) -> Any:
        return kept(path)

    JSONFileLoader.load_file = load_file  # type: ignore[method-assign, assignment]
