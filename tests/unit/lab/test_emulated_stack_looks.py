"""Who looks at a stack that is being changed: the command line waits for its end, nobody else does."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from lab import emulated_stack_looks
from lab.emulated_stack_looks import answer_when_done

CDK = "aws-sdk-js/3.1153.0 api/cloudformation#3.1153.0 m/E aws-cdk/2.1148.1 aws-cdk/ci#true"
BOTO = "Boto3/1.43.106 md/Botocore#1.43.127"
CHANGING = ["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]


def look(states: list[str], user_agent: str = CDK, action: str = "DescribeStacks") -> str:
    """The state that a look shows, of a stack that is in the next state each time it is asked for."""
    left = iter(states)

    async def answer(*_asked: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, f"<StackStatus>{next(left)}</StackStatus>".encode()

    service = SimpleNamespace(handle_request=answer)
    answer_when_done(service)
    body = f"Action={action}&Version=2010-05-15&StackName=data".encode()
    found = asyncio.run(service.handle_request("POST", "/", {"user-agent": user_agent}, body, {}))
    return str(found[2].decode().removeprefix("<StackStatus>").removesuffix("</StackStatus>"))


@pytest.mark.parametrize("end", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_COMPLETE"])
def test_the_command_line_sees_the_end(end: str) -> None:
    assert look([*CHANGING[:2], end]) == end


def test_a_custom_resource_sees_its_stack_change() -> None:
    """It would wait for itself."""
    assert look(CHANGING, user_agent=BOTO) == "CREATE_IN_PROGRESS"


def test_other_calls_are_not_held() -> None:
    assert look(CHANGING, action="DescribeStackEvents") == "CREATE_IN_PROGRESS"


def test_a_stack_in_review_is_not_waited_for() -> None:
    assert look(["REVIEW_IN_PROGRESS", *CHANGING]) == "REVIEW_IN_PROGRESS"


def test_a_change_that_does_not_end_is_shown_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulated_stack_looks, "LONGEST_SECONDS", 0.01)
    assert look(["DELETE_IN_PROGRESS"] * 10) == "DELETE_IN_PROGRESS"
