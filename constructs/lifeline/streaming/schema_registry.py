"""The schemas of the events, registered in each region under the same names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from aws_cdk import aws_glue as glue
from constructs import Construct

from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.resources import package_folder
from lifeline.site import Site

SCHEMAS = package_folder() / "schemas"
FIRST = Path(__file__).resolve().parent / "first_schemas"
"""The first definition of each schema; never edited. Glue takes a changed one for another schema."""

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The newest that Glue reads; ours say 2020-12 and use nothing that came after draft 07."""

NEWER_WORDS = frozenset(
    {
        "$anchor", "$defs", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "dependentRequired",
        "dependentSchemas", "maxContains", "minContains", "prefixItems", "unevaluatedItems",
        "unevaluatedProperties",
    }
)  # fmt: skip
MOST_CHARACTERS = 170_000
"""The longest definition that Glue takes (CloudFormation's schema of the type)."""


class SchemaRegistry(Construct):
    """One schema a file: the envelope, and each type of event in each version.

    Covers: a schema that stops reading what older publishers wrote: Glue refuses it (BACKWARD), and so
    does a test long before. Does not cover: validation itself, which the bridge does with the same files
    and without asking anybody.

    The first definition of a schema is kept beside this file and never changes; what it grew into since
    is a version of its own. Raises ValueError for a schema that has no first definition, is too long, or
    uses words that Glue does not know.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        folder: Path = SCHEMAS,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self.registry_name = site.names.regional_name("events")
        registry = glue.CfnRegistry(
            self,
            "Registry",
            name=self.registry_name,
            description="Schemas of Lifeline's events",
        )
        destroyable(registry)
        self.schema_names: dict[str, str] = {}
        for path in schema_files(folder):
            self._schema(site, registry, path)

    def _schema(self, site: Site, registry: glue.CfnRegistry, path: Path) -> None:
        kind = path.name.removesuffix(".schema.json")
        construct_id = "".join(word[0].upper() + word[1:] for word in re.split(r"[.\-_]", kind))
        first = FIRST / path.name
        if not first.exists():
            raise ValueError(
                f"The schema {path.name} has no first definition; copy it once to "
                f"{FIRST.name}/{path.name} and leave that copy as it is."
            )
        schema = glue.CfnSchema(
            self,
            construct_id,
            registry=glue.CfnSchema.RegistryProperty(arn=registry.attr_arn),
            name=site.names.regional_name(kind),
            data_format="JSON",
            compatibility="BACKWARD",
            schema_definition=definition_of(first),
        )
        destroyable(schema)
        now = definition_of(path)
        if now != definition_of(first):
            destroyable(
                glue.CfnSchemaVersion(
                    self,
                    f"{construct_id}Newest",
                    schema=glue.CfnSchemaVersion.SchemaProperty(schema_arn=schema.attr_arn),
                    schema_definition=now,
                )
            )
        self.schema_names[kind] = site.names.regional_name(kind)


def schema_files(folder: Path) -> list[Path]:
    """The envelope and the events; `evidence` is a report's, which no topic carries."""
    return [folder / "envelope.schema.json", *sorted((folder / "events").glob("*.schema.json"))]


def definition_of(path: Path) -> str:
    """The text that Glue gets: one line, in its dialect."""
    schema: dict[str, Any] = json.loads(path.read_text())
    newer = sorted(NEWER_WORDS & _words(schema))
    if newer:
        raise ValueError(
            f"The schema {path.name} uses {', '.join(newer)}, which Glue does not know; allowed are the "
            "words of draft 07."
        )
    text = json.dumps({**schema, "$schema": DIALECT}, separators=(",", ":"))
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f"The schema {path.name} has {len(text)} characters; allowed are {MOST_CHARACTERS}."
        )
    return text


def _words(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        return set(schema).union(*(_words(value) for value in schema.values()))
    if isinstance(schema, list):
        return set().union(*(_words(one) for one in schema))
    return set()
