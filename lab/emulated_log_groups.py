"""The right to make a log group, which the emulator gives to every function.

Runs in the emulator's process. On AWS, Lambda writes a run's log with the function's own role, and makes
a log group that is missing only if that role may `logs:CreateLogGroup`
(https://repost.aws/knowledge-center/lambda-cloudwatch-log-streams-error). Our roles may not: a run that
outlives its log group, as a loop does that is under way during `cdk destroy`, writes nothing.
"""

from __future__ import annotations

import threading
from typing import Any

CREATE = "logs:CreateLogGroup"


def refuse_new_groups(functions: Any, logs: Any, policies: Any) -> None:
    """Let a run write to a log group that is there; let its role decide whether it may make one.

    The modules are `ministack.services.lambda_svc`, `.cloudwatch_logs` and `ministack.core.iam_evaluator`.
    """
    write, delete = functions._emit_lambda_logs, logs._delete_log_group
    # The emulator looks for the group, then writes: a group deleted in between would come back.
    alone = threading.RLock()

    def written(function: dict[str, Any], *said: Any, **more: Any) -> None:
        configuration = function.get("config") or function
        with alone:
            group = _group_of(configuration)
            if group in logs._log_groups or _may_create(configuration, group, logs, policies):
                write(function, *said, **more)

    def deleted(asked: dict[str, Any]) -> Any:
        with alone:
            return delete(asked)

    functions._emit_lambda_logs = written
    logs._delete_log_group = deleted


def _group_of(configuration: dict[str, Any]) -> str:
    chosen = (configuration.get("LoggingConfig") or {}).get("LogGroup")
    return str(chosen or f"/aws/lambda/{configuration['FunctionName']}")


def _may_create(configuration: dict[str, Any], group: str, logs: Any, policies: Any) -> bool:
    """Whether the function's role may make the group. A role that is gone may nothing."""
    role_arn = str(configuration.get("Role", ""))
    name, account = role_arn.rsplit("/", 1)[-1], role_arn.split(":")[4:5]
    if not account:
        return False
    resource = str(logs._make_group_arn(group))
    asked = policies.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account[0],
        action=CREATE,
        resource_arn=resource,
        region=resource.split(":")[3],
    )
    given = policies._gather_role_policies(name, account[0])
    return bool(policies.evaluate(asked, given).decision == "Allow")
