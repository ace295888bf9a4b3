"""What no stack deletes: the admin's secret that a takeover made a secret of its own in the recovery region.

A takeover stops the replication of the database admin's secret (step `secrets`), so that it can be changed
there. It then belongs to no stack: a live password, which an environment of the same suffix would find and
take for its own. Where the region's stack still stands, as when a person answered no, it does nothing. It
deletes at once, so that the name is free.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lifeline.naming import Names
from lifeline.regions import region_named
from lifeline.settings import Settings

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3})
CDK_JSON = Path(__file__).resolve().parents[1] / "cdk.json"
GONE = "ResourceNotFoundException"


def recovery_of(cdk_json: Path) -> str:
    """The recovery region that `cdk destroy` takes without an option: the context's, or the settings' own."""
    context = json.loads(cdk_json.read_text()).get("context", {})
    return str(context.get("recoveryRegion") or Settings.recovery_region)


def stands(cloudformation: Any, stack: str) -> bool:
    """Whether there is such a stack. Raises ClientError: unknown is not no."""
    try:
        cloudformation.describe_stacks(StackName=stack)
    except ClientError as error:
        said = error.response["Error"]
        if said["Code"] == "ValidationError" and "does not exist" in said.get("Message", ""):
            return False
        raise
    return True


def delete_left(secrets: Any, name: str) -> str:
    """What became of the secret `name`: nothing to do, kept as a replica, or deleted. Raises ClientError."""
    region = secrets.meta.region_name
    try:
        found = secrets.describe_secret(SecretId=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == GONE:
            return f"{region} holds no secret {name}"
        raise
    if found.get("PrimaryRegion") not in (None, region):
        return f"{name} in {region} is a replica of {found['PrimaryRegion']}'s: kept"
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    return f"deleted {name} in {region}, which a takeover had left"


def main() -> int:
    """0: nothing is left. 1, with a sentence on standard error: nobody knows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suffix", required=True)
    parser.add_argument(
        "--recovery", default=None, help="else cdk.json's context, else the default"
    )
    given = parser.parse_args()
    region = given.recovery or recovery_of(CDK_JSON)
    names = Names(suffix=given.suffix, code=region_named(region, role="recovery").code, account="")
    secrets = boto3.client("secretsmanager", region_name=region, config=CONFIG)
    cloudformation = boto3.client("cloudformation", region_name=region, config=CONFIG)
    stack = names.cross_region_name("data")
    try:
        if stands(cloudformation, stack):
            print(f"destroy: the stack {stack} stands in {region}: its secret is kept")
            return 0
        print(f"destroy: {delete_left(secrets, names.regional_name('database-admin'))}")
    except (BotoCoreError, ClientError) as error:
        print(f"destroy: {region} did not answer: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
