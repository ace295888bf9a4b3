"""`python -m scripts.account_number REGION`: the number of the account that the credentials are of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 2})


def main(region: str, client: Callable[..., Any] = boto3.client) -> int:
    """0, or 1 with one sentence on standard error."""
    try:
        sts = client("sts", region_name=region, config=CONFIG)
        print(sts.get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        print(f"account: nobody is signed in to AWS ({region}): {error}", file=sys.stderr)
        print("account: $ aws sso login     # or: export AWS_PROFILE=<a profile>", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
