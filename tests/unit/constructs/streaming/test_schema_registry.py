"""The registry: one schema a file, in the dialect that Glue reads, its first definition kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lifeline.streaming.schema_registry import (
    FIRST,
    SCHEMAS,
    SchemaRegistry,
    definition_of,
    schema_files,
)
from tests.unit.constructs.conftest import MakeStack


def test_each_file_is_a_backward_compatible_schema_with_the_suffix(make_stack: MakeStack) -> None:
    made = make_stack()
    SchemaRegistry(made.stack, "Schemas", site=made.site)
    schemas = made.resources("AWS::Glue::Schema")
    assert sorted(one["Properties"]["Name"] for one in schemas) == [
        "AppointmentBookedEvent.v1-test",
        "ObservationRecordedEvent.v1-test",
        "ObservationRecordedEvent.v2-test",
        "PatientAdmittedEvent.v1-test",
        "envelope-test",
    ]
    for one in schemas:
        assert one["Properties"]["Compatibility"] == "BACKWARD"
        assert one["Properties"]["DataFormat"] == "JSON"
        assert one["DeletionPolicy"] == "Delete"
        said = json.loads(one["Properties"]["SchemaDefinition"])
        assert said["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_every_schema_has_its_first_definition(make_stack: MakeStack) -> None:
    assert {path.name for path in schema_files(SCHEMAS)} == {path.name for path in FIRST.iterdir()}


def test_a_schema_that_grew_is_a_version_and_the_first_definition_stays(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    (tmp_path / "events").mkdir()
    for path in schema_files(SCHEMAS):
        (tmp_path / path.relative_to(SCHEMAS)).write_text(path.read_text())
    grown = tmp_path / "events" / "PatientAdmittedEvent.v1.schema.json"
    schema = json.loads(grown.read_text())
    schema["properties"]["wing"] = {"type": "string", "default": ""}
    grown.write_text(json.dumps(schema))
    made = make_stack()
    SchemaRegistry(made.stack, "Schemas", site=made.site, folder=tmp_path)
    template = made.template()
    (version,) = template.find_resources("AWS::Glue::SchemaVersion").values()
    assert "wing" in version["Properties"]["SchemaDefinition"]
    for one in template.find_resources("AWS::Glue::Schema").values():
        assert '"wing":{' not in one["Properties"]["SchemaDefinition"]


def test_a_schema_without_a_first_definition_is_refused(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "envelope.schema.json").write_text((SCHEMAS / "envelope.schema.json").read_text())
    (tmp_path / "events" / "NewEvent.v1.schema.json").write_text('{"type": "object"}')
    made = make_stack()
    with pytest.raises(ValueError, match=r"NewEvent\.v1\.schema\.json has no first definition"):
        SchemaRegistry(made.stack, "Schemas", site=made.site, folder=tmp_path)


@pytest.mark.parametrize(
    ("schema", "refusal"),
    [
        ({"$defs": {}}, r"uses \$defs"),
        ({"properties": {"a": {"prefixItems": []}}}, "uses prefixItems"),
        ({"description": "x" * 170_000}, "allowed are 170000"),
    ],
)
def test_what_glue_does_not_take_is_refused(
    tmp_path: Path, schema: dict[str, object], refusal: str
) -> None:
    path = tmp_path / "some.schema.json"
    path.write_text(json.dumps(schema))
    with pytest.raises(ValueError, match=refusal):
        definition_of(path)


def test_nothing_is_left_to_find(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    SchemaRegistry(made.stack, "Schemas", site=made.site)
    made.template()
