"""Which AWS calls a Lambda package can make, read from its source, and the IAM action of each.

The handler's imports are followed through every package below `lambdas`. A client is made by any callable
whose name says so (`boto3.client`, `client`, `client_of`, `session.resource`) with the service's name as
its first argument. A call is a method, paginator or waiter whose name is an operation of a service that
the package makes a client of, in code that the handler can reach: a function counts when reached code says
its name, so a method that only another package calls does not. Where two of its services share the name and
the receiver does not tell which, either one's action will do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import botocore.exceptions
import botocore.session
from botocore import xform_name
from botocore.waiter import WaiterModel

MAKERS = re.compile(r"client|resource|session", re.IGNORECASE)
IAM_PREFIXES = {
    "cloudwatch": "cloudwatch",
    "efs": "elasticfilesystem",
    "elbv2": "elasticloadbalancing",
    "stepfunctions": "states",
}
"""Services whose IAM prefix is not their client's name."""
IAM_ACTIONS = {
    "apigateway:UpdateIntegration": ("apigateway:PATCH",),
    "s3:CopyObject": ("s3:GetObject", "s3:PutObject"),
    "s3:CompleteMultipartUpload": ("s3:PutObject",),
    "s3:CreateMultipartUpload": ("s3:PutObject",),
    "s3:DeleteBucketReplication": ("s3:PutReplicationConfiguration",),
    "s3:DeleteObjects": ("s3:DeleteObject",),
    "s3:GetBucketReplication": ("s3:GetReplicationConfiguration",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:ListMultipartUploads": ("s3:ListBucketMultipartUploads",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:ListObjects": ("s3:ListBucket",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:PutBucketReplication": ("s3:PutReplicationConfiguration",),
    "s3:UploadPart": ("s3:PutObject",),
    "lambda:Invoke": ("lambda:InvokeFunction",),
    "kafka:ListClustersV2": ("kafka:ListClustersV2",),
    "rds:GenerateDbAuthToken": ("rds-db:connect",),
}
"""Operations whose IAM action is not `prefix:Operation` (Service Authorization Reference)."""
SIGNERS = {"rds": {"generate_db_auth_token": "GenerateDbAuthToken"}}
"""Client methods that are no operation of the API but use a permission all the same."""


@dataclass(frozen=True, order=True)
class Call:
    """One call in the source, of any of `candidates` (service, operation)."""

    where: str
    candidates: tuple[tuple[str, str], ...]

    @property
    def action_sets(self) -> list[frozenset[str]]:
        """For each candidate the IAM actions that it takes, all of them."""
        return [actions_of(service, operation) for service, operation in self.candidates]


def actions_of(service: str, operation: str) -> frozenset[str]:
    """The IAM actions that one operation needs."""
    named = f"{service}:{operation}"
    if named in IAM_ACTIONS:
        return frozenset(IAM_ACTIONS[named])
    return frozenset({f"{IAM_PREFIXES.get(service, service)}:{operation}"})


@cache
def services() -> frozenset[str]:
    """Every service that botocore knows by name."""
    return frozenset(botocore.session.get_session().get_available_services())


@cache
def operations(service: str) -> dict[str, str]:
    """From a client's method to the operation it makes."""
    names = botocore.session.get_session().get_service_model(service).operation_names
    return {**{xform_name(one): str(one) for one in names}, **SIGNERS.get(service, {})}


@cache
def waiters(service: str) -> dict[str, str]:
    """From a waiter's name, as `get_waiter` takes it, to the operation it repeats."""
    loader = botocore.session.get_session().get_component("data_loader")
    try:
        model = WaiterModel(loader.load_service_model(service, "waiters-2"))
    except botocore.exceptions.UnknownServiceError:
        return {}
    return {xform_name(one): model.get_waiter(one).operation for one in model.waiter_names}


def modules_of(root: Path, package: str) -> list[Path]:
    """The handler of `package` and every module below `root` that it imports, directly or not."""
    return modules_from(root / package / "handler.py", root, "lifeline.lambdas.")


def modules_from(entry: Path, root: Path, prefix: str) -> list[Path]:
    """`entry` and every module it imports, directly or not, of the package `prefix` that lies at `root`."""
    waiting, found = [entry], set[Path]()
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        waiting += _imported(root, path, prefix)
    return sorted(found)


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _imported(root: Path, path: Path, prefix: str) -> Iterator[Path]:
    for node in ast.walk(_parsed(path)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                own = path.relative_to(root).parts[: -node.level]
                base = ".".join([*own, *([base] if base else [])])
            names = [base, *(f"{base}.{one.name}" for one in node.names)]
        for name in names:
            inside = name.removeprefix(prefix)
            yield root / Path(*inside.split(".")).with_suffix(".py")


def calls_in(paths: Iterable[Path], entry: str | None = None) -> list[Call]:
    """Every AWS call in these modules that the function `entry` can reach; without one, every call."""
    trees = {path: _parsed(path) for path in paths}
    made = {one for tree in trees.values() for one in _services_made(tree)}
    calls = [call for path, tree in trees.items() for call in _calls(path, tree, made)]
    if entry is None:
        return sorted(calls)
    reached = _reached(trees, entry)
    return sorted(call for call in calls if call.where in reached)


def _reached(trees: dict[Path, ast.Module], entry: str) -> set[str]:
    """Where (`file:line`) code is that runs on import or is named by code that runs."""
    named: dict[str, list[tuple[Path, ast.AST]]] = {}
    waiting: list[tuple[Path, ast.AST]] = []
    for path, tree in trees.items():
        waiting.append((path, tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                named.setdefault(node.name, []).append((path, node))
    lines: set[str] = set()
    said = {entry, *(name for name in named if name.startswith("__"))}
    for name in sorted(said):
        waiting += named.pop(name, [])
    while waiting:
        path, node = waiting.pop()
        for one in _own(node):
            if hasattr(one, "lineno"):
                lines.add(f"{path.parent.name}/{path.name}:{one.lineno}")
            word = one.id if isinstance(one, ast.Name) else getattr(one, "attr", None)
            waiting += named.pop(word, []) if isinstance(word, str) else []
    return lines


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of `node` but not those of the functions defined inside it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from child.decorator_list
            continue
        yield child
        yield from _own(child)


@cache
def calls_of(root: Path, package: str) -> tuple[Call, ...]:
    """Every AWS call that the package's handler can reach."""
    return tuple(calls_in(modules_of(root, package), entry="handler"))


def _services_made(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            service = _service_of(node)
            if service is not None:
                yield service


def _service_of(node: ast.AST) -> str | None:
    """The service of a call that makes a client; None for any other expression."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    first = node.args[0]
    if not isinstance(first, ast.Constant) or first.value not in services():
        return None
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    called = node.func.id if isinstance(node.func, ast.Name) else called
    return str(first.value) if MAKERS.search(called) or called == "make" else None


def _calls(path: Path, tree: ast.AST, made: set[str]) -> Iterator[Call]:
    receivers = _receivers(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        own = _service_of(node.func.value) or receivers.get(ast.unparse(node.func.value))
        among = {own} if own else made
        candidates = tuple(
            sorted((one, name) for one in among for name in _operation(one, node.func.attr, node))
        )
        if candidates:
            yield Call(f"{path.parent.name}/{path.name}:{node.lineno}", candidates)


def _operation(service: str, method: str, node: ast.Call) -> list[str]:
    if method in ("get_paginator", "get_waiter") and node.args:
        named = node.args[0]
        if not isinstance(named, ast.Constant):
            raise ValueError(f"line {node.lineno}: {method} of a name that the source does not say")
        table = operations(service) if method == "get_paginator" else waiters(service)
        return [table[str(named.value)]] if named.value in table else []
    found = operations(service).get(method)
    return [found] if found else []


def _receivers(tree: ast.AST) -> dict[str, str]:
    """Names that a module gives its clients: `kafka = client("kafka")`, `self._s3 = …`, properties.

    A name that stands for clients of two services stands for none.
    """
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            service = _service_of(node.value)
            for target in node.targets if service else []:
                found.setdefault(ast.unparse(target), set()).add(str(service))
        elif isinstance(node, ast.FunctionDef):
            for one in ast.walk(node):
                service = (
                    _service_of(one.value) if isinstance(one, ast.Return) and one.value else None
                )
                if service:
                    found.setdefault(f"self.{node.name}", set()).add(service)
    return {name: next(iter(of)) for name, of in found.items() if len(of) == 1}
