"""What `make deploy` adds to `cdk deploy`: alarms that are made before the first activation tell nobody.

Prints the arguments, one a line. A stack that exists keeps what it has: CloudFormation keeps a parameter's
value; and whatever is not known for certain adds nothing, for by default alarms tell people.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lifeline.naming import ALARM_ACTIONS, OFF
from lifeline.regions import code_of
from lifeline.settings import Settings

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3})
NO_WITNESS = "none"


def client(service: str, region: str) -> Any:
    """A client with time-outs."""
    make: Any = boto3.client
    return make(service, region_name=region, config=CONFIG)


def never_active(region: str, suffix: str) -> bool:
    """Whether the lease table in `region` is certainly not there or without a lease. Raises botocore's."""
    try:
        found = client("dynamodb", region).get_item(
            TableName=f"lease-{suffix}", Key={"id": {"S": "lease"}}, ConsistentRead=True
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return True
        raise
    return "Item" not in found


def is_new(region: str, suffix: str) -> bool:
    """Whether the region's stack of alarms is certainly not there. Raises botocore's."""
    try:
        client("cloudformation", region).describe_stacks(StackName=stack_of(region, suffix))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error):
            return True
        raise
    return False


def stack_of(region: str, suffix: str) -> str:
    """The stack of a region's alarms."""
    return f"observability-{code_of(region)}-{suffix}"


def quiet(*, suffix: str, home: str, recovery: str, witness: str) -> list[str]:
    """The arguments that keep new alarms quiet. Raises botocore's errors."""
    if not never_active(home if witness == NO_WITNESS else witness, suffix):
        return []
    return [
        f"--parameters={stack_of(region, suffix)}:{ALARM_ACTIONS}={OFF}"
        for region in (home, recovery)
        if is_new(region, suffix)
    ]


def main() -> int:
    """The exit status: 0, also when nothing could be asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = Settings(environment_suffix="any")
    parser.add_argument("--suffix", required=True)
    parser.add_argument("--home", default=defaults.home_region)
    parser.add_argument("--recovery", default=defaults.recovery_region)
    parser.add_argument("--witness", default=defaults.witness_region)
    given = parser.parse_args()
    try:
        found = quiet(**vars(given))
    except (BotoCoreError, ClientError) as error:
        print(f"deploy: new alarms will tell people at once: {error}", file=sys.stderr)
        return 0
    if found:
        print("deploy: new alarms are quiet until `lifeline activate`", file=sys.stderr)
    print("\n".join(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
