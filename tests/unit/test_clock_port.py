"""Time, waiting and chance come from outside (`lambdas/failover/clock.py`): the code on the recovery path
asks no clock of the machine by itself, so that a test or the simulator can give a virtual one (E5).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORT = "lambdas/failover/clock.py"
CUSTOM_RESOURCE = "a custom resource: CloudFormation runs it in a deployment, never in a recovery"
EXCEPTIONS = {
    "lambdas/cache_membership/member.py": CUSTOM_RESOURCE,
    "lambdas/custom_resource/answer.py": CUSTOM_RESOURCE,
    "lambdas/custom_resource/long_run.py": CUSTOM_RESOURCE,
    "lambdas/empty_bucket/handler.py": CUSTOM_RESOURCE,
    "lambdas/empty_vault/handler.py": CUSTOM_RESOURCE,
    "lambdas/file_replication/handler.py": CUSTOM_RESOURCE,
    "lambdas/file_replication/service.py": CUSTOM_RESOURCE,
    "lambdas/kafka_links/handler.py": CUSTOM_RESOURCE,
}
"""Files that may ask the machine's clock, each with why."""

TIME_FORMS = frozenset({"gmtime", "localtime", "strftime", "strptime", "mktime", "struct_time"})
"""What `time` has that converts a moment which it is given."""
NOW = frozenset({"now", "utcnow", "today"})
CHANCE = frozenset({"random", "secrets"})
CHANCE_OF_UUID = frozenset({"uuid1", "uuid4"})


def uses(source: str) -> list[str]:
    """Each use of the machine's clock or chance, as `line: what`; a reference counts, not only a call."""
    tree = ast.parse(source)
    modules: dict[str, str] = {}
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                modules[name.asname or name.name] = name.name
        elif isinstance(node, ast.ImportFrom):
            found += [
                (node.lineno, f"{node.module}.{name.name}")
                for name in node.names
                if _is_use(str(node.module), name.name)
            ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (node.args or node.keywords):
            waited = ast.unparse(node.func)
            if waited == "stopping.wait" or waited.endswith(".stopping.wait"):
                found.append((node.lineno, waited))
        if not isinstance(node, ast.Attribute):
            continue
        owner = ast.unparse(node.value)
        module = modules.get(owner, "")
        if _is_use(module, node.attr):
            found.append((node.lineno, f"{module}.{node.attr}"))
        elif node.attr in NOW and owner.rpartition(".")[2] in {"datetime", "date"}:
            found.append((node.lineno, f"{owner}.{node.attr}"))
    return [f"{line}: {what}" for line, what in sorted(found)]


def _is_use(module: str, name: str) -> bool:
    return (
        (module == "time" and name not in TIME_FORMS)
        or module in CHANCE
        or (module == "uuid" and name in CHANCE_OF_UUID)
    )


def sources() -> Iterator[tuple[str, str]]:
    """Every source file of functions and services: its path from the root, and its text."""
    for folder in ("lambdas", "services"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def test_only_the_port_asks_the_machines_clock() -> None:
    direct = {
        path: found
        for path, text in sources()
        if path != PORT and path not in EXCEPTIONS and (found := uses(text))
    }
    assert direct == {}, "take a Clock from outside: lambdas/failover/clock.py"


def test_each_exception_is_still_needed() -> None:
    texts = dict(sources())
    assert [path for path in EXCEPTIONS if not uses(texts.get(path, ""))] == []
    assert uses(texts[PORT]), "the port is looked for under its name"


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "import time\ntime.monotonic()",
        "import time\ntime.time_ns()",
        "import time\ndef wait(sleep=time.sleep): ...",
        "import time as clock\nclock.perf_counter()",
        "from time import sleep",
        "import random\nrandom.uniform(0, 1)",
        "from random import random",
        "import secrets\nsecrets.token_hex()",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid4",
        "from datetime import datetime, UTC\ndatetime.now(UTC)",
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "from datetime import date\ndate.today()",
        "def run(stopping): stopping.wait(1.0)",
        "class A:\n    def run(self): self.stopping.wait(1.0)",
    ],
)
def test_a_use_is_found(source: str) -> None:
    assert len(uses(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def ask(clock): clock.monotonic()",
        "class A:\n    def ask(self): self._clock.now()",
        "import time\ntime.gmtime(0)",
        "def run(stopping): stopping.wait()",
        "from datetime import datetime, UTC\ndatetime.fromtimestamp(0, UTC)",
        "import uuid\nuuid.uuid5(uuid.NAMESPACE_URL, 'a')",
        "secrets = client('secretsmanager')\nsecrets.describe_secret()",
    ],
)
def test_what_asks_no_clock_is_no_use(source: str) -> None:
    assert uses(source) == []
