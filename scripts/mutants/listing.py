"""List every mutant of some files as JSON: mutmut's changes, and three of our own.

Runs in an environment of its own (`requirements.txt` beside it), so it imports nothing of ours. A mutant is
a piece of the file's text and what stands there instead; nothing is written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor, OuterFunctionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string
from mutmut.mutation.pragma_handling import IgnoredCode

LOG_CALLS = {"debug", "info", "warning", "error", "exception", "log"}


def one_string(node: cst.BaseString) -> Iterator[Any]:
    """mutmut's first change of a string: its others, small and capital letters, show the same again."""
    yield from list(operator_string(node))[:1]


def negated(node: cst.If) -> Iterator[cst.If]:
    """`if a` becomes `if not (a)`."""
    inner = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(
        test=cst.UnaryOperation(cst.Not(), inner), whitespace_before_test=cst.SimpleWhitespace(" ")
    )


def never(node: cst.If) -> Iterator[cst.If]:
    """`if a` becomes `if False`: a guard that is not there."""
    yield node.with_changes(
        test=cst.Name("False"), whitespace_before_test=cst.SimpleWhitespace(" ")
    )


def left_out(node: cst.Expr) -> Iterator[Any]:
    """A call that is a statement of its own is left out."""
    if isinstance(node.value, cst.Call | cst.Await):
        yield cst.Pass()


OPERATORS = [
    *((of, op) for of, op in mutation_operators if op is not operator_string),
    (cst.BaseString, one_string),
    (cst.If, negated),
    (cst.If, never),
    (cst.Expr, left_out),
]


class Visitor(MutationVisitor):  # type: ignore[misc]
    """mutmut's visitor, with two differences.

    It looks into decorated functions, such as properties: mutmut leaves them out because it keeps each
    mutant as a function beside the first, which we do not. It leaves out what only tells a person
    something: the words of an error, and what is logged.
    """

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Raise) or _logs(node):
            return True
        if isinstance(node, cst.FunctionDef) and node.decorators:
            return False
        return bool(super()._skip_node_and_children(node))


def _logs(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and isinstance(node.func.value, cst.Name)
        and node.func.value.value in ("log", "logger")
        and node.func.attr.value in LOG_CALLS
    )


def mutants(source: str) -> Iterator[dict[str, Any]]:
    """Each change inside a function: what mutmut changes elsewhere, constants, tests fix by their names."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    visitor = Visitor(OPERATORS, IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    statements = _statements(module)
    starts = _starts(module)
    functions = wrapper.resolve(OuterFunctionProvider)
    for one in visitor.mutations:
        if not isinstance(functions.get(one.original_node), cst.FunctionDef):
            continue
        top, statement = statements[one.original_node]
        new = module.code_for_node(top.deep_replace(one.original_node, one.mutated_node))
        begin, old = starts[top]
        span = positions[statement]
        last = span.end.line
        # Of an `if` or a loop its head; of a function, whose head runs at import, all of it.
        if isinstance(statement, cst.If | cst.While | cst.For | cst.With | cst.Try):
            last = max(span.start.line, positions[statement.body].start.line - 1)
        yield {
            "line": positions.get(one.original_node, span).start.line,
            "first": span.start.line,
            "last": last,
            "function": [
                (whole := positions[functions[one.original_node]]).start.line,
                whole.end.line,
            ],
            **_difference(old, new, begin),
        }


def _statements(module: cst.Module) -> dict[cst.CSTNode, tuple[Any, Any]]:
    """Of each node: the statement of the module, and the innermost statement, that it belongs to."""
    found: dict[cst.CSTNode, tuple[Any, Any]] = {}

    def walk(node: cst.CSTNode, top: Any, inner: Any) -> None:
        if isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            inner = node
        found[node] = (top, inner)
        for child in node.children:
            walk(child, top, inner)

    for top in module.body:
        walk(top, top, top)
    return found


def _starts(module: cst.Module) -> dict[cst.CSTNode, tuple[int, str]]:
    """Where the text of each statement of the module begins, and that text."""
    texts = [(one, module.code_for_node(one)) for one in module.body]
    begin = len(module.code) - sum(len(text) for _, text in texts)
    begin -= sum(len(module.code_for_node(one)) for one in module.footer)
    found: dict[cst.CSTNode, tuple[int, str]] = {}
    for one, text in texts:
        found[one] = (begin, text)
        begin += len(text)
    return found


def _difference(old: str, new: str, begin: int) -> dict[str, Any]:
    """The shortest piece that differs."""
    low = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
    if low is None:
        low = min(len(old), len(new))
    high = 0
    while high < min(len(old), len(new)) - low and old[-1 - high] == new[-1 - high]:
        high += 1
    return {
        "start": begin + low,
        "end": begin + len(old) - high,
        "text": new[low : len(new) - high],
    }


def main() -> None:
    """The files are given by their paths; answers with one object, by path."""
    found = {}
    for path in sys.argv[1:]:
        source = Path(path).read_text()
        listed = {(one["start"], one["end"], one["text"]): one for one in mutants(source)}
        found[path] = [one for _, one in sorted(listed.items())]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
