"""What the checker read from the survivor, kept beside the evidence so that it can be checked again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

import orjson

from drill.dead_letters import DeadLetter
from drill.logged import Logged
from drill.stored import Stored

STORED = "stored.jsonl.gz"
LETTERS = "dead_letters.json"
LOGGED = "logged-{region}.jsonl.gz"
JOURNALS = "journals"
METRIC_LINES = "metric_lines.json.gz"


def save_stored(folder: Path, stored: Iterable[Stored]) -> None:
    """Write rows as they stream in."""
    with gzip.open(folder / STORED, "wb", compresslevel=1) as file:
        for one in stored:
            file.write(orjson.dumps(astuple(one), option=orjson.OPT_APPEND_NEWLINE))


def load_stored(folder: Path) -> Iterator[Stored]:
    """Read them back, one at a time."""
    with gzip.open(folder / STORED, "rb") as file:
        for line in file:
            yield Stored(*orjson.loads(line))


def save_logged(folder: Path, region: str, logged: Iterable[Logged]) -> None:
    """Write the records of a region's log as they stream in. An empty log has a file, too: it was read."""
    with gzip.open(folder / LOGGED.format(region=region), "wb", compresslevel=1) as file:
        for one in logged:
            file.write(orjson.dumps(astuple(one), option=orjson.OPT_APPEND_NEWLINE))


def load_logged(folder: Path) -> dict[str, Iterator[Logged]]:
    """By region, each log that was read; one record at a time."""
    before, after = LOGGED.split("{region}")
    found = sorted(folder.glob(LOGGED.format(region="*")))
    return {one.name.removeprefix(before).removesuffix(after): _logged(one) for one in found}


def _logged(path: Path) -> Iterator[Logged]:
    with gzip.open(path, "rb") as file:
        for line in file:
            yield Logged(*orjson.loads(line))


def save_letters(folder: Path, letters: Iterable[DeadLetter]) -> None:
    """Write the rejects. Stream sequences have more than 64 bits, which orjson refuses."""
    (folder / LETTERS).write_text(json.dumps([astuple(one) for one in letters]))


def load_letters(folder: Path) -> list[DeadLetter]:
    """Read them back."""
    return [DeadLetter(*row) for row in json.loads((folder / LETTERS).read_text())]


def save_metric_lines(folder: Path, lines: Mapping[str, Sequence[str]]) -> None:
    """Write what the alarms were judged by, by region."""
    with gzip.open(folder / METRIC_LINES, "wb", compresslevel=1) as file:
        file.write(orjson.dumps({region: list(told) for region, told in lines.items()}))


def load_metric_lines(folder: Path) -> dict[str, list[str]]:
    """Read them back. Raises FileNotFoundError for a run before alarms were judged."""
    found: dict[str, list[str]] = orjson.loads(
        gzip.decompress((folder / METRIC_LINES).read_bytes())
    )
    return found


def journal_folders(folder: Path) -> list[Path]:
    """The edges' journals of a run."""
    return sorted(path for path in (folder / JOURNALS).iterdir() if path.is_dir())
