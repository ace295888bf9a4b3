"""Each constant of the protocol has one home, so that raising one raises it everywhere (R12)."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifeline.lambdas.failover import protocol
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.policy import Policy

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "lambdas" / "failover" / "protocol.py"
LINKED = {"lambdas", "schemas", "services", "stacks", "_packages"}
CONSTANTS = {name: value for name, value in vars(protocol).items() if name.isupper()}
LOCKS = {name: value for name, value in CONSTANTS.items() if name.endswith("_LOCK")}
WORDS = {name.removeprefix("LEASE_").removesuffix("_SECONDS") for name in CONSTANTS}
UNITS = r"(_SECONDS|_S|_MS)?"
RUNS = ("lambdas", "services", "constructs/lifeline", "stacks", "drill")
"""Code in which a constant of the protocol may not be spelled again."""
STANDS_IN = ("lab", "bench", "holes", "scripts")
"""Code with time-outs of its own under the same names: only the ttl and the locks are searched."""
OTHER_THINGS = {
    # The drill shares no code with what it judges; a test of its own holds it against the protocol.
    "drill/guards.py": ["VETO_LAPSE_SECONDS = 60.0"],
    "lambdas/failover_step/api_token.py": ["MARGIN_SECONDS = 60.0"],  # a token's, not the lease's
}


def modules(*folders: str) -> Iterator[Path]:
    """Every module of the folders but the home, each once."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not LINKED & set(path.relative_to(ROOT / folder).parts) and path != HOME:
                yield path


def second_homes(source: str, words: set[str]) -> list[str]:
    """Every name of the protocol that `source` gives a number of its own, in any way of giving one."""
    named = re.compile(rf"(.*_)?({'|'.join(sorted(words))}){UNITS}")
    return [
        f"{name} = {ast.unparse(value)}"
        for name, value in _given(ast.parse(source))
        if named.fullmatch(name.upper()) and _is_number(value)
    ]


def _given(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield ast.unparse(target).rpartition(".")[2], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield ast.unparse(node.target).rpartition(".")[2], node.value
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield node.arg, node.value
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            yield from (
                (one.arg, value)
                for one, value in zip(
                    positional[len(positional) - len(node.defaults) :], node.defaults, strict=True
                )
            )
            for one, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
                if default is not None:
                    yield one.arg, default
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant):
                    yield str(key.value), value
        elif (
            isinstance(node, ast.Call)
            and len(node.args) == 2
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value), node.args[1]


def _is_number(value: ast.expr) -> bool:
    try:
        number = ast.literal_eval(value)
        return not isinstance(number, bool) and float(number) is not None
    except (ValueError, TypeError, SyntaxError):
        return False


def test_no_module_gives_a_constant_of_the_protocol_a_number_of_its_own() -> None:
    found = {
        str(path.relative_to(ROOT)): wrong
        for path in modules(*RUNS)
        if (wrong := second_homes(path.read_text(), WORDS - set(LOCKS)))
    } | {
        str(path.relative_to(ROOT)): wrong
        for path in modules(*STANDS_IN)
        if (wrong := second_homes(path.read_text(), {"TTL"}))
    }
    assert found == OTHER_THINGS


@pytest.mark.parametrize(
    "source",
    [
        "LEASE_TTL_SECONDS = 20",
        "ttl_seconds: float = 20.0",
        "a.ttl_seconds = 20",
        'float(environment.get("TTL_SECONDS", "20"))',
        'x = {"TTL_SECONDS": "20"}',
        "Policy(margin_seconds=10)",
        "def f(a, ttl_seconds=2.5): ...",
        "def f(*, loop_seconds=5): ...",
        "TRANSACTION_TIMEOUT_MS = 5_000",
    ],
)
def test_the_search_sees_each_way_of_giving_a_number(source: str) -> None:
    assert second_homes(source, WORDS) != []


def test_a_lock_id_is_written_once() -> None:
    """In SQL that is released and cannot import: there the test compares."""
    written = {
        path.relative_to(ROOT): {int(one) for one in re.findall(r"\b731_?0_?\d{3}\b", text)}
        for folder in (*RUNS, *STANDS_IN)
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".sql")
        and not LINKED & set(path.relative_to(ROOT / folder).parts)
        and re.search(r"\b731_?0_?\d{3}\b", text := path.read_text())
    }
    migrations = Path("services/event_applier/migrations")
    assert written.pop(HOME.relative_to(ROOT)) == set(LOCKS.values())
    assert written == {migrations / "0002.event.sql": {protocol.EXTEND_PARTITIONS_LOCK}}
    assert len(set(LOCKS.values())) == len(LOCKS)


def test_the_page_on_contracts_says_the_same_lock() -> None:
    page = (ROOT / "docs" / "mechanisms" / "contracts.md").read_text()
    assert set(re.findall(r"\b7310\d{3}\b", page)) == {str(protocol.APPLY_LOCK)}


def test_the_policy_and_the_lease_take_their_defaults_from_the_protocol() -> None:
    policy = Policy()
    assert Lease("a", 1, 0, "a").ttl_seconds == policy.ttl_seconds == protocol.LEASE_TTL_SECONDS
    source = ast.parse((HOME.parent / "policy.py").read_text())
    own = {name for name, value in _given(source) if _is_number(value)}
    assert own == {"max_loss_seconds"}, "the tier's, not the protocol's"
    assert {one.name for one in dataclasses.fields(Policy)} > own


def test_the_margin_holds_what_it_must() -> None:
    """A1, A7: a transaction that began before the ttl ended, and a second of clock error."""
    assert protocol.MARGIN_SECONDS >= protocol.TRANSACTION_TIMEOUT_SECONDS + 1


def test_renewals_fit_into_the_ttl() -> None:
    """A14: one lost renewal, each with its time-out, must not end a healthy region's right to serve."""
    one = protocol.LOOP_SECONDS + protocol.CALL_TIMEOUT_SECONDS
    assert 2 * one <= protocol.LEASE_TTL_SECONDS
