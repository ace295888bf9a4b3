"""Judges a stack's deployment: by the registry's schemas and by the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lab.refusals.registry import findings, is_there, replaced_under_its_name
from lab.refusals.row import Known, On, Refusal, Row
from lab.refusals.situation import Case, Resource, Situation, Surroundings, Template, resources_of
from lab.refusals.table import ROWS

REGISTRY = "registry-schema"
NOT_HERE = "type-not-in-region"
REPLACED = "custom-named-resource-replaced"
SCHEMAS = "CloudFormation's registry schema of the type, as cfn-lint carries it"
NAMES = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html"


def judge(
    template: Template,
    region: str,
    before: Template | None = None,
    around: Surroundings | None = None,
    rows: Sequence[Row] = ROWS,
) -> list[Refusal]:
    """What AWS would refuse of deploying `template`. `before`: what is deployed; None for a new stack.

    An empty template with a `before` is the stack's deletion.
    """
    situation = Situation(
        region,
        resources_of(template, region),
        None if before is None else resources_of(before, region),
        around or Surroundings(),
    )
    made = situation.now.values()
    return [
        *(refusal for one in made for refusal in _by_the_schema(one, situation)),
        *(refusal for row in rows for refusal in _by_row(row, situation)),
    ]


def _by_the_schema(one: Resource, situation: Situation) -> Iterator[Refusal]:
    region = situation.region
    if not is_there(one.type, region):
        sentence = f"{one.type} is not in {region}."
        yield Refusal(NOT_HERE, one.path, one.type, sentence, SCHEMAS, Known.INFERRED)
        return
    for place, sentence in findings(one.type, region, one.properties):
        where = ".".join(str(each) for each in place) or "The resource"
        yield Refusal(REGISTRY, one.path, one.type, f"{where} {sentence}.", SCHEMAS)
    was = (situation.before or {}).get(one.logical_id)
    if was is not None and was.type == one.type:
        name = replaced_under_its_name(one.type, region, was.properties, one.properties)
        if name:
            sentence = (
                f"{name} cannot change without a new resource, and this one keeps its own name: "
                f"rename it, or leave {name} as it was."
            )
            yield Refusal(REPLACED, one.path, one.type, sentence, NAMES)


def _by_row(row: Row, situation: Situation) -> Iterator[Refusal]:
    for case in _cases(row.on, situation):
        if case.resource.type not in row.types:
            continue
        found = row.refuses(case)
        if found:
            given = f" Given: {found}." if isinstance(found, str) else ""
            yield Refusal(
                row.id, case.resource.path, case.resource.type, row.sentence + given, row.source,
                row.known,
            )  # fmt: skip


def _cases(on: On, situation: Situation) -> Iterator[Case]:
    before: Mapping[str, Resource] = situation.before or {}
    if on is On.DELETED:
        gone = [one for name, one in before.items() if name not in situation.now]
        yield from (Case(one, one, situation) for one in gone)
        return
    for name, one in situation.now.items():
        was = before.get(name)
        was = was if was is not None and was.type == one.type else None
        if on is On.MADE or (was is None) == (on is On.CREATED):
            yield Case(one, was, situation)
