"""The calls of state machines, kept for the lab: it makes the cut that such a call makes on AWS.

Runs in the emulator's process. A call that the lab does not know fails the execution, as a wrong right would.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from lab.fault_calls import UnknownFault, translated

ERROR = "Lab.UnknownFault"


def keep_fault_calls(machines: Any, responses: Any, file: Path) -> None:
    """Append a line for each such call that was answered. `machines`: `ministack.services.stepfunctions`."""
    invoke = machines._invoke_aws_sdk_integration
    alone = threading.Lock()

    def kept(resource: str, given: dict[str, Any]) -> Any:
        call = resource.split("aws-sdk:", 1)[1]
        try:
            fault = translated(call, given)
        except UnknownFault as error:
            raise machines._ExecutionError(ERROR, str(error)) from error
        answer = invoke(resource, given)
        if fault is not None:
            line = {"region": responses.get_region(), "call": call, "arguments": given}
            with alone, file.open("a") as log:
                log.write(json.dumps(line) + "\n")
        return answer

    machines._invoke_aws_sdk_integration = kept
