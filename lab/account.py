"""`python -m lab account`: an empty account for whoever types the commands that lead to AWS.

The regions run, and nothing is deployed. A shell that has read `account.sh` types the commands as they are
written: `AWS_ENDPOINT_URL` leads every call here, and `CDK_APP` names an app whose stacks the emulator takes.
When all its stacks stand, the services are started, as ECS would have done.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from lab.lab import Lab
from lab.places import ALL_REGIONS, HOME
from lab.toolkit import ROOT

NOT_ANSWERED = (
    "quota-elastic-ips", "quota-vpcs", "quota-internet-gateways", "quota-gateway-endpoints",
    "quota-interface-endpoints", "quota-brokers", "quota-database-clusters", "quota-fargate",
    "quota-nat-gateways", "quota-shards", "database-class", "kafka-version", "broker-class", "cache-class",
    "names-registries", "certificates", "backup-opt-in", "service-linked-roles",
)  # fmt: skip
"""Probes of `lifeline preflight` whose calls the emulator does not know, or whose mending call."""
ENGINEER = "engineer"
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
LOOK_SECONDS = 2.0


def serve(lab: Lab) -> None:
    """Run until interrupted. Raises LabError."""
    with lab:
        lab.open_account()
        file = lab.workdir / "account.sh"
        file.write_text(
            "".join(f"export {k}={shlex.quote(v)}\n" for k, v in variables(lab).items())
        )
        lab.say(f"An empty account listens. In another shell: source {file}")
        while not stands(lab):
            time.sleep(LOOK_SECONDS)
        lab.start_services()
        lab.say(f"Every stack of {lab.suffix} stands: its services run.")
        while True:
            time.sleep(3600)


def variables(lab: Lab) -> Mapping[str, str]:
    """What the AWS and CDK command lines, boto3 and `make` read of the environment."""
    key = _key_of_a_person(lab)
    return {
        "AWS_ENDPOINT_URL": lab.places.proxy_url("operator"),
        "AWS_ACCESS_KEY_ID": key[0],
        "AWS_SECRET_ACCESS_KEY": key[1],
        "AWS_REGION": HOME,
        "AWS_DEFAULT_REGION": HOME,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_APP": f"{sys.executable} -m lab.emulated_app {lab.workdir}",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "LAB_DIR": str(lab.workdir),
        "PYTHONPATH": str(ROOT),
        "SKIP_PREFLIGHT": " ".join(NOT_ANSWERED),
    }


def _key_of_a_person(lab: Lab) -> tuple[str, str]:
    """Nobody deploys as the account's root user."""
    iam = lab.observer("iam", HOME)
    iam.create_user(UserName=ENGINEER)
    key = iam.create_access_key(UserName=ENGINEER)["AccessKey"]
    return str(key["AccessKeyId"]), str(key["SecretAccessKey"])


def stands(lab: Lab) -> bool:
    """Whether every stack of the app that was rewritten last is deployed."""
    stacks = lab.stacks()
    try:
        names = {region: set(stacks.names(region)) for region in ALL_REGIONS}
    except (OSError, ValueError):
        return False  # nobody has deployed yet, or it is being written
    return all(one <= _deployed(lab, region) for region, one in names.items())


def _deployed(lab: Lab, region: str) -> set[str]:
    try:
        pages = lab.observer("cloudformation", region).get_paginator("describe_stacks").paginate()
        return {
            str(one["StackName"])
            for page in pages
            for one in page["Stacks"]
            if one["StackStatus"] in DONE
        }
    except (BotoCoreError, ClientError):
        return set()
