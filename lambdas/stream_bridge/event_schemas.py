"""The released schemas, compiled once: the envelope's and one per (event type, version)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

SUFFIX = ".schema.json"


@dataclass(frozen=True)
class EventSchemas:
    """`payloads` by event type and version; `versions` for telling an unknown type from a wrong version."""

    envelope: Any
    payloads: dict[tuple[str, int], Any]
    versions: dict[str, frozenset[int]]


def schemas_folder() -> Path:
    """The package's `schemas/`: the same place in the function's asset, a wheel and a checkout."""
    return Path(str(files("lifeline") / "schemas"))


def load_schemas(folder: Path) -> EventSchemas:
    """Compile every schema. A file is named `{eventType}.v{version}.schema.json`.

    Raises FileNotFoundError or ValueError. Without schemas every event would look unknown and go to
    `error.dlq`: the fault is ours, so the batch must wait instead (B23).
    """
    payloads: dict[tuple[str, int], Any] = {}
    versions: dict[str, set[int]] = {}
    for path in sorted((folder / "events").glob(f"*{SUFFIX}")):
        event_type, _, version = path.name.removesuffix(SUFFIX).rpartition(".v")
        payloads[event_type, int(version)] = _compiled(path)
        versions.setdefault(event_type, set()).add(int(version))
    if not payloads:
        raise FileNotFoundError(f"no *{SUFFIX} in {folder / 'events'}")
    return EventSchemas(
        envelope=_compiled(folder / f"envelope{SUFFIX}"),
        payloads=payloads,
        versions={name: frozenset(found) for name, found in versions.items()},
    )


def _compiled(path: Path) -> Any:
    try:
        return jsonschema_rs.validator_for(orjson.loads(path.read_bytes()))
    except ValueError as error:
        raise ValueError(f"{path.name} is no JSON Schema: {error}") from error
