"""A run's log and the deletion of its group, at the same moment: the group does not come back.

What the emulator does stands in here in its smallest form; the whole is in the lab's own tests.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from lab.emulated_log_groups import refuse_new_groups

GROUP = "/aws/lambda/meter-test"
LONG_ENOUGH_SECONDS = 0.2


def test_a_group_that_is_deleted_while_a_run_writes_stays_deleted() -> None:
    groups: dict[str, list[str]] = {GROUP: []}
    deleting = threading.Thread(target=lambda: logs._delete_log_group({"logGroupName": GROUP}))

    def write(_function: dict[str, Any], _request: str, said: str) -> None:
        # The deletion comes between the emulator's look and its writing; it must wait.
        deleting.start()
        deleting.join(LONG_ENOUGH_SECONDS)
        groups.setdefault(GROUP, []).append(said)

    logs = SimpleNamespace(
        _log_groups=groups, _delete_log_group=lambda asked: groups.pop(asked["logGroupName"])
    )
    functions = SimpleNamespace(_emit_lambda_logs=write)
    refuse_new_groups(functions, logs, policies=None)
    functions._emit_lambda_logs({"config": {"FunctionName": "meter-test"}}, "1", "said")
    deleting.join()
    assert groups == {}
