"""What was changed on the stores, and by whom: from the proxies' logs and from CloudFormation's.

Two witnesses, because there are two ways to change a store. Calls of functions, of the lab's provider and
of the operator pass a fault proxy, which logs what a rule matches: here a rule that does nothing. The
emulator's CloudFormation changes its own types without a call; its launcher writes each change to a file.
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.made_calls import KEPT_BY_PROXY, fired
from lab.places import SOURCES, Places
from lab.substitutions import PROVIDED
from lab.waiting import LabError

STORE_SERVICES = (
    "rds", "elasticache", "efs", "kafka", "kinesis", "dynamodb", "secretsmanager", "s3",
)  # fmt: skip
"""As the proxies name them."""

STORE_TYPES = (
    "AWS::RDS::", "AWS::ElastiCache::", "AWS::EFS::", "AWS::MSK::", "AWS::Kinesis::", "AWS::DynamoDB::",
    "AWS::SecretsManager::", "AWS::S3::",
)  # fmt: skip

READS = ("Describe", "Get", "List", "Head", "Query", "Scan", "BatchGet", "Select", "Validate")

CONTENT = frozenset(
    {
        # What a store holds is its users' affair, also while stacks are deployed.
        ("dynamodb", "PutItem"), ("dynamodb", "UpdateItem"), ("dynamodb", "DeleteItem"),
        ("dynamodb", "BatchWriteItem"), ("dynamodb", "TransactWriteItems"),
        ("kinesis", "PutRecord"), ("kinesis", "PutRecords"), ("kinesis", "SubscribeToShard"),
        # The command line publishes templates and code to its own bucket.
        ("s3", "PutObject"), ("s3", "CreateMultipartUpload"), ("s3", "UploadPart"),
        ("s3", "CompleteMultipartUpload"),
    }
)  # fmt: skip


@dataclass(frozen=True)
class StoreChange:
    """One change. `by` is the calls' source (a proxy) or `cloudformation`."""

    by: str
    region: str
    what: str
    on: str


class StoreWatch:
    """Watches from the moment it is made. Applying or healing a fault replaces its rules: watch anew."""

    def __init__(self, places: Places, changes_file: Path) -> None:
        self._places = places
        self._file = changes_file
        self._from = len(self._lines())
        for source in SOURCES:
            rules = [{"service": service, "latency": 0} for service in STORE_SERVICES]
            _ask(places.proxy(source), "DELETE", "fired")
            _ask(places.proxy(source), "PATCH", "rules", rules)

    def changes(self) -> list[StoreChange]:
        """Every change since. Raises LabError when a proxy may have forgotten some."""
        return [*self._calls(), *self._by_cloudformation()]

    def touched_stacks(self) -> set[str]:
        """The names of the stacks in which CloudFormation changed anything, a store or not."""
        return {str(json.loads(text)["stack"]) for text in self._lines()[self._from :]}

    def _calls(self) -> list[StoreChange]:
        found = []
        for source in SOURCES:
            calls = fired(self._places.proxy(source))
            if len(calls) >= KEPT_BY_PROXY:
                raise LabError(f"The proxy of {source} forgot calls: it keeps {KEPT_BY_PROXY}.")
            for call in calls:
                # A call whose operation is not recognised counts as a change.
                operation = call["operation"] or call["path"]
                if call["service"] not in STORE_SERVICES or operation.startswith(READS):
                    continue
                if (call["service"], operation) not in CONTENT:
                    region = call["region"] or ""
                    found.append(StoreChange(source, region, operation, call["service"]))
        return found

    def _by_cloudformation(self) -> list[StoreChange]:
        found = []
        stand_ins = {custom: real for real, custom in PROVIDED.items()}
        for text in self._lines()[self._from :]:
            line = json.loads(text)
            real = stand_ins.get(line["type"], line["type"])
            if real.startswith(STORE_TYPES):
                what = f"{line['done']} {','.join(line['properties'])}".rstrip()
                on = f"{real} {line['resource']} of {line['stack']}"
                found.append(StoreChange("cloudformation", line["region"], what, on))
        return found

    def _lines(self) -> list[str]:
        return self._file.read_text().splitlines() if self._file.is_file() else []


def _ask(port: int, method: str, path: str, body: Any = None) -> Any:
    """A call to a proxy's own API. Raises OSError."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/_microburst/{path}", method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())
