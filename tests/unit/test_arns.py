"""No ARN names the commercial partition by itself: a GovCloud or China region has another."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifeline.lambdas.failover.plan import state_machine_definition
from lifeline.regions import Region
from lifeline.settings import Settings
from lifeline.site import Site

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "constructs",
    "stacks",
    "lambdas",
    "services",
    "lab",
    "drill",
    "scripts",
    "bench",
    "holes",
    "examples",
)
LITERAL = "arn:" + "aws:"


def sources() -> list[Path]:
    """Each file once: inside the package, the other folders are links, which `rglob` does not follow."""
    return sorted(one for folder in FOLDERS for one in (ROOT / folder).rglob("*.py"))


def test_every_folder_is_read() -> None:
    read = {one.relative_to(ROOT).parts[0] for one in sources()}
    assert read == set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_source_spells_a_partition(folder: str) -> None:
    found = [
        f"{one.relative_to(ROOT)}:{number}"
        for one in sources()
        if one.relative_to(ROOT).parts[0] == folder
        for number, line in enumerate(one.read_text().splitlines(), start=1)
        if LITERAL in line
    ]
    assert found == []


@pytest.mark.parametrize(
    ("region", "partition"),
    [("ca-west-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")],
)
def test_the_partition_is_the_regions(region: str, partition: str) -> None:
    site = Site(
        Settings(environment_suffix="test", account="123456789012"), Region(region, "xx1", "")
    )
    assert site.arn("sns", "page") == f"arn:{partition}:sns:{region}:123456789012:page"
    assert site.global_arn("iam", "role/x") == f"arn:{partition}:iam::123456789012:role/x"
    assert site.bucket_arn("audit", "*") == f"arn:{partition}:s3:::audit/*"


def test_the_plans_tasks_call_functions_of_its_partition() -> None:
    machine = str(state_machine_definition("the-function", partition="aws-us-gov"))
    assert "arn:aws-us-gov:states:::lambda:invoke" in machine
    assert f"{LITERAL}states" not in machine
