"""Whether a custom resource is deleted because its whole stack goes, or while the stack stays.

CloudFormation sends the same Delete for both: also when an update drops a resource, replaces it or gives
it another logical id, and when an update that did so is rolled back. What a stack that stays still holds
must not be erased for that.
"""

from __future__ import annotations

import boto3
from botocore.config import Config

GOING = frozenset({"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"})
"""The stack is deleted, or its first creation failed and everything in it is taken back.

Not DELETE_FAILED, in which nothing is sent: a repeated deletion is DELETE_IN_PROGRESS again. Not
UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: that is an update dropping something. Not UPDATE_ROLLBACK_IN_PROGRESS
nor UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS: the stack stays, and what is deleted may be a second
resource, under a new logical id, for a store that was there before the update. What an update made and
filled before it failed then stays behind, which somebody can delete; erased data nobody can bring back.
"""

CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 3})


def is_going(stack_id: str) -> bool:
    """Whether the stack itself is being deleted. Raises what the call raises: unknown is not yes."""
    cloudformation = boto3.client("cloudformation", config=CONFIG)
    (stack,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
    return stack["StackStatus"] in GOING
