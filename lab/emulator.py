"""Launcher of the AWS emulator; runs in the emulator's own environment (`.venv-emulator`).

What differs from its own entry point:

- Each Kinesis call used to sweep every stored record for expiry: after some minutes at 1,667
  records/s the stream falls behind for that alone. Here a thread sweeps once a minute.
- A function made by CloudFormation used to end the running copies of its namesakes in *every* region: a
  custom resource under way in one region died when the other region's stack made the same function.
- A run made its log group anew after the group was deleted, whatever its role may (`emulated_log_groups`).
- The functions' metric lines are kept as they are written (`emulated_metrics`).
- What topics are sent is kept (`emulated_pages`).
- What it knows can be written down while it runs (`emulated_memory`).
- What state machines call is kept, and refused where the lab could not cut the same (`emulated_faults`).
- Global caches, the second version of MSK's API and an image's replication status are added
  (`emulated_cache`, `emulated_log`, `emulated_images`).
- A resource whose creation failed is deleted, and one can be made to fail (`emulated_rollback`).
- `cdk` is told of a stack's end when it ends (`emulated_stack_looks`).
- What CloudFormation does to each resource is written to a file: its native types are changed inside
  this process, where no proxy sees a call.
- The garbage collector is tuned: millions of small records make its full passes long.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SWEEP_SECONDS = 60.0


def sweep_by_the_minute(kinesis: Any) -> None:
    """Replace the per-call sweep of a `ministack.services.kinesis` module by a thread."""
    expire_one: Callable[[dict[str, Any]], None] = kinesis._expire_records
    kinesis._expire_records = lambda _stream: None

    def sweep() -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            for _key, stream in list(kinesis._streams.all_items()):
                expire_one(stream)

    threading.Thread(target=sweep, name="kinesis-sweep", daemon=True).start()


def keep_to_the_region(functions: Any, responses: Any) -> None:
    """Scope a `ministack.services.lambda_svc` module's invalidation to the region of the request."""
    everywhere: Callable[..., None] = functions.invalidate_worker

    def here(
        name: str,
        qualifier: str | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> None:
        everywhere(
            name,
            qualifier=qualifier,
            account=account or responses.get_account_id(),
            region=region or responses.get_region(),
        )

    functions.invalidate_worker = here


def record_changes(stacks: Any, responses: Any, file: Path) -> None:
    """Append a line for each resource that CloudFormation creates, changes or deletes.

    `stacks` is the `ministack.services.cloudformation.stacks` module. A stack's update goes through all of
    its resources and leaves alone those with equal properties: they get no line.
    """
    update, create, delete = (
        stacks._update_resource, stacks._provision_resource, stacks._delete_resource
    )  # fmt: skip

    def write(done: str, kind: str, stack: Any, logical_id: Any, changed: list[str]) -> None:
        line = {"at": time.time(), "region": responses.get_region(), "stack": stack,
                "resource": logical_id, "type": kind, "done": done, "properties": changed}  # fmt: skip
        with file.open("a") as log:
            log.write(json.dumps(line) + "\n")

    def updated(
        kind: str, physical: str, old: dict[str, Any], new: dict[str, Any], stack: str,
        logical_id: str | None = None, attributes: Any = None,
    ) -> Any:  # fmt: skip
        if old != new:
            changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            write("update", kind, stack, logical_id, changed)
        return update(kind, physical, old, new, stack, logical_id, attributes)

    def created(kind: str, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        write("create", kind, stack, logical_id, [])
        return create(kind, logical_id, properties, stack)

    def deleted(kind: str, physical: str, properties: dict[str, Any], *whose: Any) -> Any:
        stack, logical_id = (*whose, None, None)[:2]
        write("delete", kind, stack, logical_id or physical, [])
        return delete(kind, physical, properties, *whose)

    stacks._update_resource = updated
    stacks._provision_resource = created
    stacks._delete_resource = deleted


def main() -> None:
    """Run the emulator in the foreground, where its environment says (port, host)."""
    from ministack import app  # type: ignore[import-not-found]
    from ministack.core import (  # type: ignore[import-not-found]
        iam_evaluator,
        lambda_runtime,
        persistence,
        responses,
    )
    from ministack.services import (  # type: ignore[import-not-found]
        cloudformation,
        cloudwatch_logs,
        ecr,
        elasticache,
        kinesis,
        lambda_svc,
        msk,
        sns,
        stepfunctions,
    )
    from ministack.services.cloudformation import (  # type: ignore[import-not-found]
        custom_resource,
        stacks,
    )

    sweep_by_the_minute(kinesis)
    keep_to_the_region(lambda_svc, responses)
    # Beside this file; a PYTHONPATH would be handed on to the functions.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from lab.emulated_cache import add_global_groups, tell_cloudformation
    from lab.emulated_faults import keep_fault_calls
    from lab.emulated_images import add_replication_status
    from lab.emulated_log import add_second_version
    from lab.emulated_log_groups import refuse_new_groups
    from lab.emulated_memory import remembered_caches, save_when_told
    from lab.emulated_metrics import keep_metric_lines
    from lab.emulated_pages import keep_pages
    from lab.emulated_rollback import FailedCreates
    from lab.emulated_stack_looks import answer_when_done

    memory = Path(os.environ["STATE_DIR"])
    caches = remembered_caches(memory)
    add_global_groups(elasticache, responses.get_region, caches)
    if persistence.PERSIST_STATE:
        save_when_told(app._build_persistence_save_dict, persistence.save_state, caches, memory)
    tell_cloudformation(stacks, elasticache)
    add_second_version(msk)
    add_replication_status(ecr)
    answer_when_done(cloudformation)
    refuse_new_groups(lambda_svc, cloudwatch_logs, iam_evaluator)
    FailedCreates(Path(os.environ["LAB_PLANTED"])).install(stacks, custom_resource)
    record_changes(stacks, responses, Path(os.environ["LAB_CHANGES"]))
    keep_fault_calls(stepfunctions, responses, Path(os.environ["LAB_FAULTS"]))
    keep_metric_lines(lambda_runtime, Path(os.environ["LAB_METRICS"]))
    keep_pages(sns, Path(os.environ["LAB_PAGES"]))
    gc.set_threshold(50_000, 20, 50)
    app.main()


if __name__ == "__main__":
    main()
