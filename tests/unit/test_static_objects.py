"""No comparison with a static object of the CDK: each access of one is a new Python object."""

from __future__ import annotations

import ast
import enum
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from aws_cdk import aws_ec2 as ec2

from tests.unit.test_layers import python_files

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    *python_files(ROOT / "constructs" / "lifeline"),
    *python_files(ROOT / "stacks"),
]


def _name(path: Path) -> str:
    place = path.relative_to(ROOT)
    parts = place.parts[1:] if place.parts[0] == "constructs" else ("lifeline", *place.parts)
    return ".".join(parts).removesuffix(".py").removesuffix(".__init__")


def compared_statics(source: str, module: ModuleType) -> Iterator[str]:
    """The operands of `is`, `==`, `in` and `match` that are static objects of the CDK, and no enums."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            operands = [node.value]
        else:
            continue
        # `x in (A, B)` and `x in [A, B]` compare with each of them.
        inner = [one for each in operands for one in getattr(each, "elts", [])]
        for operand in [*operands, *inner]:
            if isinstance(operand, ast.Attribute) and _is_static(operand, module):
                yield f"line {operand.lineno}: {ast.unparse(operand)}"


def _is_static(operand: ast.Attribute, module: ModuleType) -> bool:
    root: ast.expr = operand
    while isinstance(root, ast.Attribute):
        root = root.value
    if not operand.attr.isupper() or not isinstance(root, ast.Name):
        return False
    if not hasattr(module, root.id):
        return False
    value = eval(ast.unparse(operand), vars(module))
    return type(value).__module__.startswith("aws_cdk") and not isinstance(value, enum.Enum)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_static_object_is_compared(path: Path) -> None:
    source = path.read_text()
    if " is " in source or "==" in source or " in " in source or "match " in source:
        assert list(compared_statics(source, importlib.import_module(_name(path)))) == []


@pytest.mark.parametrize(
    "text",
    [
        "x is ec2.GatewayVpcEndpointAwsService.S3",
        "x == ec2.GatewayVpcEndpointAwsService.S3",
        "x in (1, ec2.GatewayVpcEndpointAwsService.S3)",
        "match x:\n  case ec2.GatewayVpcEndpointAwsService.S3:\n    pass",
    ],
)
def test_the_search_finds_each_way_to_compare(text: str) -> None:
    (found,) = compared_statics(text, importlib.import_module(__name__))
    assert found.endswith(": ec2.GatewayVpcEndpointAwsService.S3")


def test_an_enum_may_be_compared() -> None:
    here = importlib.import_module(__name__)
    assert list(compared_statics("x is ec2.SubnetType.PUBLIC", here)) == []
    assert ec2.SubnetType.PUBLIC is ec2.SubnetType.PUBLIC
